"""What the store promises when its database is busy, slow, damaged or gone."""

import multiprocessing
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from signer.adapters.store import engine as engine_module
from signer.adapters.store.engine import open_database
from signer.domain.errors import StoreUnavailableError


@pytest.fixture
def numbers(database):
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE number (id INTEGER PRIMARY KEY, value INTEGER)"))
        connection.execute(text("INSERT INTO number VALUES (1, 0), (2, 0)"))
    return database


def value_of(database, number=1):
    with database.read() as connection:
        return connection.execute(
            text("SELECT value FROM number WHERE id = :n"), {"n": number}
        ).scalar_one()


def increment(connection, number=1):
    connection.execute(text("UPDATE number SET value = value + 1 WHERE id = :n"), {"n": number})


def _increments(url, times):
    database = open_database(url)
    for _ in range(times):
        with database.begin() as connection:
            increment(connection)
    database.dispose()


def test_no_increment_is_lost_between_processes(numbers, database_url):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_increments, args=(database_url, 25)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert value_of(numbers) == 75


def test_an_error_in_the_middle_rolls_everything_back(numbers):
    def fail():
        with numbers.begin() as connection:
            increment(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert value_of(numbers) == 0


def test_a_broken_rule_stays_an_integrity_error(numbers):
    with pytest.raises(IntegrityError), numbers.begin() as connection:
        connection.execute(text("INSERT INTO number VALUES (1, 0)"))


def test_a_read_sees_one_state(numbers):
    with numbers.read() as connection:
        first = connection.execute(text("SELECT value FROM number WHERE id = 1")).scalar_one()
        with numbers.begin() as other:
            increment(other)
        again = connection.execute(text("SELECT value FROM number WHERE id = 1")).scalar_one()
    assert (first, again, value_of(numbers)) == (0, 0, 1)


def test_a_read_cannot_write(numbers):
    with pytest.raises((StoreUnavailableError, DBAPIError)), numbers.read() as connection:
        increment(connection)
    assert value_of(numbers) == 0


def test_the_pool_running_dry_is_unavailability(numbers, monkeypatch):
    monkeypatch.setattr(numbers.writer.pool, "_timeout", 0.05)
    capacity = numbers.writer.pool.size() + numbers.writer.pool._max_overflow  # noqa: SLF001 - no public name
    held = [numbers.writer.connect() for _ in range(capacity)]
    try:
        with pytest.raises(StoreUnavailableError), numbers.begin():
            pytest.fail("a connection nobody had")
    finally:
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1)],
)
def test_sqlite_connections_are_set_up_for_safety(sqlite_database, pragma, value):
    for engine in (sqlite_database.writer, sqlite_database.reader):
        with engine.connect() as connection:
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_sqlite_overwrites_what_was_deleted(sqlite_database):
    secret = "canary-98437-deleted"
    path = sqlite_database.writer.url.database
    with sqlite_database.begin() as connection:
        connection.execute(text("CREATE TABLE note (body TEXT)"))
        connection.execute(text("INSERT INTO note VALUES (:body)"), {"body": secret})
    with sqlite_database.begin() as connection:
        connection.execute(text("DELETE FROM note"))
    sqlite_database.dispose()  # the last connection empties the write-ahead log
    with open(path, "rb") as file:  # noqa: PTH123 - a plain look at the bytes
        assert secret.encode() not in file.read()


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


@pytest.fixture
def locking_process(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "chancela.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield holder
    holder.communicate("\n", timeout=30)


@pytest.mark.usefixtures("sqlite_database")
def test_sqlite_locked_by_another_process_is_unavailable_after_the_timeout(
    locking_process, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine_module, "SQLITE_TIMEOUT_SECONDS", 0.3)
    impatient = open_database(f"sqlite:///{tmp_path / 'chancela.db'}")
    assert locking_process.stdout.readline() == "locked\n"
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError) as refused, impatient.begin():
        pytest.fail("wrote through another process's lock")
    assert time.monotonic() - started >= 0.25
    assert refused.value.retry_after == 2
    with impatient.read() as connection:  # readers go on
        connection.execute(text("SELECT 1"))
    impatient.dispose()


