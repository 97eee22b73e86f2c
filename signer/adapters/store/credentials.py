"""Credentials: sealed keys, permanent slots, enrolment conditional on the account's epoch."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, case, delete, insert, null, or_, select, update
from sqlalchemy.exc import IntegrityError

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import Prepared
from signer.adapters.store.rows import chain_text, credential_of, slot_of, slot_values
from signer.adapters.store.tables.accounts import account
from signer.adapters.store.tables.accounts import credential as credentials
from signer.adapters.store.tables.activation import slot as slots
from signer.domain.account import AccountState, SigningRestriction
from signer.domain.activation import SealedKey, Slot
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.bindings import Stage
from signer.domain.certificate import RevocationReason
from signer.domain.credential import Credential, CredentialState
from signer.domain.errors import ConflictError
from signer.domain.values import CredentialId, SignerId

_BY_ID = Prepared(select(credentials).where(credentials.c.id == bindparam("id")))
_LIVE = Prepared(
    select(credentials)
    .where(credentials.c.account_id == bindparam("signer"), credentials.c.blob.is_not(None))
    .order_by(credentials.c.created_at, credentials.c.id)
)
_BLOB = Prepared(select(credentials.c.blob).where(credentials.c.id == bindparam("id")))
_PERMANENT_SLOT = Prepared(
    select(slots).where(
        slots.c.credential_id == bindparam("id"),
        or_(slots.c.stage == Stage.PIN.value, slots.c.stage == Stage.SERVICE.value),
    )
)

_LEFT_BY_NEW_PIN: Final = case(
    (
        account.c.signing_restriction == SigningRestriction.PAUSED.value,
        SigningRestriction.PAUSED.value,
    ),
    else_=null(),
)
"""A demand for a new PIN ends with one; a pause stays."""


class SQLCredentialStore:
    """A handful of indexed rows per citizen, whatever the number of citizens."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def credential(self, credential_id: CredentialId) -> Credential | None:
        """By id."""
        with self._database.look() as connection:
            row = _BY_ID.one_or_none(connection, id=credential_id)
        return None if row is None else credential_of(row)

    def of(self, signer: SignerId) -> tuple[Credential, ...]:
        """All credentials of a citizen that still have a key, oldest first."""
        with self._database.look() as connection:
            rows = _LIVE.all(connection, signer=signer)
        return tuple(credential_of(row) for row in rows)

    def requests(self, signer: SignerId) -> tuple[tuple[Credential, bytes], ...]:
        """Live credentials of a citizen with their PKCS#10 requests (DER)."""
        with self._database.look() as connection:
            rows = _LIVE.all(connection, signer=signer)
        return tuple((credential_of(row), row.csr_der) for row in rows)

    def awaiting_certificate(self) -> tuple[SignerId, ...]:
        """Citizens with a key whose certificate is not issued yet."""
        with self._database.read() as connection:
            found = connection.execute(
                select(credentials.c.account_id)
                .where(
                    credentials.c.state == CredentialState.REQUESTED.value,
                    credentials.c.account_id.is_not(None),
                )
                .distinct()
            ).scalars()
            return tuple(SignerId(signer) for signer in found)

    def blob(self, credential_id: CredentialId) -> bytes | None:
        """The sealed key; None once destroyed."""
        with self._database.look() as connection:
            row = _BLOB.one_or_none(connection, id=credential_id)
        return None if row is None else row.blob

    def permanent_slot(self, credential_id: CredentialId) -> Slot | None:
        """The PIN or service slot."""
        with self._database.look() as connection:
            row = _PERMANENT_SLOT.one_or_none(connection, id=credential_id)
        return None if row is None else slot_of(row)

    def set_chain(
        self, credential_id: CredentialId, chain: Sequence[bytes], *, audit: AuditRecord
    ) -> bool:
        """REQUESTED to ACTIVE with the issued chain; False when it was no longer REQUESTED."""
        issuing = (
            update(credentials)
            .where(
                credentials.c.id == credential_id,
                credentials.c.state == CredentialState.REQUESTED.value,
            )
            .values(state=CredentialState.ACTIVE.value, chain=chain_text(chain))
            .returning(credentials.c.id)
        )
        with self._database.begin() as connection:
            done = connection.execute(issuing).first() is not None
            self._chain.append(connection, audit)
            return done

    def install(
        self,
        signer: SignerId,
        keys: Sequence[SealedKey],
        *,
        expected_epoch: int,
        signature_salt: bytes,
        authentication_salt: bytes | None,
        authentication_kcv: bytes | None,
        audit: Sequence[AuditRecord],
    ) -> bool:
        """Replace all live keys of the account; False when its epoch changed meanwhile."""
        values: dict[str, object] = {
            "state": AccountState.ACTIVE.value,
            "signature_salt": signature_salt,
            "recovery_requested_at": None,
            "signing_restriction": _LEFT_BY_NEW_PIN,
        }
        if authentication_salt is not None:
            values["authentication_salt"] = authentication_salt
            values["authentication_kcv"] = authentication_kcv
        with self._database.begin() as connection:
            if not _advance(connection, signer, expected_epoch, values):
                return False
            destroyed = _destroy_keys(connection, signer)
            connection.execute(insert(credentials), [_credential_values(key) for key in keys])
            connection.execute(insert(slots), [slot_values(key.slot) for key in keys])
            self._chain.append(connection, *destroyed, *audit)
        return True

    def reseal(
        self,
        signer: SignerId,
        keys: Sequence[SealedKey],
        *,
        expected_epoch: int,
        signature_salt: bytes,
        audit: Sequence[AuditRecord],
    ) -> bool:
        """New blobs and PIN slots for the same keys; every other slot is deleted."""
        with self._database.begin() as connection:
            values: dict[str, object] = {
                "signature_salt": signature_salt,
                "signing_restriction": _LEFT_BY_NEW_PIN,
            }
            if not _advance(connection, signer, expected_epoch, values):
                return False
            connection.execute(delete(slots).where(slots.c.account_id == signer))
            for key in keys:
                connection.execute(
                    update(credentials)
                    .where(credentials.c.id == key.credential.id)
                    .values(
                        blob=key.blob,
                        epoch=key.credential.epoch,
                        master_key_id=key.credential.master_key_id,
                    )
                )
            connection.execute(insert(slots), [slot_values(key.slot) for key in keys])
            self._chain.append(connection, *audit)
        return True

    def install_service(self, key: SealedKey, *, owner: str, audit: AuditRecord) -> None:
        """Insert a service credential; ConflictError when its id is taken."""
        values = _credential_values(key) | {"account_id": None, "owner": owner}
        with self._database.begin() as connection:
            try:
                connection.execute(insert(credentials), values)
            except IntegrityError as error:
                raise ConflictError from error
            connection.execute(insert(slots), slot_values(key.slot))
            self._chain.append(connection, audit)


