"""Attributes of professional bodies hosted here, and how a signature carries them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Protocol

from signer.attributes import selection
from signer.domain.attribute import (
    AssertedAttribute,
    ClaimedAttribute,
    ProfessionalAttribute,
    RequiredAttribute,
)
from signer.domain.values import SignerId
from signer.ports import AttributeAuthority, AttributeSource, Clock


class HeldAttributes(Protocol):
    """The store, as far as a signature needs it."""

    def held(self, holder_key: str, at: datetime) -> tuple[ProfessionalAttribute, ...]:
        """What the holder of this identity document has at that moment."""
        ...


@dataclass(frozen=True, slots=True)
class HostedAttributeSource:
    """An AttributeSource over the bodies hosted here; asks the database every time."""

    store: HeldAttributes
    clock: Clock
    holder_key_of: Callable[[SignerId], str]
    """``IdentityDocument.key`` of a signer; empty when the signer has none."""

    def held_by(self, signer: SignerId) -> tuple[ProfessionalAttribute, ...]:
        """Attributes valid now; a withdrawal counts from its commit."""
        key = self.holder_key_of(signer)
        return self.store.held(key, self.clock.now()) if key else ()


@unique
class Carriage(StrEnum):
    """How a signature carries attributes."""

    CERTIFIED = "certified"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class CitizenAttributes:
    """Fetch when asked, re-check at redeem, certify when signing."""

    source: AttributeSource
    authority: AttributeAuthority
    clock: Clock
    carriage: Carriage = Carriage.CERTIFIED

    def select(
        self, signer: SignerId, required: Sequence[RequiredAttribute]
    ) -> tuple[ProfessionalAttribute, ...]:
        """Held attributes for the demands.

        Raises AttributeNotHeldError or AttributeSourceUnavailableError.
        """
        if not required:
            return ()
        return selection.select(required, self.source.held_by(signer), self.clock.now())

    def still_held(self, signer: SignerId, attributes: Sequence[ProfessionalAttribute]) -> bool:
        """Tell whether each is held now, unchanged; raises AttributeSourceUnavailableError."""
        if not attributes:
            return True
        return selection.still_held(attributes, self.source.held_by(signer), self.clock.now())

    def assert_for(
        self, certificate_der: bytes, attributes: Sequence[ProfessionalAttribute]
    ) -> tuple[AssertedAttribute, ...]:
        """Each attribute as the signature carries it, in order.

        Raises CertificateAuthorityUnavailableError: never falls back from certified to claimed.
        """
        if self.carriage is Carriage.CLAIMED:
            return tuple(ClaimedAttribute(one) for one in attributes)
        return tuple(self.authority.certify(certificate_der, one) for one in attributes)
