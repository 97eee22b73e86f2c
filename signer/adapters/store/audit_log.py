"""The common audit log: chains' records in one order, its Merkle tree and its checkpoints."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.audit_rows import (
    PAGE,
    SQLAuditSnapshot,
    select_records,
    to_checkpoint,
    to_record,
)
from signer.adapters.store.engine import Database
from signer.adapters.store.tables.audit import (
    audit_checkpoint,
    audit_log,
    audit_node,
    audit_record,
)
from signer.adapters.store.upsert import insert_if_missing
from signer.domain.audit import AuditRecord, chain_hash
from signer.domain.audit_log import Appended, Checkpoint, StoredRecord
from signer.domain.errors import IntegrityAlarmError
from signer.domain.merkle import (
    GrowingTree,
    consistency_proof,
    frontier_of,
    inclusion_proof,
    leaf_hash,
    tree_root,
)

_LOG = 1


class SQLAuditLog:
    """Appends, reads and proves; each method is one transaction.

    Appending costs one row per record and on average one node; nothing old is read again except
    the tree's frontier.
    """

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def record(self, *records: AuditRecord) -> None:
        """Write records that belong to no other change (reading, exporting, alarms)."""
        with self._database.begin() as connection:
            self._chain.append(connection, *records)

    def append_new(self, limit: int = PAGE) -> Appended:
        """Give up to ``limit`` records that are not in the log their places in it.

        Records of one chain keep their order.  Several callers at once take turns.
        Raises IntegrityAlarmError when the stored log contradicts itself.
        """
        try:
            with self._database.begin() as connection:
                size = self._lock(connection)
                records = [
                    to_record(row) for row in connection.execute(_not_logged(limit)).mappings()
                ]
                if records:
                    self._append(connection, size, records)
        except (LookupError, IntegrityError) as error:
            raise IntegrityAlarmError("the stored audit log contradicts itself") from error
        return Appended(size, len(records), _broken(records))

    def size(self) -> int:
        """Number of records in the log."""
        with self._database.read() as connection:
            return _size(connection)

    def waiting(self) -> int:
        """Number of records not yet in the log."""
        missing = select(func.count()).where(audit_record.c.log_index.is_(None))
        with self._database.read() as connection:
            return connection.execute(missing).scalar_one()

    def root(self, size: int) -> bytes:
        """Merkle tree hash of the first ``size`` records; raises LookupError beyond the log."""
        with self._database.read() as connection:
            return tree_root(_Nodes(connection), size)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Proof that record ``index`` is in the log of ``size`` records (RFC 6962, 2.1.1)."""
        with self._database.read() as connection:
            return inclusion_proof(_Nodes(connection), index, size)

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Proof that the log of ``first`` records begins that of ``second`` (RFC 6962, 2.1.2)."""
        with self._database.read() as connection:
            return consistency_proof(_Nodes(connection), first, second)

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Store the next checkpoint; False when somebody else stored that number first."""
        row = {
            "number": checkpoint.number,
            "size": checkpoint.size,
            "root": checkpoint.root,
            "at": checkpoint.at,
            "body": checkpoint.body,
            "signature": checkpoint.signature,
            "algorithm": checkpoint.algorithm,
            "key_id": checkpoint.key_id,
            "public_key": checkpoint.public_key_der,
            "timestamp_token": checkpoint.timestamp_token,
        }
        with self._database.begin() as connection:
            self._lock(connection)
            if _last_number(connection) + 1 != checkpoint.number:
                return False
            connection.execute(insert(audit_checkpoint), row)
            return True

    def add_timestamp(self, number: int, token: bytes) -> bool:
        """Store the token of a checkpoint that has none; False when it has one by now."""
        stamp = (
            update(audit_checkpoint)
            .where(
                audit_checkpoint.c.number == number,
                audit_checkpoint.c.timestamp_token.is_(None),
            )
            .values(timestamp_token=token)
            .returning(audit_checkpoint.c.number)
        )
        with self._database.begin() as connection:
            return connection.execute(stamp).one_or_none() is not None

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint."""
        newest = select(audit_checkpoint).order_by(audit_checkpoint.c.number.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(newest).mappings().one_or_none()
        return None if row is None else to_checkpoint(row)

    def unstamped(self) -> tuple[Checkpoint, ...]:
        """Checkpoints that still wait for their time-stamp, oldest first."""
        wanted = (
            select(audit_checkpoint)
            .where(audit_checkpoint.c.timestamp_token.is_(None))
            .order_by(audit_checkpoint.c.number)
        )
        with self._database.read() as connection:
            return tuple(to_checkpoint(row) for row in connection.execute(wanted).mappings())

    @contextmanager
    def snapshot(self) -> Iterator[SQLAuditSnapshot]:
        """Everything as it was at one moment."""
        with self._database.read() as connection:
            yield SQLAuditSnapshot(connection)

    def records_about(self, transaction: str) -> tuple[StoredRecord, ...]:
        """All records of one transaction, in the order they were written."""
        wanted = (
            select_records()
            .where(audit_record.c.transaction_id == transaction)
            .order_by(audit_record.c.at, audit_record.c.writer_id, audit_record.c.sequence)
        )
        with self._database.read() as connection:
            return tuple(to_record(row) for row in connection.execute(wanted).mappings())

    def search(
        self,
        *,
        event: str | None = None,
        subject: str | None = None,
        transaction: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> tuple[StoredRecord, ...]:
        """Newest records first; the caller records that somebody read them."""
        filters = {
            audit_record.c.event: event,
            audit_record.c.subject: subject,
            audit_record.c.transaction_id: transaction,
        }
        wanted = select_records().where(
            *(column == value for column, value in filters.items() if value is not None)
        )
        if since is not None:
            wanted = wanted.where(audit_record.c.at >= since)
        if until is not None:
            wanted = wanted.where(audit_record.c.at < until)
        wanted = wanted.order_by(
            audit_record.c.at.desc(), audit_record.c.writer_id, audit_record.c.sequence.desc()
        ).limit(limit)
        with self._database.read() as connection:
            return tuple(to_record(row) for row in connection.execute(wanted).mappings())

    @staticmethod
    def _append(connection: Connection, size: int, records: Sequence[StoredRecord]) -> None:
        reader = _Nodes(connection)
        tree = GrowingTree(size, (reader(level, place) for level, place in frontier_of(size)))
        nodes: list[dict[str, object]] = []
        for record in records:
            connection.execute(
                update(audit_record)
                .where(
                    audit_record.c.writer_id == record.writer,
                    audit_record.c.sequence == record.sequence,
                )
                .values(log_index=tree.size)
            )
            nodes += [
                {"level": level, "position": position, "hash": value}
                for level, position, value in tree.append(record.hash)
                if level
            ]
        if nodes:
            connection.execute(insert(audit_node), nodes)
        connection.execute(update(audit_log).where(audit_log.c.id == _LOG).values(size=tree.size))

    @staticmethod
    def _lock(connection: Connection) -> int:
        lock = (
            update(audit_log)
            .where(audit_log.c.id == _LOG)
            .values(size=audit_log.c.size)
            .returning(audit_log.c.size)
        )
        size = connection.execute(lock).scalar_one_or_none()
        if size is None:
            insert_if_missing(connection, audit_log, [{"id": _LOG, "size": 0}])
            size = connection.execute(lock).scalar_one()
        return int(size)


class _Nodes:
    """Reads complete nodes of the stored tree."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, level: int, position: int) -> bytes:
        if level == 0:
            leaf = select(audit_record.c.hash).where(audit_record.c.log_index == position)
            value = self._connection.execute(leaf).scalar_one_or_none()
            if value is not None:
                return leaf_hash(value)
        else:
            node = select(audit_node.c.hash).where(
                audit_node.c.level == level, audit_node.c.position == position
            )
            value = self._connection.execute(node).scalar_one_or_none()
            if value is not None:
                return bytes(value)
        raise LookupError(f"the log has no node {position} of level {level}")


def _not_logged(limit: int) -> Select[*tuple[object, ...]]:
    return (
        select_records()
        .where(audit_record.c.log_index.is_(None))
        .order_by(audit_record.c.writer_id, audit_record.c.sequence)
        .limit(limit)
    )


def _broken(records: Sequence[StoredRecord]) -> tuple[str, ...]:
    """Records whose hash does not follow from body and predecessor."""
    return tuple(r.place for r in records if chain_hash(r.previous, r.body) != r.hash)


def _size(connection: Connection) -> int:
    size = connection.execute(select(audit_log.c.size).where(audit_log.c.id == _LOG))
    return int(size.scalar_one_or_none() or 0)


def _last_number(connection: Connection) -> int:
    return int(connection.execute(select(func.max(audit_checkpoint.c.number))).scalar_one() or 0)