def _advance(
    connection: Connection, signer: SignerId, expected_epoch: int, values: dict[str, object]
) -> bool:
    # Slots before the account: the order in which a claim locks them.
    connection.execute(
        select(slots.c.id)
        .where(slots.c.account_id == signer)
        .order_by(slots.c.id)
        .with_for_update()
    ).all()
    advancing = (
        update(account)
        .where(
            account.c.id == signer,
            account.c.epoch == expected_epoch,
            account.c.state.in_([AccountState.INVITED.value, AccountState.ACTIVE.value]),
        )
        .values(epoch=expected_epoch + 1, **values)
        .returning(account.c.id)
    )
    return connection.execute(advancing).first() is not None


def _destroy_keys(connection: Connection, signer: SignerId) -> tuple[AuditRecord, ...]:
    connection.execute(delete(slots).where(slots.c.account_id == signer))
    return destroy_blobs(connection, signer, RevocationReason.SUPERSEDED)


def destroy_blobs(
    connection: Connection, signer: SignerId, reason: RevocationReason
) -> tuple[AuditRecord, ...]:
    """Destroy all keys of an account; certificates issued for them are due to be revoked.

    Gives a record for each key, which the caller appends.
    """
    destroyed = connection.scalars(
        update(credentials)
        .where(credentials.c.account_id == signer, credentials.c.blob.is_not(None))
        .values(
            blob=None,
            state=CredentialState.DESTROYED.value,
            due_status=case((credentials.c.chain != chain_text(()), f"revoked:{reason}")),
        )
        .returning(credentials.c.id)
    ).all()
    return tuple(
        AuditRecord(
            event=AuditEvent.KEY_DESTROYED,
            actor="service",
            subject=signer,
            facts={"credential": credential, "reason": reason.value},
        )
        for credential in sorted(destroyed)
    )


def _credential_values(key: SealedKey) -> dict[str, object]:
    credential = key.credential
    return {
        "id": credential.id,
        "tenant": credential.tenant,
        "account_id": credential.signer,
        "owner": credential.signer,
        "kind": credential.kind.value,
        "algorithm": credential.algorithm.value,
        "state": credential.state.value,
        "epoch": credential.epoch,
        "svd_der": credential.svd_der,
        "csr_der": key.csr_der,
        "master_key_id": credential.master_key_id,
        "blob": key.blob,
        "chain": chain_text(credential.chain_der),
        "created_at": credential.created_at,
    }
