"""One-time links, and how far a person has come with an account."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from signer.domain.audit import AuditRecord
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import CredentialId, SignerId


@unique
class LinkKind(StrEnum):
    """What a one-time link lets a person do, after confirming the phone with a code."""

    ENROLMENT = "enrolment"
    """Accept the terms, set both PINs, get keys and certificates."""
    REIDENTIFICATION = "re-identification"
    """The same for somebody an officer identified anew; what was there before is destroyed."""
    PHONE = "phone"
    """Confirm a changed phone, nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A one-time link; the token itself is in the message only."""

    id: str
    account: SignerId
    kind: LinkKind
    token_sha256: str
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None = None
    used_at: datetime | None = None
    session_sha256: str | None = None
    """SHA-256 of the secret in the cookie of the browser that confirmed the phone last."""

    def is_open(self, now: datetime) -> bool:
        """True while the link can still be followed."""
        return self.used_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationPIN:
    """What decides an authentication PIN: no slot hangs on it."""

    salt: bytes
    key_check_value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What happened to an account beside its state."""

    terms_version: str | None
    recovery_requested_at: datetime | None
    phone_changed_at: datetime | None
    authentication: AuthenticationPIN | None
    """None until set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueStatus:
    """A certificate whose CA has not been told yet what became of it."""

    credential: CredentialId
    signer: SignerId
    certificate_der: bytes = field(repr=False)
    status: str
    """``good``, ``suspended`` or ``revoked``."""
    reason: str
    """RFC 5280 name; empty unless revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """What goes with a change of an account, in its transaction."""

    at: datetime
    failure: str
    """Why open transactions end: ``account.suspended`` …"""
    outgoing: Sequence[OutgoingMessage]
    audit: Sequence[AuditRecord]
