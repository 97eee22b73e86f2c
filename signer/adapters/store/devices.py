"""Devices and approvals as rows: the first answer is final, decided by one conditional update."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import AnyRow, Prepared
from signer.adapters.store.queue import Queue
from signer.adapters.store.tables.activation import signing_transaction as transactions
from signer.adapters.store.tables.devices import approval as approvals
from signer.adapters.store.tables.devices import device as devices
from signer.adapters.store.upsert import insert_for
from signer.domain.approval import Answer, Decision, Device, DeviceId
from signer.domain.audit import AuditRecord
from signer.domain.outgoing import OutgoingMessage
from signer.domain.transaction import TransactionState
from signer.domain.values import SignerId, TransactionId

_OF = Prepared(
    select(devices)
    .where(devices.c.account_id == bindparam("account"), devices.c.revoked_at.is_(None))
    .order_by(devices.c.created_at, devices.c.id)
)
_BY_ID = Prepared(
    select(devices).where(devices.c.id == bindparam("device"), devices.c.revoked_at.is_(None))
)
_ANSWERED = Prepared(
    select(approvals).where(
        approvals.c.transaction_id == bindparam("transaction"), approvals.c.decision.is_not(None)
    )
)


class SQLDeviceStore:
    """Revoked devices stay as rows: what they approved is evidence."""

    def __init__(self, database: Database, chain: AuditChain, queue: Queue) -> None:
        self._database = database
        self._chain = chain
        self._queue = queue

    def add(
        self, device: Device, *, outgoing: Sequence[OutgoingMessage], audit: AuditRecord
    ) -> bool:
        """False, with nothing written, when this key was registered before, by whomever."""
        with self._database.begin() as connection:
            added = connection.execute(
                insert_for(connection, devices)
                .values(
                    id=device.id,
                    account_id=device.signer,
                    name=device.name,
                    svd_der=device.svd_der,
                    registration=device.registration,
                    created_at=device.created_at,
                )
                .on_conflict_do_nothing()
                .returning(devices.c.id)
            ).first()
            if added is None:
                return False
            self._queue.put(connection, outgoing)
            self._chain.append(connection, audit)
            return True

    def revoke(
        self,
        signer: SignerId,
        device: DeviceId,
        at: datetime,
        *,
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool:
        """False when the person has no such device (any more)."""
        revoked = (
            update(devices)
            .where(
                devices.c.id == device,
                devices.c.account_id == signer,
                devices.c.revoked_at.is_(None),
            )
            .values(revoked_at=at)
            .returning(devices.c.id)
        )
        with self._database.begin() as connection:
            if connection.execute(revoked).first() is None:
                return False
            self._queue.put(connection, outgoing)
            self._chain.append(connection, audit)
            return True

    def of(self, signer: SignerId) -> tuple[Device, ...]:
        """Those not revoked, oldest first."""
        with self._database.look() as connection:
            rows = _OF.all(connection, account=signer)
        return tuple(_device(row) for row in rows)

    def by_id(self, device: DeviceId) -> Device | None:
        """Unknown and revoked are None."""
        with self._database.look() as connection:
            row = _BY_ID.one_or_none(connection, device=device)
        return None if row is None else _device(row)

    def offer(
        self,
        transaction: TransactionId,
        signer: SignerId,
        at: datetime,
        expires_at: datetime,
        *,
        audit: AuditRecord,
    ) -> None:
        """Let the person's devices see the transaction; once is enough."""
        with self._database.begin() as connection:
            connection.execute(
                insert_for(connection, approvals)
                .values(
                    transaction_id=transaction,
                    account_id=signer,
                    asked_at=at,
                    expires_at=expires_at,
                )
                .on_conflict_do_nothing()
            )
            self._chain.append(connection, audit)

    def pending(
        self, signer: SignerId, now: datetime, limit: int = 20
    ) -> tuple[TransactionId, ...]:
        """What the person's devices are asked now, newest first."""
        query = (
            select(approvals.c.transaction_id)
            .join(transactions, transactions.c.id == approvals.c.transaction_id)
            .where(
                approvals.c.account_id == signer,
                approvals.c.decision.is_(None),
                approvals.c.expires_at > now,
                transactions.c.state == TransactionState.ASKED.value,
            )
            .order_by(approvals.c.asked_at.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(
                TransactionId(found) for found in connection.execute(query).scalars().all()
            )

    def answer(self, answer: Answer, signer: SignerId, *, audit: AuditRecord) -> bool:
        """Keep the first answer to an offer that is still open; False otherwise."""
        kept = (
            update(approvals)
            .where(
                approvals.c.transaction_id == answer.transaction,
                approvals.c.account_id == signer,
                approvals.c.decision.is_(None),
                approvals.c.expires_at > answer.at,
            )
            .values(
                device_id=answer.device,
                decision=answer.decision.value,
                signature=answer.signature,
                answered_at=answer.at,
            )
            .returning(approvals.c.transaction_id)
        )
        with self._database.begin() as connection:
            if connection.execute(kept).first() is None:
                return False
            self._chain.append(connection, audit)
            return True

    def answered(self, transaction: TransactionId) -> Answer | None:
        """The answer, once there is one."""
        with self._database.look() as connection:
            row = _ANSWERED.one_or_none(connection, transaction=transaction)
        return None if row is None else _answer(row)


def _device(row: AnyRow) -> Device:
    return Device(
        id=DeviceId(row.id),
        signer=SignerId(row.account_id),
        name=row.name,
        svd_der=row.svd_der,
        registration=row.registration,
        created_at=row.created_at,
    )


def _answer(row: AnyRow) -> Answer:
    return Answer(
        transaction=TransactionId(row.transaction_id),
        device=DeviceId(row.device_id),
        decision=Decision(row.decision),
        signature=row.signature,
        at=row.answered_at,
    )
