"""What a verification found, in the words of ETSI EN 319 102-1 V1.4.1."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique

from signer.domain.transaction import Level


@unique
class Indication(StrEnum):
    """Status indications (EN 319 102-1, 5.1.3)."""

    TOTAL_PASSED = "TOTAL-PASSED"
    TOTAL_FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"


@unique
class FileKind(StrEnum):
    """What a file is, told from its content."""

    PDF = "pdf"
    CMS = "cms"
    JWS = "jws"
    TIMESTAMP = "timestamp"
    XML = "xml"
    CONTAINER = "container"
    """ASiC."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReport:
    """One signature; it passed only if ``indication`` says so."""

    indication: Indication
    sub_indication: str | None
    """None when passed; the standard's name (``HASH_FAILURE``) otherwise."""
    signer: str | None = None
    """Subject of the signing certificate, readable."""
    certificate_serial: str | None = None
    """Hexadecimal, lower case."""
    claimed_time: datetime | None = None
    """What the signer's side claims: signing-time, or /M of a PDF."""
    timestamp_time: datetime | None = None
    """From a signature time-stamp that itself passed."""
    level: Level | None = None
    """The level reached: B-T only with a time-stamp that passed."""
    certified_attributes: tuple[str, ...] = ()
    """Those whose attribute certificate passed, holder included."""
    claimed_attributes: tuple[str, ...] = ()
    field: str | None = None
    """PDF: name of the signature field."""
    problems: tuple[str, ...] = ()
    """Everything a reader should know, also beside a passed signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampReport:
    """One RFC 3161 token."""

    indication: Indication
    sub_indication: str | None
    authority: str | None = None
    time: datetime | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """Everything found in one file."""

    kind: FileKind
    signatures: tuple[SignatureReport, ...] = ()
    problems: tuple[str, ...] = ()
    """Why the file could not be read; such a file has no signatures."""

    @property
    def has_passed(self) -> bool:
        """True only with at least one signature, all of them passed without any problem."""
        return (
            bool(self.signatures)
            and not self.problems
            and all(
                one.indication is Indication.TOTAL_PASSED and not one.problems
                for one in self.signatures
            )
        )