def test_sqlite_waits_for_a_short_lock_of_another_process(sqlite_database, locking_process):
    assert locking_process.stdout.readline() == "locked\n"
    timer = threading.Timer(
        0.3, lambda: (locking_process.stdin.write("\n"), locking_process.stdin.flush())
    )
    timer.start()
    with sqlite_database.begin() as connection:
        connection.execute(text("CREATE TABLE after_the_lock (id INTEGER)"))
    timer.join()


def test_a_file_that_is_no_database_is_unavailability(tmp_path):
    path = tmp_path / "other.db"
    path.write_bytes(b"this is something else " * 100)
    foreign = open_database(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailableError) as error, foreign.begin():
        pytest.fail("opened")
    assert isinstance(error.value.__cause__.orig, sqlite3.DatabaseError)
    foreign.dispose()


def test_postgresql_killing_a_connection_is_unavailability_and_the_next_call_works(
    postgres_database,
):
    with (  # noqa: PT012 - the last statement must be the one that fails
        pytest.raises(StoreUnavailableError),
        postgres_database.begin() as connection,
    ):
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with postgres_database.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:p, 5000)"), {"p": process})
        connection.execute(text("SELECT 1"))
    with postgres_database.begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_postgresql_killing_idle_connections_is_not_even_noticed(postgres_database):
    with postgres_database.begin() as connection:
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = open_database(postgres_database.writer.url.render_as_string(hide_password=False))
    with other.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:p, 5000)"), {"p": process})
    other.dispose()
    with postgres_database.begin() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != process


def test_postgresql_gives_up_waiting_for_a_lock(postgres_database, monkeypatch):
    with postgres_database.begin() as connection:
        connection.execute(text("CREATE TABLE number (id INTEGER PRIMARY KEY, value INTEGER)"))
        connection.execute(text("INSERT INTO number VALUES (1, 0)"))
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "5s"
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
    monkeypatch.setitem(engine_module.POSTGRESQL_OPTIONS, "lock_timeout", "200ms")
    url = postgres_database.writer.url.render_as_string(hide_password=False)
    impatient = open_database(url)
    with postgres_database.begin() as connection:
        increment(connection)
        with pytest.raises(StoreUnavailableError), impatient.begin() as other:
            increment(other)
    impatient.dispose()
    assert value_of(postgres_database) == 1


def test_postgresql_deadlocks_are_unavailability_for_one_of_the_two(postgres_database):
    with postgres_database.begin() as connection:
        connection.execute(text("CREATE TABLE number (id INTEGER PRIMARY KEY, value INTEGER)"))
        connection.execute(text("INSERT INTO number VALUES (1, 0), (2, 0)"))
    both = threading.Barrier(2, timeout=10)
    outcomes = []

    def cross(first, second):
        try:
            with postgres_database.begin() as connection:
                increment(connection, first)
                both.wait()
                increment(connection, second)
            outcomes.append("ok")
        except StoreUnavailableError:
            outcomes.append("unavailable")

    threads = [threading.Thread(target=cross, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ok", "unavailable"]
    assert value_of(postgres_database) == 1


def test_a_serialisation_failure_is_unavailability(postgres_database):
    with postgres_database.begin() as connection:
        connection.execute(text("CREATE TABLE number (id INTEGER PRIMARY KEY, value INTEGER)"))
        connection.execute(text("INSERT INTO number VALUES (1, 0)"))
    strict = postgres_database.writer.execution_options(isolation_level="SERIALIZABLE")
    serialisable = engine_module.Database(strict, strict)
    with (  # noqa: PT012 - the last statement must be the one that fails
        pytest.raises(StoreUnavailableError),
        serialisable.begin() as connection,
    ):
        connection.execute(text("SELECT value FROM number")).scalar_one()
        with postgres_database.begin() as other:
            increment(other)
        increment(connection)


def test_postgresql_refusing_connections_is_unavailability(tmp_path):
    nobody_there = open_database(f"postgresql://postgres@/x?host={tmp_path}")
    with pytest.raises(StoreUnavailableError), nobody_there.begin():
        pytest.fail("connected")
    nobody_there.dispose()


def test_sqlite_write_transactions_take_the_lock_at_once(sqlite_database):
    statements = []
    with sqlite_database.writer.connect() as connection:
        connection.connection.dbapi_connection.set_trace_callback(statements.append)
        with connection.begin():
            pass
        connection.connection.dbapi_connection.set_trace_callback(None)
    assert statements == ["BEGIN IMMEDIATE", "COMMIT"]
