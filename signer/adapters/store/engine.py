"""Engines that behave alike on SQLite and PostgreSQL, and the one error translation."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from signer.domain.errors import StoreUnavailableError

SQLITE_TIMEOUT_SECONDS = 10
POOL_SIZE = 4


@dataclass(frozen=True, slots=True)
class Database:
    """A writing engine and a reading one (the same on PostgreSQL)."""

    writer: Engine
    reader: Engine

    @property
    def is_sqlite(self) -> bool:
        """True for the embedded database."""
        return self.writer.dialect.name == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One short write transaction; raises StoreUnavailableError when the database fails."""
        with _translated(), self.writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent read."""
        with _translated(), self.reader.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close all pooled connections (before a fork, at the end of a test)."""
        self.writer.dispose()
        if self.reader is not self.writer:
            self.reader.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailableError(retry_after=2) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailableError(retry_after=2) from error
        raise


def open_database(url: str) -> Database:
    """Open ``sqlite:///path`` or ``postgresql://…`` (psycopg 3); nothing connects yet.

    SQLite: the driver's autocommit is taken over by hand and every write transaction starts with
    BEGIN IMMEDIATE, because the driver's own mode silently loses updates.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(
            parsed, pool_size=POOL_SIZE, max_overflow=16, pool_pre_ping=True, pool_timeout=10
        )
        return Database(engine, engine)
    return Database(_sqlite(url, "BEGIN IMMEDIATE"), _sqlite(url, "BEGIN"))


def _sqlite(url: str, begin: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": SQLITE_TIMEOUT_SECONDS, "check_same_thread": False},
        pool_size=POOL_SIZE,
        max_overflow=16,
        pool_timeout=SQLITE_TIMEOUT_SECONDS,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
