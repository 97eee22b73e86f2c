"""Programs that call the CMD signature services: a client with what those contracts add to it."""

from dataclasses import dataclass
from enum import StrEnum, unique

from signer.domain.client import Client


@unique
class BasicRule(StrEnum):
    """``legacy.basic``: when the legacy service demands HTTP Basic (the other always does)."""

    OFF = "off"
    EXCEPT_MULTIPLE_SIGN = "required-except-multiplesign"
    """The government's desktop program forgets it on that one operation."""
    REQUIRED = "required"


@unique
class BareHash(StrEnum):
    """``legacy.bare_hash``: what becomes of 32 bytes without a DigestInfo around them."""

    REJECT = "reject"
    WRAP = "wrap"
    """They are a SHA-256 digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CMDApplication:
    """A registered program as the CMD doors know it."""

    application_id: str
    """The ApplicationId's text, lower case (usually a GUID)."""
    client: Client
    """State, name people see, limits, policies; ``may_carry_pin`` is demanded of every caller."""
    basic: BasicRule = BasicRule.EXCEPT_MULTIPLE_SIGN
    bare_hash: BareHash = BareHash.REJECT
