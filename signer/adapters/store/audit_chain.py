"""Appends audit records to this process's hash chain, inside the caller's transaction."""

import uuid
from datetime import datetime

from sqlalchemy import Connection, bindparam, update

from signer.adapters.store.prepared import Prepared, PreparedInsert
from signer.adapters.store.tables.audit import audit_record, audit_writer
from signer.adapters.store.upsert import insert_if_missing
from signer.domain.audit import AuditRecord, chain_hash, record_body
from signer.domain.audit_log import GENESIS
from signer.ports import Clock

_MINE = audit_writer.c.id == bindparam("writer")
_LOCK_HEAD = Prepared(
    update(audit_writer)
    .where(_MINE)
    .values(sequence=audit_writer.c.sequence)
    .returning(audit_writer.c.head, audit_writer.c.sequence)
)
_MOVE_HEAD = Prepared(
    update(audit_writer).where(_MINE).values(head=bindparam("head"), sequence=bindparam("sequence"))
)
_APPEND = PreparedInsert(audit_record)


class AuditChain:
    """One writer = one process start.  ``append`` is the last statement of a store method.

    The head is a row: locked by the update, so records of one writer are strictly ordered.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.writer_id = str(uuid.uuid4())

    def append(self, connection: Connection, *records: AuditRecord) -> None:
        """Write ``records`` in order; the caller's transaction commits them with its own rows."""
        if not records:
            return
        now = self._clock.now()
        head, sequence = self._lock_head(connection, now)
        rows = []
        for record in records:
            sequence += 1
            body = record_body(record, writer=self.writer_id, sequence=sequence, at=now)
            head = chain_hash(head, body)
            rows.append(
                {
                    "writer_id": self.writer_id,
                    "sequence": sequence,
                    "at": now,
                    "event": record.event.value,
                    "subject": record.subject,
                    "transaction_id": record.transaction,
                    "body": body,
                    "hash": head,
                }
            )
        _APPEND.run(connection, *rows)
        _MOVE_HEAD.run(connection, writer=self.writer_id, head=head, sequence=sequence)

    def _lock_head(self, connection: Connection, now: datetime) -> tuple[bytes, int]:
        row = _LOCK_HEAD.one_or_none(connection, writer=self.writer_id)
        if row is None:
            # Two threads may both write this process's first record.
            first = {"id": self.writer_id, "started_at": now, "sequence": 0, "head": GENESIS}
            insert_if_missing(connection, audit_writer, [first])
            row = _LOCK_HEAD.one(connection, writer=self.writer_id)
        return row.head, row.sequence
