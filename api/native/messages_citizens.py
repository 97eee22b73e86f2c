"""Bodies of the officers' calls: what an officer enters about a person and what comes back."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.native.messages import Strict
from signer.domain.account import Account, AccountState
from signer.domain.link import LinkKind
from signer.domain.values import Secret
from signer.operations.accounts import Registration

Short = Annotated[str, Field(max_length=300)]


class DocumentIn(Strict):
    """The identity document the officer has seen."""

    type: Short
    """``BI`` civil number, ``CC`` citizen card, ``PAS`` passport, ``TR`` residence title."""
    country: Short = "PT"
    """ISO 3166-1 alpha-2 of the issuer."""
    number: Short
    expires_on: Short
    """ISO 8601; account and certificates are valid as long as the document."""


class RegistrationIn(Strict):
    """A person to register.  Values are checked together: the answer names every wrong one."""

    given_name: Short
    surname: Short
    birth_date: Short
    """ISO 8601."""
    document: DocumentIn
    phone: Short
    email: Short | None = None
    locale: Short = "pt"

    def registration(self) -> Registration:
        """As the operation takes it."""
        return Registration(
            given_name=self.given_name,
            surname=self.surname,
            birth_date=self.birth_date,
            document_type=self.document.type,
            document_country=self.document.country,
            document_number=self.document.number,
            document_expires_on=self.document.expires_on,
            phone=self.phone,
            email=self.email,
            locale=self.locale,
        )


class PhoneIn(Strict):
    """Another phone for a person identified anew."""

    phone: Short


class CitizenPath(Strict):
    """Which account."""

    id: Annotated[str, Field(pattern="^[0-9a-f-]{36}$")]


class SearchQuery(Strict):
    """Which accounts."""

    text: Annotated[str, Field(max_length=200)] = ""
    """Part of a name, or a whole phone (E.164), document number or id."""
    state: AccountState | None = None
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class DocumentOut(BaseModel):
    """An identity document."""

    type: str
    country: str
    number: str
    expires_on: date


class CitizenOut(BaseModel):
    """An account as officers see it."""

    id: str
    state: AccountState
    given_name: str
    surname: str
    birth_date: date
    document: DocumentOut
    phone: str
    phone_confirmed: bool
    email: str | None
    locale: str
    channels: list[str]
    created_at: datetime
    valid_until: datetime


class LinkOut(BaseModel):
    """A one-time link that was also sent to the person."""

    url: str
    kind: LinkKind


class InvitedOut(BaseModel):
    """An account and the link its person got."""

    citizen: CitizenOut
    link: LinkOut


class CitizensOut(BaseModel):
    """A page of accounts, newest first."""

    citizens: list[CitizenOut]
    total: int
    """How many match in all."""


class CheckedOut(BaseModel):
    """The person could be registered, unless document or phone are in use."""

    valid: Literal[True] = True


def citizen_out(account: Account) -> CitizenOut:
    """What officers see of an account."""
    identity, document = account.identity, account.identity.document
    return CitizenOut(
        id=account.id,
        state=account.state,
        given_name=identity.given_name,
        surname=identity.surname,
        birth_date=identity.birth_date,
        document=DocumentOut(
            type=document.type.value,
            country=document.country,
            number=document.number,
            expires_on=document.expires_on,
        ),
        phone=account.phone,
        phone_confirmed=account.phone_confirmed,
        email=identity.email,
        locale=identity.locale,
        channels=list(account.channels),
        created_at=account.created_at,
        valid_until=account.valid_until,
    )


def invited_out(account: Account, link: Secret, kind: LinkKind) -> InvitedOut:
    """Account and link."""
    return InvitedOut(citizen=citizen_out(account), link=LinkOut(url=link.reveal(), kind=kind))
