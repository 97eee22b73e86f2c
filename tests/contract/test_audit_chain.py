"""The audit chain on both databases: order, races, and no change without its record."""

import multiprocessing
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import open_database
from signer.adapters.store.tables.audit import audit_record, audit_writer
from signer.adapters.store.tables.statistics import statistic
from signer.domain.audit import AuditEvent, AuditRecord, chain_hash
from signer.domain.audit_log import GENESIS
from signer.domain.errors import StoreUnavailableError
from tests.fixtures.clock import FixedClock

CHANGE = insert(statistic).values(day="2026-01-01", event="x", channel="", client="", count=1)


def record(**facts):
    return AuditRecord(event=AuditEvent.SIGNATURE_MADE, subject="s", facts=facts)


def rows_of(database):
    wanted = select(audit_record).order_by(audit_record.c.writer_id, audit_record.c.sequence)
    with database.read() as connection:
        return connection.execute(wanted).all()


def assert_chained(database):
    """Every chain is whole and ends at its head; gives the number of records per writer."""
    counts = defaultdict(int)
    with database.read() as connection:
        heads = {row.id: row for row in connection.execute(select(audit_writer))}
    for writer, rows in groupby(rows_of(database), key=lambda row: row.writer_id):
        head = GENESIS
        for number, row in enumerate(rows, start=1):
            assert row.sequence == number
            head = chain_hash(head, row.body)
            assert row.hash == head
            counts[writer] = number
        assert (heads[writer].head, heads[writer].sequence) == (head, counts[writer])
    return dict(counts)


def test_each_record_links_to_the_one_before(database, audit_chain):
    for number in range(3):
        with database.begin() as connection:
            audit_chain.append(connection, record(number=number), record(number=-number))
    assert assert_chained(database) == {audit_chain.writer_id: 6}


def test_no_records_leave_no_trace(database, audit_chain):
    with database.begin() as connection:
        audit_chain.append(connection)
    assert assert_chained(database) == {}


def test_a_rolled_back_change_takes_its_record_along(database, audit_chain):
    def fail():
        with database.begin() as connection:
            connection.execute(CHANGE)
            audit_chain.append(connection, record())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.begin() as connection:
        audit_chain.append(connection, record())
    assert assert_chained(database) == {audit_chain.writer_id: 1}


def test_threads_on_one_chain_are_put_in_one_order(database, audit_chain):
    """The first append is raced too: it makes the writer's row."""

    def write(number):
        with database.begin() as connection:
            audit_chain.append(connection, record(number=number), record(number=number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(60)))
    assert assert_chained(database) == {audit_chain.writer_id: 120}


def _write_from_a_process(url, times):
    database = open_database(url)
    chain = AuditChain(FixedClock())
    for number in range(times):
        with database.begin() as connection:
            chain.append(connection, record(number=number))
    database.dispose()


def test_processes_write_chains_of_their_own(database, database_url):
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_write_from_a_process, args=(database_url, 20)) for _ in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert sorted(assert_chained(database).values()) == [20, 20, 20]


@pytest.mark.parametrize("broken", ["table gone", "place taken", "not canonical"])
def test_without_its_record_no_change_is_made(database, audit_chain, broken):
    with database.begin() as connection:
        audit_chain.append(connection, record())
    expected = {
        "table gone": Exception,
        "place taken": IntegrityError,
        "not canonical": TypeError,
    }[broken]
    if broken == "table gone":
        with database.begin() as connection:
            connection.execute(text("ALTER TABLE audit_record RENAME TO elsewhere"))
    if broken == "place taken":
        with database.begin() as connection:
            connection.execute(update(audit_writer).values(sequence=0))
    facts = {"pi": 3.14} if broken == "not canonical" else {}

    def change():
        with database.begin() as connection:
            connection.execute(CHANGE)
            audit_chain.append(connection, record(**facts))

    with pytest.raises(expected):
        change()
    with database.read() as connection:
        assert connection.execute(select(statistic)).all() == []


def test_when_the_head_stays_locked_the_change_is_refused(postgres_database, audit_chain):
    """Fail closed also when the audit is only busy."""
    database = postgres_database
    with database.begin() as connection:
        audit_chain.append(connection, record())

    def change():
        with database.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
            connection.execute(CHANGE)
            audit_chain.append(connection, record())

    with database.begin() as connection:
        audit_chain.append(connection, record())
        with pytest.raises(StoreUnavailableError):
            change()
    with database.read() as connection:
        assert connection.execute(select(statistic)).all() == []
    assert assert_chained(database) == {audit_chain.writer_id: 2}
