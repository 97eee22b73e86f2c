"""What the activation chain keeps in the database between two steps."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from signer.domain.attribute import ProfessionalAttribute
from signer.domain.bindings import KeyScope, SlotContext, Stage
from signer.domain.credential import Credential
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import (
    DEFAULT_TENANT,
    ClientId,
    CredentialId,
    Digest,
    SignerId,
    TenantId,
    TransactionId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """An activation value sealed to the secret that must be presented next."""

    id: str
    context: SlotContext
    """Everything the seal authenticates; rebuilt, not trusted, when the slot is opened."""
    key_check_value: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    created_at: datetime
    secret_sha256: str | None = None
    """SAD slots only: how the row is found (the SAD itself is 256 random bits)."""

    @property
    def stage(self) -> Stage:
        """Which secret opens it."""
        return self.context.stage


@unique
class AttemptKind(StrEnum):
    """What is being guessed at."""

    SIGNATURE_PIN = "signature-pin"
    AUTHENTICATION_PIN = "authentication-pin"
    CODE = "code"
    SERVICE_SECRET = "service-secret"  # noqa: S105 - the name of a kind, not a secret


@unique
class AttemptState(StrEnum):
    """An attempt is open before anything is compared; open and failed ones count."""

    OPEN = "open"
    FAILED = "failed"
    OK = "ok"
    VOID = "void"
    """A fault of ours: does not count."""
    RESET = "reset"
    """The person was identified anew: nothing before it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One comparison of a presented secret."""

    id: str
    kind: AttemptKind
    subject: str
    """Signer id, or keyed pseudonym of an unknown phone."""
    scope: str
    """What the secret belongs to: the code slot or challenge; empty for PINs."""
    in_flight_key: str
    """At most one open attempt per key: subject and kind for PINs, the process for codes."""
    client: ClientId
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptHistory:
    """What limits are decided on, read in the transaction that opened the attempt."""

    consecutive_failures: int
    """Failed ones since the last success or reset, without the one just opened."""
    last_failure_at: datetime | None
    failures_in_window: int
    """Failed ones since the last reset within the long window (30 days)."""
    failures_in_scope: int
    """Failed ones for this very code or challenge."""
    client_failures_in_hour: int


@dataclass(frozen=True, slots=True)
class Tried:
    """Closed attempts of everybody in a while, and how many of them were wrong."""

    attempts: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A SAD's reach: which digests it may still sign."""

    id: str
    slot: Slot
    tenant: TenantId
    client: ClientId
    credential: CredentialId
    signer: SignerId
    digests: tuple[Digest, ...]
    """The full granted list, in order; it is what the bindings cover."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What becomes durable when the PIN was right: slots, attributes, the message."""

    transaction: TransactionId
    credential: Credential
    account_epoch: int
    """The account's epoch when the PIN was checked; anything newer refuses the slots."""
    attributes: tuple[ProfessionalAttribute, ...]
    handle_sha256: str
    slots: tuple[Slot, ...]
    channel: str
    at: datetime
    code_expires_at: datetime | None
    message: OutgoingMessage | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The conditions under which one slot is taken: all must hold, or nothing happens."""

    slot: Slot
    transaction: TransactionId
    client: ClientId
    credential: CredentialId
    signer: SignerId
    account_epoch: int
    bindings_sha256: bytes
    attempt: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A credential as it is written: row, request, blob, permanent slot."""

    credential: Credential
    csr_der: bytes
    blob: bytes = field(repr=False)
    slot: Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A code sent for one purpose, subject and client; a new one replaces it."""

    id: str
    purpose: str
    subject: str
    client: ClientId
    key_check_value: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime

    @property
    def scope(self) -> KeyScope:
        """K(challenge, kcv, challenge id | code)."""
        return KeyScope(Stage.CHALLENGE, DEFAULT_TENANT, self.id)
