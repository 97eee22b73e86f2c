"""Certificates we issued, their status, and what a list of revoked ones says."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique


@unique
class CertificateStatus(StrEnum):
    """Status of a certificate; revoked is final."""

    GOOD = "good"
    SUSPENDED = "suspended"
    """On hold: everybody sees it as revoked with reason certificateHold."""
    REVOKED = "revoked"


@unique
class RevocationReason(StrEnum):
    """Reason names of RFC 5280, 5.3.1, for revocations; holds have their own status."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"

    @property
    def code(self) -> int:
        """The ``CRLReason`` number."""
        return _REASON_CODES[self.value]


_REASON_CODES = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A serial number and validity, durable before the certificate is signed."""

    issuer: str
    """Short name of the CA (``root``, ``issuing``)."""
    serial: int
    credential: str
    """Credential id; for certificates of our own services, their role."""
    subject: str
    """Signer id, or empty for our own services."""
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEntry:
    """What the store knows about one serial number."""

    serial: int
    status: CertificateStatus
    reason: RevocationReason
    since: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCRL:
    """A signed list and the state of the CA it was made from."""

    der: bytes
    number: int
    changes: int
    """The CA's counter of status changes when the list was made."""
    next_update: datetime


@dataclass(frozen=True, slots=True)
class RevocationSnapshot:
    """All that a new list needs, read at one moment; ``number`` is reserved for it."""

    number: int
    changes: int
    entries: tuple[StatusEntry, ...]
