"""A process of the CMD doors: what a ProcessId stands for, doomed ones included."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from signer.domain.errors import InvalidRequestError, SigningServiceError
from signer.domain.transaction import Transaction
from signer.domain.values import ClientId, SignerId, TransactionId


@unique
class ProcessKind(StrEnum):
    """Which call began it; it decides which members the last answer fills."""

    SINGLE = "single"
    """One hash: a signature comes back."""
    BATCH = "batch"
    """A list of hashes, perhaps of one: a list comes back."""
    CERTIFICATE = "certificate"
    """No hash: the certificate comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a call or a process came to nothing."""

    reason: str
    """``code`` of one of :mod:`signer.domain.errors`."""
    member: str | None = None
    """The request's member at fault, as the contract spells it."""
    value: str | None = field(default=None, repr=False)
    """What it said; never a PIN or code, and never stored."""

    @classmethod
    def of(cls, error: SigningServiceError) -> "Refusal":
        """What an error says to the caller."""
        named = error.field if isinstance(error, InvalidRequestError) else None
        return cls(reason=error.code, member=named)


@dataclass(frozen=True, slots=True)
class DocumentLabel:
    """How the caller names one document of a batch; echoed exactly, None stays None."""

    name: str | None
    id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CMDProcess:
    """Found by the SHA-256 of the handle (the ProcessId), which only the caller holds."""

    handle_sha256: str
    client: ClientId
    kind: ProcessKind
    subject: str
    """Signer id, or the keyed pseudonym of an unknown phone."""
    signer: SignerId | None
    transaction: TransactionId | None
    refusal: Refusal | None
    """Set: doomed from the start, every later call gets the same answer and sends nothing."""
    labels: tuple[DocumentLabel, ...] = field(default=(), repr=False)
    approvable: bool = False
    """The caller polls for an approval on a device."""
    codes_sent: int = 0
    """Of a certificate's process; a transaction counts its own."""
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FoundProcess:
    """A process and, where it has one, its transaction as it is now."""

    process: CMDProcess
    transaction: Transaction | None
