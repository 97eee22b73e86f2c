"""As whom an item is signed, and how a check of what is signed refuses."""

from dataclasses import dataclass
from typing import NoReturn

from signer.domain.attribute import AssertedAttribute, ProfessionalAttribute
from signer.domain.errors import IntegrityAlarmError
from signer.domain.values import KeyAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """With what and as whom an item is signed."""

    certificate_der: bytes
    key_algorithm: KeyAlgorithm
    granted: tuple[ProfessionalAttribute, ...]
    """The attributes in the bindings."""
    asserted: tuple[AssertedAttribute, ...]
    """What the signature carries: must be the granted ones."""


def refuse(reason: str) -> NoReturn:
    """Raise IntegrityAlarmError: the bytes to sign are not those of what was granted."""
    msg = f"document link: {reason}"
    raise IntegrityAlarmError(msg)
