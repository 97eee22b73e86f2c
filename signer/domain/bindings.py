"""What a slot is sealed to: rebuilt from what is about to be signed, never read back."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from signer.domain.attribute import ProfessionalAttribute
from signer.domain.transaction import SigningItem, Transaction
from signer.domain.values import (
    ClientId,
    CredentialId,
    Digest,
    KeyAlgorithm,
    SignerId,
    TenantId,
    length_prefixed,
    to_microseconds,
)


@unique
class Stage(StrEnum):
    """Which secret opens a slot."""

    KEY = "key"
    PIN = "pin"
    CODE = "code"
    HANDLE = "handle"
    SAD = "sad"
    SERVICE = "service"
    CHALLENGE = "challenge"
    AUTHENTICATION_PIN = "authentication-pin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """The canonical description of one grant (SCAL2: EN 419 241-1, SRA_SAP.2.3)."""

    client: ClientId
    credential: CredentialId
    purpose: str
    items: tuple[SigningItem, ...]
    attributes: tuple[ProfessionalAttribute, ...]
    text_version: str
    text_sha256: str

    @classmethod
    def of(
        cls, transaction: Transaction, attributes: tuple[ProfessionalAttribute, ...]
    ) -> "Bindings":
        """Bindings of a staged transaction with the attributes that will be asserted."""
        if transaction.credential is None:
            msg = "a transaction without a credential has no bindings"
            raise ValueError(msg)
        return cls(
            client=transaction.client,
            credential=transaction.credential,
            purpose=transaction.purpose,
            items=transaction.items,
            attributes=attributes,
            text_version=transaction.text_version,
            text_sha256=transaction.text_sha256,
        )

    def sha256(self) -> bytes:
        """SHA-256 of the canonical bytes: ordered items, count, attributes, text shown."""
        fields: list[bytes | str | int] = [
            "chancela-bindings/1",
            self.client,
            self.credential,
            self.purpose,
            len(self.items),
        ]
        for item in self.items:
            fields += [item.ordinal, item.kind, item.level, item.name]
            fields += [item.digest.algorithm.value, item.digest.value, item.options.encoded()]
        fields.append(len(self.attributes))
        fields += [attribute.canonical() for attribute in self.attributes]
        fields += [self.text_version, self.text_sha256]
        return hashlib.sha256(length_prefixed(*fields)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantBindings:
    """What a SAD or a service grant is bound to: digests only, no document and no text shown."""

    client: ClientId
    credential: CredentialId
    digests: tuple[Digest, ...]
    attributes: tuple[ProfessionalAttribute, ...] = ()
    purpose: str = "signature"

    def sha256(self) -> bytes:
        """SHA-256 of the canonical bytes: ordered digests, their algorithm and count."""
        fields: list[bytes | str | int] = [
            "chancela-grant-bindings/1",
            self.client,
            self.credential,
            self.purpose,
            len(self.digests),
        ]
        for digest in self.digests:
            fields += [digest.algorithm.value, digest.value]
        fields.append(len(self.attributes))
        fields += [attribute.canonical() for attribute in self.attributes]
        return hashlib.sha256(length_prefixed(*fields)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotContext:
    """Additional authenticated data of every slot and key blob.

    Key blobs and pin slots outlive transactions: their process, grant, client, purpose, expiry and
    bindings are empty.
    """

    stage: Stage
    tenant: TenantId
    credential: CredentialId
    signer: SignerId
    svd_sha256: bytes
    algorithm: KeyAlgorithm
    master_key_id: str
    epoch: int
    process: str = ""
    grant: str = ""
    client: str = ""
    purpose: str = ""
    expires_at: datetime | None = None
    bindings_sha256: bytes = b""

    def aad(self) -> bytes:
        """Length-prefixed fields, version first."""
        expiry = "" if self.expires_at is None else to_microseconds(self.expires_at)
        return length_prefixed(
            "chancela-slot/1",
            self.stage,
            self.process,
            self.grant,
            self.client,
            self.purpose,
            expiry,
            self.tenant,
            self.credential,
            self.signer,
            self.svd_sha256,
            self.algorithm,
            self.master_key_id,
            self.epoch,
            self.bindings_sha256,
        )


@dataclass(frozen=True, slots=True)
class KeyScope:
    """Names one derived key: K(stage, use, x) for a tenant and credential (design, section 2)."""

    stage: Stage
    tenant: str
    credential: str
    """The credential's id; for challenges and authentication PINs the id of what they guard."""

    def derivation_input(self, use: str, secret: bytes) -> bytes:
        """The 32 bytes given to C_DeriveKey: SHA-256 over length-prefixed fields."""
        return hashlib.sha256(
            length_prefixed("chancela/1", self.stage, use, self.tenant, self.credential, secret)
        ).digest()
