"""Redacted calls of the CMD doors as rows: written once, read by the export, purged when due."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select

from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import AnyRow, PreparedInsert
from signer.adapters.store.tables.archive import archived_exchange as exchanges
from signer.domain.cmd_archive import ArchivedExchange

_ADD = PreparedInsert(exchanges)
_PAGE: Final = 500
_PURGED_AT_ONCE: Final = 5000


class SQLArchive:
    """Nothing is ever changed here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, exchange: ArchivedExchange) -> None:
        """Insert."""
        row = {
            "id": exchange.id,
            "at": exchange.at,
            "service": exchange.service,
            "operation": exchange.operation,
            "client_id": exchange.client,
            "transaction_id": exchange.transaction,
            "request": exchange.request,
            "response": exchange.response,
        }
        with self._database.begin() as connection:
            _ADD.run(connection, row)

    def between(
        self, since: datetime, until: datetime, *, client: str = "", transaction: str = ""
    ) -> Iterator[ArchivedExchange]:
        """Oldest first, ``until`` excluded; of one client or transaction when named."""
        query = select(exchanges).where(exchanges.c.at < until)
        if client:
            query = query.where(exchanges.c.client_id == client)
        if transaction:
            query = query.where(exchanges.c.transaction_id == transaction)
        query = query.order_by(exchanges.c.at, exchanges.c.id).limit(_PAGE)
        last, last_id = since, ""
        while True:
            further = (exchanges.c.at > last) | (
                (exchanges.c.at == last) & (exchanges.c.id > last_id)
            )
            with self._database.read() as connection:
                rows = connection.execute(query.where(further)).all()
            yield from (_exchange(row) for row in rows)
            if len(rows) < _PAGE:
                return
            last, last_id = rows[-1].at, rows[-1].id

    def purge(self, before: datetime) -> int:
        """Delete what is older than ``before``, some thousands at once; gives how many."""
        due = select(exchanges.c.id).where(exchanges.c.at < before).limit(_PURGED_AT_ONCE)
        gone = delete(exchanges).where(exchanges.c.id.in_(due)).returning(exchanges.c.id)
        with self._database.begin() as connection:
            return len(connection.execute(gone).all())


def _exchange(row: AnyRow) -> ArchivedExchange:
    return ArchivedExchange(
        id=row.id,
        at=row.at,
        service=row.service,
        operation=row.operation,
        client=row.client_id,
        transaction=row.transaction_id,
        request=row.request,
        response=row.response,
    )
