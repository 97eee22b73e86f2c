"""A signing credential: a wrapped key, its public half and its certificate chain."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from signer.domain.values import CredentialId, KeyAlgorithm, SignerId, TenantId


@unique
class CredentialState(StrEnum):
    """Life of a credential."""

    REQUESTED = "requested"
    """Key made and sealed, certificate not issued yet (issuing is retryable)."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    DESTROYED = "destroyed"


@unique
class ActivationKind(StrEnum):
    """What opens the key: the citizen's PIN and code, or a secret presented with the call."""

    PIN = "pin"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A private key as the database holds it.

    ``blob`` = nonce | AES-GCM ciphertext of the RFC 5649 (KWP) wrapping of the PKCS#8 key; it opens
    with K(key, A) and ``aad`` (design: activation chain).
    """

    credential: CredentialId
    tenant: TenantId
    algorithm: KeyAlgorithm
    svd_der: bytes
    """SubjectPublicKeyInfo, DER."""
    blob: bytes = field(repr=False)
    aad: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What signs for one signer."""

    id: CredentialId
    tenant: TenantId
    signer: SignerId
    kind: ActivationKind
    algorithm: KeyAlgorithm
    state: CredentialState
    epoch: int
    """Goes up with every PIN change; slots of an older epoch never open."""
    svd_der: bytes
    master_key_id: str
    created_at: datetime
    chain_der: tuple[bytes, ...] = ()
    """Leaf first, then issuing CA(s), root last; empty until issued."""

    @property
    def certificate_der(self) -> bytes | None:
        """The leaf certificate, DER, or None before issuing."""
        return self.chain_der[0] if self.chain_der else None
