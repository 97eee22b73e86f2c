"""Audit rows to domain values, and the whole audit as it was at one moment."""

from collections.abc import Callable, Iterator

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, select

from signer.adapters.store.tables.audit import audit_checkpoint, audit_record, audit_writer
from signer.domain.audit_log import GENESIS, Checkpoint, StoredRecord, WriterHead
from signer.domain.values import from_microseconds

PAGE = 1000

_previous = audit_record.alias("previous")


def select_records() -> Select[*tuple[object, ...]]:
    """Records with the hash of the one before, which a proof of the record needs."""
    return select(audit_record, _previous.c.hash.label("previous_hash")).select_from(
        audit_record.outerjoin(
            _previous,
            and_(
                _previous.c.writer_id == audit_record.c.writer_id,
                _previous.c.sequence == audit_record.c.sequence - 1,
            ),
        )
    )


def to_record(row: RowMapping) -> StoredRecord:
    """A row of :func:`select_records`."""
    return StoredRecord(
        writer=row["writer_id"],
        sequence=row["sequence"],
        body=row["body"],
        previous=bytes(row["previous_hash"] or GENESIS),
        hash=bytes(row["hash"]),
        log_index=row["log_index"],
        at=row["at"],
        event=row["event"],
        subject=row["subject"],
        transaction=row["transaction_id"],
    )


def to_checkpoint(row: RowMapping) -> Checkpoint:
    """A row of ``audit_checkpoint``."""
    return Checkpoint(
        body=row["body"],
        number=row["number"],
        size=row["size"],
        root=bytes(row["root"]),
        at=row["at"],
        signature=bytes(row["signature"]),
        algorithm=row["algorithm"],
        key_id=row["key_id"],
        public_key_der=bytes(row["public_key"]),
        timestamp_token=row["timestamp_token"],
    )


class SQLAuditSnapshot:
    """Reads page by page inside the caller's one read transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def writers(self) -> tuple[WriterHead, ...]:
        """Every chain, oldest first, then chains whose head somebody deleted."""
        heads = select(audit_writer).order_by(audit_writer.c.started_at, audit_writer.c.id)
        known = [
            WriterHead(
                writer=row.id,
                started_at=row.started_at,
                sequence=row.sequence,
                head=bytes(row.head),
            )
            for row in self._connection.execute(heads)
        ]
        stray = (
            select(audit_record.c.writer_id)
            .distinct()
            .where(audit_record.c.writer_id.not_in(select(audit_writer.c.id)))
            .order_by(audit_record.c.writer_id)
        )
        known += [
            WriterHead(writer=writer, started_at=from_microseconds(0), sequence=0, head=GENESIS)
            for writer in self._connection.execute(stray).scalars()
        ]
        return tuple(known)

    def records_of(self, writer: str) -> Iterator[StoredRecord]:
        """All records of a chain by sequence, also those that should not be there."""
        chain = select_records().where(audit_record.c.writer_id == writer)
        return self._pages(
            chain.order_by(audit_record.c.sequence),
            lambda last: audit_record.c.sequence > last.sequence,
        )

    def entries(self) -> Iterator[StoredRecord]:
        """The log in its order."""
        logged = select_records().where(audit_record.c.log_index.is_not(None))
        return self._pages(
            logged.order_by(audit_record.c.log_index),
            lambda last: audit_record.c.log_index > last.log_index,
        )

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All checkpoints in order."""
        wanted = select(audit_checkpoint).order_by(audit_checkpoint.c.number)
        return tuple(to_checkpoint(row) for row in self._connection.execute(wanted).mappings())

    def _pages(
        self,
        wanted: Select[*tuple[object, ...]],
        after: Callable[[StoredRecord], ColumnElement[bool]],
    ) -> Iterator[StoredRecord]:
        page = wanted.limit(PAGE)
        while True:
            records = [to_record(row) for row in self._connection.execute(page).mappings()]
            yield from records
            if len(records) < PAGE:
                return
            page = wanted.where(after(records[-1])).limit(PAGE)
