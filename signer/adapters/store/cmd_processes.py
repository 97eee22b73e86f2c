"""Processes of the CMD doors: written once when a ProcessId is given, found by its hash."""

import json
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import AnyRow, Prepared, PreparedInsert
from signer.adapters.store.tables.cmd import cmd_lookup as lookups
from signer.adapters.store.tables.cmd import cmd_process as processes
from signer.adapters.store.upsert import insert_for
from signer.domain.cmd_process import CMDProcess, DocumentLabel, ProcessKind, Refusal
from signer.domain.values import ClientId, SignerId, TransactionId

_ADD = PreparedInsert(processes)
_FIND = Prepared(
    select(processes).where(
        processes.c.handle_sha256 == bindparam("handle"),
        processes.c.client_id == bindparam("client"),
        processes.c.expires_at > bindparam("now"),
    )
)
_RESENT = Prepared(
    update(processes)
    .where(
        processes.c.handle_sha256 == bindparam("handle"),
        processes.c.codes_sent < bindparam("limit"),
    )
    .values(codes_sent=processes.c.codes_sent + 1)
    .returning(processes.c.handle_sha256)
)
_LOOKED_UP = Prepared(
    select(lookups.c.at).where(
        lookups.c.client_id == bindparam("client"),
        lookups.c.subject == bindparam("subject"),
        lookups.c.address == bindparam("address"),
        lookups.c.at > bindparam("since"),
    )
)


class SQLCMDProcessStore:
    """What happened is audited by the operations; these rows only lead back to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, process: CMDProcess) -> None:
        """Insert."""
        refusal = process.refusal
        row = {
            "handle_sha256": process.handle_sha256,
            "client_id": process.client,
            "kind": process.kind.value,
            "subject": process.subject,
            "account_id": process.signer,
            "transaction_id": process.transaction,
            "refusal": refusal.reason if refusal else None,
            "refusal_field": refusal.member if refusal else None,
            "labels": json.dumps([[one.name, one.id] for one in process.labels]),
            "approvable": process.approvable,
            "codes_sent": process.codes_sent,
            "created_at": process.created_at,
            "expires_at": process.expires_at,
        }
        with self._database.begin() as connection:
            _ADD.run(connection, row)

    def find(self, handle_sha256: str, client: ClientId, now: datetime) -> CMDProcess | None:
        """The unexpired one of this client; unknown, somebody else's and expired are None."""
        with self._database.look() as connection:
            row = _FIND.one_or_none(connection, handle=handle_sha256, client=client, now=now)
        return None if row is None else _process_of(row)

    def count_code(self, handle_sha256: str, *, limit: int) -> bool:
        """One more code for this process; False when ``limit`` were sent already."""
        with self._database.begin() as connection:
            return _RESENT.hits(connection, handle=handle_sha256, limit=limit)

    def looked_up(self, client: ClientId, subject: str, address: str, now: datetime) -> None:
        """Remember an authenticated look-up from this address (a pseudonym of it)."""
        row = {"client_id": client, "subject": subject, "address": address, "at": now}
        with self._database.begin() as connection:
            statement = insert_for(connection, lookups).on_conflict_do_update(
                index_elements=["client_id", "subject", "address"], set_={"at": now}
            )
            connection.execute(statement, row)

    def has_looked_up(self, client: ClientId, subject: str, address: str, since: datetime) -> bool:
        """Tell whether such a look-up was made since."""
        with self._database.look() as connection:
            found = _LOOKED_UP.one_or_none(
                connection, client=client, subject=subject, address=address, since=since
            )
        return found is not None

    def purge(self, now: datetime, *, looked_up_before: datetime) -> int:
        """Delete expired processes and old look-ups; gives how many."""
        with self._database.begin() as connection:
            gone = connection.execute(delete(processes).where(processes.c.expires_at <= now))
            old = connection.execute(delete(lookups).where(lookups.c.at <= looked_up_before))
            return gone.rowcount + old.rowcount


def _process_of(row: AnyRow) -> CMDProcess:
    return CMDProcess(
        handle_sha256=row.handle_sha256,
        client=ClientId(row.client_id),
        kind=ProcessKind(row.kind),
        subject=row.subject,
        signer=SignerId(row.account_id) if row.account_id else None,
        transaction=TransactionId(row.transaction_id) if row.transaction_id else None,
        refusal=Refusal(reason=row.refusal, member=row.refusal_field) if row.refusal else None,
        labels=tuple(DocumentLabel(*pair) for pair in json.loads(row.labels)),
        approvable=row.approvable,
        codes_sent=row.codes_sent,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
