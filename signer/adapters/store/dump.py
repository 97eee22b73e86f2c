"""All rows to files and back, the same on every database: one consistent view, JSON lines.

A file per table: its first line names the columns, each further line is one row.  Bytes are
``{"b": base64}``, dates ``{"d": RFC 3339 full-date}``.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, Table, delete, func, insert, select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.tables.accounts import credential
from signer.adapters.store.tables.activation import (
    challenge,
    service_grant,
    signing_transaction,
    slot,
)
from signer.adapters.store.tables.idempotency import idempotent_request
from signer.domain.audit import AuditRecord
from signer.domain.errors import ConfigurationError, ConflictError
from signer.domain.transaction import TransactionState
from signer.ports import Clock

_BATCH: Final = 500
_REVISION_TABLE: Final = "alembic_version"

Cell = str | int | float | bool | bytes | date | None


def dump_tables(database: Database, directory: Path) -> dict[str, int]:
    """Write every table into the new folder ``directory`` (files 0600); rows by table.

    Raises StoreUnavailableError.
    """
    directory.mkdir(mode=0o700)
    with database.read() as connection:
        return {
            table.name: _dump(connection, table, directory / f"{table.name}.jsonl")
            for table in _tables(connection)
        }


def load_tables(database: Database, directory: Path) -> dict[str, int]:
    """Read what :func:`dump_tables` wrote into tables of the same revision, all or nothing.

    Raises ConflictError when a table holds rows, ConfigurationError when a file does not fit.
    """
    with database.begin() as connection:
        tables = _tables(connection)
        files = {path.stem for path in directory.glob("*.jsonl")}
        if files != {table.name for table in tables}:
            differ = sorted(files ^ {table.name for table in tables})
            raise ConfigurationError(f"backup and tables differ: {', '.join(differ)}")
        for table in tables:
            if connection.execute(select(func.count()).select_from(table)).scalar_one():
                raise ConflictError(f"table {table.name} holds rows already")
        return {
            table.name: _load(connection, table, directory / f"{table.name}.jsonl")
            for table in tables
        }


def end_what_was_open(
    database: Database, chain: AuditChain, clock: Clock, *, audit: AuditRecord
) -> int:
    """Void every right to sign that a copy of the past would give a second time.

    A slot, grant or code used after the copy was made is unused in the copy.  Deletes all but
    permanent slots, grants, challenges and stored answers; ends transactions.  Gives how many
    transactions that were.
    """
    running = (TransactionState.CREATED, TransactionState.ASKED, TransactionState.CLAIMED)
    with database.begin() as connection:
        connection.execute(delete(slot).where(slot.c.expires_at.is_not(None)))
        for table in (service_grant, challenge, idempotent_request):
            connection.execute(delete(table))
        ended = connection.execute(
            update(signing_transaction)
            .where(signing_transaction.c.state.in_([state.value for state in running]))
            .values(state=TransactionState.FAILED.value, ended_at=clock.now(), failure="restored")
            .returning(signing_transaction.c.id)
        ).all()
        chain.append(connection, audit)
    return len(ended)


def count_keys(database: Database) -> int:
    """Signing keys in the database: credentials whose blob is there."""
    wanted = select(func.count()).where(credential.c.blob.is_not(None))
    with database.read() as connection:
        return int(connection.execute(wanted).scalar_one())


def count_keys_in(directory: Path) -> int:
    """The same, in a copy."""
    with (directory / f"{credential.name}.jsonl").open(encoding="utf-8", newline="\n") as file:
        columns = json.loads(next(file))
        return sum(row[credential.c.blob.name] is not None for row in _rows(columns, file))


def _tables(connection: Connection) -> Sequence[Table]:
    """As they are in the database, referenced tables first: raw values, whatever the program."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _REVISION_TABLE]


def _dump(connection: Connection, table: Table, path: Path) -> int:
    columns = [column.name for column in table.columns]
    rows = connection.execution_options(yield_per=_BATCH).execute(
        select(table).order_by(*table.primary_key.columns)
    )
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(columns) + "\n")
        for row in rows:
            cells = [_written(cell) for cell in row]
            file.write(json.dumps(cells, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def _load(connection: Connection, table: Table, path: Path) -> int:
    count = 0
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            columns = json.loads(next(file))
            if sorted(columns) != sorted(column.name for column in table.columns):
                raise ConfigurationError(f"the columns of {path.name} are others")
            rows = _rows(columns, file)
            while batch := list(islice(rows, _BATCH)):
                connection.execute(insert(table), batch)
                count += len(batch)
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise ConfigurationError(f"{path.name} is no table of a backup") from error
    return count


def _rows(columns: Sequence[str], lines: Iterator[str]) -> Iterator[dict[str, Cell]]:
    for line in lines:
        yield dict(zip(columns, map(_read, json.loads(line)), strict=True))


def _written(cell: Cell) -> object:
    if isinstance(cell, bytes | memoryview):
        return {"b": base64.b64encode(cell).decode()}
    if isinstance(cell, date):
        return {"d": cell.isoformat()}
    return cell


def _read(cell: "str | int | float | bool | Mapping[str, str] | None") -> Cell:
    if isinstance(cell, Mapping):
        if "b" in cell:
            return base64.b64decode(cell["b"], validate=True)
        return date.fromisoformat(cell["d"])
    return cell
