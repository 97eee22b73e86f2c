"""Statements of the hot path: written in Core, compiled once a dialect, run on the driver.

Building and matching a Core statement costs ten times what the database needs to run it, so the
statements every signature needs are built when their module is imported and reach the driver as
text.  Types are converted and errors raised exactly as ``Connection.execute`` does it.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Table, Update, bindparam, insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.types import TypeEngine

from signer.adapters.store.bare import BareConnection

AnyConnection = Connection | BareConnection
Processor = Callable[[Any], Any]
Statement = Select[*tuple[Any, ...]] | Insert | Update | Delete

_TWO: Final = 2


class AnyRow(Protocol):
    """A row whose columns are attributes."""

    def __getattr__(self, name: str, /) -> Any:  # noqa: ANN401 - a column has its own type
        """The column ``name``."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What one dialect makes of a statement."""

    text: str
    names: tuple[str, ...]
    """Of the parameters, in the order of their positions."""
    by_name: bool
    """The driver takes a mapping, not a sequence."""
    constants: Mapping[str, object]
    """Parameters that the statement itself has given a value."""
    bind: Mapping[str, Processor]
    result: tuple[tuple[int, Processor], ...]
    row: Callable[[Any], AnyRow]

    def arguments(self, values: Mapping[str, object]) -> Sequence[object] | Mapping[str, object]:
        """Driver values.  Raises KeyError for a parameter without a value."""
        ready = {**self.constants, **values}
        for name, process in self.bind.items():
            ready[name] = process(ready[name])
        if self.by_name:
            return {name: ready[name] for name in self.names}
        return [ready[name] for name in self.names]

    def to_row(self, fetched: Sequence[Any]) -> AnyRow:
        """A row as the driver gave it, with our types."""
        if self.result:
            columns = list(fetched)
            for index, process in self.result:
                columns[index] = process(columns[index])
            fetched = columns
        return self.row(fetched)


class Prepared:
    """One statement with named parameters (``bindparam``); safe to share between threads."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, **values: object) -> None:
        """Execute and ignore what comes back."""
        compiled = self._for(connection)
        self._execute(connection, compiled, compiled.arguments(values)).close()

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
        """Execute once per member of ``rows``."""
        compiled = self._for(connection)
        arguments = [compiled.arguments(row) for row in rows]
        self._execute(connection, compiled, arguments, many=True).close()

    def all(self, connection: AnyConnection, **values: object) -> list[AnyRow]:
        """Every row."""
        compiled = self._for(connection)
        cursor = self._execute(connection, compiled, compiled.arguments(values))
        try:
            return [compiled.to_row(fetched) for fetched in cursor.fetchall()]
        finally:
            cursor.close()

    def one_or_none(self, connection: AnyConnection, **values: object) -> AnyRow | None:
        """The row there is; raises MultipleResultsFound."""
        compiled = self._for(connection)
        cursor = self._execute(connection, compiled, compiled.arguments(values))
        try:
            found = cursor.fetchmany(_TWO)
        finally:
            cursor.close()
        if len(found) == _TWO:
            raise MultipleResultsFound
        return compiled.to_row(found[0]) if found else None

    def one(self, connection: AnyConnection, **values: object) -> AnyRow:
        """The row there must be; raises NoResultFound or MultipleResultsFound."""
        found = self.one_or_none(connection, **values)
        if found is None:
            raise NoResultFound
        return found

    def hits(self, connection: AnyConnection, **values: object) -> bool:
        """Whether a SELECT found, or a conditional change RETURNING something touched, one row."""
        return self.one_or_none(connection, **values) is not None

    def _for(self, connection: AnyConnection) -> _Compiled:
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            # Two threads may both compile; the results are equal.
            compiled = self._compiled[dialect.name] = _compile(self._statement, dialect)
        return compiled

    @staticmethod
    def _execute(
        connection: AnyConnection,
        compiled: _Compiled,
        arguments: Any,  # noqa: ANN401 - the driver's types
        *,
        many: bool = False,
    ) -> DBAPICursor | sqlite3.Cursor:
        cursor = connection.connection.cursor()
        try:
            (cursor.executemany if many else cursor.execute)(compiled.text, arguments)
        except Exception as error:
            cursor.close()
            raise as_sqlalchemy_error(connection, compiled.text, error) from error
        return cursor


class PreparedInsert:
    """INSERT of whole rows; its columns are those the rows name."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._statements: dict[tuple[str, ...], Prepared] = {}

    def run(self, connection: Connection, *rows: Mapping[str, object]) -> None:
        """Insert ``rows``, which all name the same columns (KeyError otherwise)."""
        if not rows:
            return
        names = tuple(rows[0])
        statement = self._statements.get(names)
        if statement is None:
            parameters = insert(self._table).values({name: bindparam(name) for name in names})
            statement = self._statements[names] = Prepared(parameters)
        if len(rows) == 1:
            statement.run(connection, **rows[0])
        else:
            statement.run_many(connection, rows)


def _compile(statement: Statement, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    columns = tuple(statement.exported_columns)
    bind = {
        name: process
        for name in compiled.params
        if (process := _bind_processor(compiled.binds[name].type, dialect)) is not None
    }
    result = tuple(
        (index, process)
        for index, column in enumerate(columns)
        if (process := _result_processor(column.type, dialect)) is not None
    )
    names = [column.name for column in columns]
    row = namedtuple("Row", names)  # type: ignore[misc] # noqa: PYI024 - made at run time
    return _Compiled(
        text=str(compiled),
        names=tuple(compiled.positiontup or compiled.params),
        by_name=compiled.positiontup is None,
        constants={
            name: value
            for name, value in compiled.params.items()
            if not compiled.binds[name].required
        },
        bind=bind,
        result=result,
        row=row._make,  # type: ignore[arg-type] # mypy cannot know its columns
    )


def _bind_processor(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _result_processor(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def as_sqlalchemy_error(connection: AnyConnection, text: str, error: Exception) -> BaseException:
    """The error ``Connection.execute`` raises; a lost connection leaves the pool."""
    dialect = connection.dialect
    base = dialect.loaded_dbapi.Error
    if not isinstance(error, base):
        return error
    lost = False
    if isinstance(connection, Connection):  # a bare one is closed by whoever lent it
        lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        if lost:
            connection.invalidate(error)
    return DBAPIError.instance(
        text,
        None,
        error,
        base,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
