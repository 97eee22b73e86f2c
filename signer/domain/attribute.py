"""Professional attributes: what a request demands and what a professional body confirmed."""

from dataclasses import dataclass
from datetime import datetime

from signer.domain.values import length_prefixed


@dataclass(frozen=True, slots=True)
class RequiredAttribute:
    """One attribute a relying party demands; sub-attributes are (name, value) pairs to match."""

    provider: str
    role: str
    sub_attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfessionalAttribute:
    """An attribute its professional body holds for a citizen."""

    id: str
    provider: str
    """Identifier of the professional body, e.g. ``ordem-dos-advogados``."""
    provider_name: str
    role: str
    """Identifier of the role, e.g. ``advogado``; the label is what people read."""
    label: str
    sub_attributes: tuple[tuple[str, str], ...]
    """Sorted (name, value) pairs, e.g. ``("cedula", "12345L")``."""
    valid_from: datetime
    valid_until: datetime

    def satisfies(self, required: RequiredAttribute) -> bool:
        """Tell whether this is the attribute the request demands."""
        return (
            self.provider == required.provider
            and self.role == required.role
            and set(required.sub_attributes) <= set(self.sub_attributes)
        )

    def canonical(self) -> bytes:
        """Unambiguous bytes for the bindings: every field that the signature will assert."""
        pairs = [text for pair in self.sub_attributes for text in pair]
        return length_prefixed(
            self.id,
            self.provider,
            self.provider_name,
            self.role,
            self.label,
            str(len(pairs)),
            *pairs,
            self.valid_from.isoformat(),
            self.valid_until.isoformat(),
        )

    def describe(self) -> str:
        """One line for people: label, number(s) and body."""
        numbers = " ".join(value for _, value in self.sub_attributes)
        return f"{self.label} {numbers} ({self.provider_name})".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class ClaimedAttribute:
    """Carried as a claim of the signer; no third party's signature stands behind it."""

    attribute: ProfessionalAttribute


@dataclass(frozen=True, slots=True)
class CertifiedAttribute:
    """Carried with a short-lived attribute certificate (RFC 5755) bound to the signer's own."""

    attribute: ProfessionalAttribute
    attribute_certificate_der: bytes
    expires_at: datetime


AssertedAttribute = ClaimedAttribute | CertifiedAttribute
