"""SQLite's own connections for single prepared SELECTs, without SQLAlchemy's around them."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Dialect, Engine
from sqlalchemy.exc import OperationalError


@dataclass(frozen=True, slots=True)
class BareConnection:
    """Enough of a Connection for ``Prepared``; used by one thread at a time."""

    dialect: Dialect
    connection: sqlite3.Connection


class BareConnections:
    """Made as the engine makes its own, kept while nobody uses them, newest first.

    Taking one costs a list's ``pop``; the engine's pool and Connection cost ten times the query.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._idle: list[BareConnection] = []
        self._generation = 0

    @contextmanager
    def lend(self) -> Iterator[BareConnection]:
        """A connection that is closed when the block raises."""
        with self._lock:
            generation = self._generation
            bare = self._idle.pop() if self._idle else None
        if bare is None:
            bare = self._made()
        try:
            yield bare
        except BaseException:
            bare.connection.close()
            raise
        with self._lock:
            if generation == self._generation:
                self._idle.append(bare)
                return
        bare.connection.close()

    def dispose(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._generation += 1
        for bare in idle:
            bare.connection.close()

    def _made(self) -> BareConnection:
        try:
            pooled = self._engine.raw_connection()
        except sqlite3.Error as error:
            raise OperationalError("connect", None, error) from error
        # The engine's listeners have configured it; SQLAlchemy knows it by its protocol only.
        driver = cast("sqlite3.Connection", pooled.dbapi_connection)
        pooled.detach()
        return BareConnection(self._engine.dialect, driver)
