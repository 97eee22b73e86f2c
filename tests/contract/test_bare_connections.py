"""Bare connections of SQLite: configured like the reader's, kept, and gone after ``dispose``."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from signer.adapters.store.engine import open_database
from signer.domain.errors import StoreUnavailableError


@pytest.fixture
def database(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path / 'bare.db'}")
    with opened.begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
    yield opened
    opened.dispose()


def value(bare, query):
    return bare.connection.execute(query).fetchone()[0]


def test_it_is_configured_and_cannot_write(database):
    with database.look() as bare:
        assert value(bare, "PRAGMA query_only") == 1
        assert value(bare, "PRAGMA journal_mode") == "wal"
        assert value(bare, "PRAGMA trusted_schema") == 0
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            bare.connection.execute("INSERT INTO t VALUES (1)")


def test_one_after_the_other_use_the_same_and_none_at_once(database):
    with database.look() as first:
        pass
    with database.look() as again, database.look() as other:
        assert again.connection is first.connection
        assert other.connection is not first.connection


def test_each_look_sees_what_was_committed_before_it(database):
    with database.look() as bare:
        assert value(bare, "SELECT count(*) FROM t") == 0
    with database.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))
    with database.look() as bare:
        assert value(bare, "SELECT count(*) FROM t") == 1


def test_after_a_failure_the_connection_is_not_used_again(database):
    with pytest.raises(ZeroDivisionError), database.look() as failed:
        raise ZeroDivisionError
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        failed.connection.execute("SELECT 1")
    with database.look() as bare:
        assert bare.connection is not failed.connection


def test_dispose_closes_the_idle_and_those_that_come_back_later(database):
    with database.look() as idle:
        pass
    with database.look() as lent:
        assert lent.connection is idle.connection
        with database.look() as second:
            pass
        database.dispose()
        assert value(lent, "SELECT 1") == 1
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            second.connection.execute("SELECT 1")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        lent.connection.execute("SELECT 1")


def test_many_threads_never_share_one(database):
    in_use: set[int] = set()
    lock = threading.Lock()

    def look(_: int) -> bool:
        with database.look() as bare:
            with lock:
                alone = id(bare.connection) not in in_use
                in_use.add(id(bare.connection))
            value(bare, "SELECT count(*) FROM t")
            with lock:
                in_use.discard(id(bare.connection))
            return alone

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(800)))


def test_a_file_that_cannot_be_opened_is_an_unavailable_store(tmp_path):
    missing = open_database(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    with pytest.raises(StoreUnavailableError), missing.look():
        pass
