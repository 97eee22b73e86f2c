"""A citizen's account: identity, contact, states, and the ways to reach the person."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum, unique

from signer.domain.values import SignerId, TenantId


@unique
class DocumentType(StrEnum):
    """Identity documents an officer may register (country profile decides which are accepted)."""

    BI = "BI"
    """National identity number (civil identification)."""
    CC = "CC"
    """Citizen card number (document number)."""
    PASSPORT = "PAS"
    RESIDENCE_TITLE = "TR"
    """Residence title of a foreign citizen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDocument:
    """The document an account stands on; the account's validity follows it."""

    type: DocumentType
    country: str
    """ISO 3166-1 alpha-2 of the issuer, upper case."""
    number: str
    expires_on: date

    @property
    def key(self) -> str:
        """What must be unique: type, country, number."""
        return f"{self.type}{self.country}-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityData:
    """What an officer enters about a person."""

    given_name: str
    surname: str
    birth_date: date
    document: IdentityDocument
    email: str | None = None
    locale: str = "pt"

    @property
    def full_name(self) -> str:
        """Given name and surname."""
        return f"{self.given_name} {self.surname}"


@unique
class AccountState(StrEnum):
    """Life of an account."""

    INVITED = "invited"
    """Registered by an officer; phone not confirmed, no PINs."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


@unique
class SigningRestriction(StrEnum):
    """Why an otherwise healthy account may not sign; set by an officer, told after a right PIN."""

    CHANGE_PINS = "change-pins"
    CHANGE_SIGNATURE_PIN = "change-signature-pin"
    PAUSED = "paused"

    @property
    def ends_with_new_pin(self) -> bool:
        """True when a new signature PIN lifts it."""
        return self is not SigningRestriction.PAUSED


@unique
class PINKind(StrEnum):
    """The two PINs of a citizen, each with its own attempts and lock."""

    AUTHENTICATION = "authentication"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One citizen here."""

    id: SignerId
    tenant: TenantId
    state: AccountState
    identity: IdentityData
    phone: str
    """E.164."""
    phone_confirmed: bool
    epoch: int
    """Goes up when slots must die: PIN change, suspension, phone change, closing."""
    channels: tuple[str, ...]
    """Fall-back order for codes, e.g. ``("sms", "email")``."""
    created_at: datetime
    valid_until: datetime
    """End of the identity document's validity."""
    signature_salt: bytes
    authentication_salt: bytes
    phone_changed_at: datetime | None = None
    """When an officer last changed the phone: signing may freeze for some time after."""
    signing_restriction: SigningRestriction | None = None
