"""INSERT … ON CONFLICT, which both databases have and SQLAlchemy spells twice."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

UpsertableInsert = sqlite.Insert | postgresql.Insert


def insert_for(connection: Connection, table: Table) -> UpsertableInsert:
    """The dialect's INSERT, which has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def insert_if_missing(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert rows, leaving those whose key exists as they are."""
    connection.execute(insert_for(connection, table).on_conflict_do_nothing(), list(rows))
