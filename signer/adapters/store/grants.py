"""SAD slots: one row per digest occurrence, redeemed in parts, the slot goes with the last."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import AnyRow
from signer.adapters.store.rows import slot_of, slot_values
from signer.adapters.store.staged import Rollback, demand_active
from signer.adapters.store.tables.activation import granted_digest, service_grant
from signer.adapters.store.tables.activation import slot as slots
from signer.domain.activation import Grant
from signer.domain.audit import AuditRecord
from signer.domain.errors import ConflictError
from signer.domain.values import DTBSR, ClientId, CredentialId, Digest, DigestAlgorithm


class SQLGrantStore:
    """Grants of SADs and of service keys."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def insert(self, grant: Grant, *, account_epoch: int, audit: Sequence[AuditRecord]) -> bool:
        """Write the slot and its digests; False when the account changed meanwhile."""
        try:
            with self._database.begin() as connection:
                demand_active(connection, grant.signer, account_epoch, grant.credential)
                values = slot_values(grant.slot)
                values["granted"] = _granted_text(grant.digests)
                values["remaining"] = len(grant.digests)
                connection.execute(insert(slots), values)
                connection.execute(insert(granted_digest), _digest_rows(grant))
                self._chain.append(connection, *audit)
        except Rollback:
            return False
        return True

    def find(self, secret_sha256: str) -> Grant | None:
        """The grant whose SAD has this SHA-256."""
        with self._database.read() as connection:
            row = connection.execute(
                select(slots).where(slots.c.secret_sha256 == secret_sha256)
            ).one_or_none()
        return None if row is None else _grant_of(row)

    def claim(
        self,
        grant: Grant,
        digests: Sequence[Digest],
        *,
        now: datetime,
        audit: Sequence[AuditRecord],
    ) -> bool:
        """Take one row per asked occurrence, or nothing at all."""
        try:
            with self._database.begin() as connection:
                left = self._reserve(connection, grant, len(digests), now)
                self._take(connection, grant, digests)
                if left == 0:
                    connection.execute(delete(slots).where(slots.c.id == grant.slot.id))
                self._chain.append(connection, *audit)
        except Rollback:
            return False
        return True

    def add_service_grant(
        self,
        grant_id: str,
        credential: CredentialId,
        client: ClientId,
        bindings: bytes,
        *,
        now: datetime,
        audit: AuditRecord,
    ) -> None:
        """One row that the next claim deletes."""
        with self._database.begin() as connection:
            try:
                connection.execute(
                    insert(service_grant),
                    {
                        "id": grant_id,
                        "credential_id": credential,
                        "client_id": client,
                        "bindings_sha256": bindings,
                        "created_at": now,
                    },
                )
            except IntegrityError as error:
                raise ConflictError from error
            self._chain.append(connection, audit)

    def claim_service_grant(
        self, grant_id: str, credential: CredentialId, bindings: bytes, *, audit: AuditRecord
    ) -> bool:
        """Delete the row; False when it is gone or bound to something else."""
        taking = (
            delete(service_grant)
            .where(
                service_grant.c.id == grant_id,
                service_grant.c.credential_id == credential,
                service_grant.c.bindings_sha256 == bindings,
            )
            .returning(service_grant.c.id)
        )
        with self._database.begin() as connection:
            if connection.execute(taking).first() is None:
                return False
            self._chain.append(connection, audit)
        return True

    @staticmethod
    def _reserve(connection: Connection, grant: Grant, count: int, now: datetime) -> int:
        """Lock the slot row and count down; the lock orders concurrent claims of one grant."""
        reserving = (
            update(slots)
            .where(
                slots.c.id == grant.slot.id,
                slots.c.client_id == grant.client,
                slots.c.credential_id == grant.credential,
                slots.c.epoch == grant.slot.context.epoch,
                slots.c.bindings_sha256 == grant.slot.context.bindings_sha256,
                slots.c.expires_at > now,
                slots.c.remaining >= count,
            )
            .values(remaining=slots.c.remaining - count)
            .returning(slots.c.remaining)
        )
        left = connection.execute(reserving).scalar_one_or_none()
        if left is None:
            raise Rollback
        return int(left)

    @staticmethod
    def _take(connection: Connection, grant: Grant, digests: Sequence[Digest]) -> None:
        rows = connection.execute(
            select(granted_digest)
            .where(granted_digest.c.slot_id == grant.slot.id)
            .order_by(granted_digest.c.ordinal)
        ).all()
        wanted = Counter((digest.algorithm.value, digest.value) for digest in digests)
        ordinals = []
        for row in rows:
            digest = (row.digest_algorithm, row.digest)
            if wanted[digest] and grant.digests[row.ordinal].value == row.digest:
                wanted[digest] -= 1
                ordinals.append(row.ordinal)
        if wanted.total():
            raise Rollback
        taken = connection.execute(
            delete(granted_digest)
            .where(
                granted_digest.c.slot_id == grant.slot.id,
                granted_digest.c.ordinal.in_(ordinals),
            )
            .returning(granted_digest.c.ordinal)
        ).all()
        if len(taken) != len(digests):
            raise Rollback


def _granted_text(digests: Sequence[Digest]) -> str:
    return json.dumps([[digest.algorithm.value, digest.value.hex()] for digest in digests])


def _digest_rows(grant: Grant) -> list[dict[str, object]]:
    return [
        {
            "slot_id": grant.slot.id,
            "ordinal": ordinal,
            "digest_algorithm": digest.algorithm.value,
            "digest": digest.value,
        }
        for ordinal, digest in enumerate(grant.digests)
    ]


def _grant_of(row: AnyRow) -> Grant:
    slot = slot_of(row)
    return Grant(
        id=row.grant_id,
        slot=slot,
        tenant=slot.context.tenant,
        client=ClientId(row.client_id),
        credential=slot.context.credential,
        signer=slot.context.signer,
        digests=tuple(
            DTBSR(DigestAlgorithm(oid), bytes.fromhex(value))
            for oid, value in json.loads(row.granted)
        ),
        expires_at=row.expires_at,
    )
