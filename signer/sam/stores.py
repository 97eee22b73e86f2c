"""What the SAM needs from the database; every method is one transaction with its audit records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from signer.domain.activation import Asked, Claim, Grant, SealedKey, Slot
from signer.domain.audit import AuditRecord
from signer.domain.credential import Credential
from signer.domain.values import (
    ClientId,
    CredentialId,
    Digest,
    SignerId,
)


class StagedStore(Protocol):
    """Slots of staged transactions."""

    def ask(self, asked: Asked, *, audit: AuditRecord) -> bool:
        """CREATED to ASKED with its slots and message.

        False when the transaction is no longer CREATED, or the account's epoch or state changed.
        """
        ...

    def replace_code(self, asked: Asked, *, replaces: str, audit: AuditRecord) -> bool:
        """Delete the slot ``replaces``, insert the new one, cancel unsent messages of the old.

        False when that slot is gone (claimed, replaced by another) or the state is not ASKED.
        """
        ...

    def claim(self, claim: Claim, *, audit: Sequence[AuditRecord]) -> Slot | None:
        """Delete the slot and its siblings, move ASKED to CLAIMED, close the attempt as right.

        None, with nothing changed, when any condition does not hold.
        """
        ...


class GrantStore(Protocol):
    """SAD slots and what they may still sign."""

    def insert(self, grant: Grant, *, account_epoch: int, audit: Sequence[AuditRecord]) -> bool:
        """False when the account's epoch or state changed meanwhile."""
        ...

    def find(self, secret_sha256: str) -> Grant | None:
        """By the SAD's SHA-256; None when unknown."""
        ...

    def claim(
        self,
        grant: Grant,
        digests: Sequence[Digest],
        *,
        now: datetime,
        audit: Sequence[AuditRecord],
    ) -> bool:
        """Take one row per digest occurrence; the slot goes with the last one.

        False, with nothing changed, when fewer rows than asked are left, or it expired.
        """
        ...


class CredentialStore(Protocol):
    """Credentials with their key blobs and PIN slots."""

    def credential(self, credential_id: CredentialId) -> Credential | None:
        """By id."""
        ...

    def blob(self, credential_id: CredentialId) -> bytes | None:
        """The sealed key; None once destroyed."""
        ...

    def permanent_slot(self, credential_id: CredentialId) -> Slot | None:
        """The PIN slot (citizens) or service slot of a credential."""
        ...


class EnrolmentStore(Protocol):
    """Writes keys and PINs of an account, conditional on its epoch."""

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
        """Replace all live keys and slots by ``keys``; epoch + 1.

        False when the epoch changed meanwhile.  ``authentication_*`` None keeps that PIN.
        """
        ...

    def reseal(
        self,
        signer: SignerId,
        keys: Sequence[SealedKey],
        *,
        expected_epoch: int,
        signature_salt: bytes,
        audit: Sequence[AuditRecord],
    ) -> bool:
        """Same keys under a new PIN: new blobs and slots, all other slots deleted, epoch + 1."""
        ...


class ServiceStore(Protocol):
    """Service credentials (seals) and their one-time grants."""

    def install_service(self, key: SealedKey, *, owner: str, audit: AuditRecord) -> None:
        """Insert a service credential; ConflictError when the owner has one of that id."""
        ...

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
        ...

    def claim_service_grant(
        self, grant_id: str, credential: CredentialId, bindings: bytes, *, audit: AuditRecord
    ) -> bool:
        """Delete the row; False when it is gone or bound to something else."""
        ...
