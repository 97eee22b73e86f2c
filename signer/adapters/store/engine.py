"""Engines that behave alike on SQLite and PostgreSQL, and the one error translation."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from signer.adapters.store.bare import BareConnections
from signer.adapters.store.prepared import AnyConnection, as_sqlalchemy_error
from signer.domain.errors import StoreUnavailableError

SQLITE_TIMEOUT_SECONDS = 10
SQLITE_PAUSE_MILLISECONDS = 1
POOL_SIZE = 4
POOL_TIMEOUT_SECONDS = 10
POSTGRESQL_OPTIONS = {
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "TimeZone": "UTC",
}
"""No request waits for ever, and a stuck process does not keep its row locks."""


@dataclass(frozen=True, slots=True)
class Database:
    """A writing engine and a reading one (on PostgreSQL they share their connections)."""

    writer: Engine
    reader: Engine
    bare: BareConnections | None = None
    """SQLite only: what :meth:`look` lends."""

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
    def look(self) -> Iterator[AnyConnection]:
        """For one prepared SELECT, which is consistent by itself: SQLite needs no BEGIN for it."""
        if self.bare is not None:
            with _translated(), self.bare.lend() as bare:
                yield bare
            return
        with _translated(), self.reader.connect() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent read; the database itself refuses to write in it."""
        with _translated(), self.reader.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close all pooled connections (before a fork, at the end of a test)."""
        self.writer.dispose()
        self.reader.dispose()
        if self.bare is not None:
            self.bare.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    """Faults of the database become StoreUnavailableError; mistakes in our SQL stay as they are.

    OperationalError covers lost connections, SQLite's "locked" and "disk is full", and
    PostgreSQL's deadlocks, serialisation failures and timeouts.
    """
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, PoolTimeoutError) as error:
        raise StoreUnavailableError(retry_after=2) from error
    except DBAPIError as error:
        # The plain class is what SQLite raises for a damaged or foreign file.
        if error.connection_invalidated or type(error) is DatabaseError:
            raise StoreUnavailableError(retry_after=2) from error
        raise


def open_database(url: str) -> Database:
    """Open ``sqlite:///path`` or ``postgresql://…`` (psycopg 3); nothing connects yet.

    SQLite: the driver's autocommit is taken over by hand and every write transaction starts with
    BEGIN IMMEDIATE, because the driver's own mode silently loses updates.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        reader = _sqlite_reader(url)
        return Database(_sqlite_writer(url), reader, BareConnections(reader))
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    options = " ".join(f"-c {name}={value}" for name, value in POSTGRESQL_OPTIONS.items())
    engine = create_engine(
        parsed,
        connect_args={"connect_timeout": POOL_TIMEOUT_SECONDS, "options": options},
        pool_size=POOL_SIZE,
        max_overflow=16,
        pool_pre_ping=True,
        pool_timeout=POOL_TIMEOUT_SECONDS,
    )
    # Several selects of one read see one state only from this level on (SQLite always does so).
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(engine, reader)


def _sqlite_writer(url: str) -> Engine:
    """One connection a process: its threads queue for it and are woken, first come first served.

    Between processes SQLite's own wait sleeps up to 100 ms at a time and lets newcomers pass, which
    made the slowest signatures; ours asks again every millisecond or two.
    """
    engine = create_engine(
        url,
        connect_args={"timeout": SQLITE_TIMEOUT_SECONDS, "check_same_thread": False},
        pool_size=1,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
    )
    # The last pragma, because switching to WAL may have to wait.
    event.listen(engine, "connect", _configured(f"busy_timeout={SQLITE_PAUSE_MILLISECONDS}"))

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        deadline = time.monotonic() + SQLITE_TIMEOUT_SECONDS
        while not _begun(connection, "BEGIN IMMEDIATE", patient=time.monotonic() < deadline):
            time.sleep(SQLITE_PAUSE_MILLISECONDS / 1000)

    return engine


def _sqlite_reader(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": SQLITE_TIMEOUT_SECONDS, "check_same_thread": False},
        pool_size=POOL_SIZE,
        max_overflow=16,
        pool_timeout=POOL_TIMEOUT_SECONDS,
    )
    event.listen(engine, "connect", _configured("query_only=ON"))

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        _begun(connection, "BEGIN", patient=False)

    return engine


def _configured(*pragmas: str) -> Callable[[sqlite3.Connection, object], None]:
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            "trusted_schema=OFF",
            *pragmas,
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    return configure


def _begun(connection: Connection, begin: str, *, patient: bool) -> bool:
    """Begin, straight on the driver; False when another process writes and we can wait."""
    try:
        connection.connection.cursor().execute(begin).close()
    except sqlite3.Error as error:
        if patient and error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return False
        raise as_sqlalchemy_error(connection, begin, error) from error
    return True
