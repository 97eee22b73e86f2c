"""An officer registers a person: every wrong field named at once, then account and link."""

import re
import secrets
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from signer.domain.account import (
    Account,
    AccountState,
    DocumentType,
    IdentityData,
    IdentityDocument,
)
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import InvalidRequestError
from signer.domain.link import LinkKind
from signer.domain.values import DEFAULT_TENANT, Secret, SignerId
from signer.operations.accounts.documents import DocumentRules
from signer.operations.accounts.links import NewLink, link_issued
from signer.operations.accounts.needs import AccountStore
from signer.operations.accounts.rules import AccountRules
from signer.ports import Clock

_LONGEST_NAME: Final = 100
_LONGEST_EMAIL: Final = 254
_EMAIL: Final = re.compile(r"[^@\s<>\"',;:()\[\]\\]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_OLDEST_YEARS: Final = 130
_NAME_SIGNS: Final = frozenset(" '\u2019.-")
LOCALES: Final = ("pt", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the officer typed, unchecked."""

    given_name: str
    surname: str
    birth_date: str
    """ISO 8601, ``1980-01-31``."""
    document_type: str
    document_country: str
    document_number: str
    document_expires_on: str
    """ISO 8601."""
    phone: str
    email: str | None = None
    locale: str = "pt"


@dataclass(frozen=True, slots=True)
class Registered:
    """The new account and the link its person gets; the token is in the message and here only."""

    account: Account
    link: Secret = field(repr=False)
    link_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCitizen:
    """Checks everything before anything is stored."""

    accounts: AccountStore
    links: NewLink
    documents: DocumentRules
    normalised: Callable[[str], str]
    rules: AccountRules
    clock: Clock

    def __call__(self, registration: Registration, *, officer: str) -> Registered:
        """Create the account and send the link.

        Raises InvalidRequestError with all wrong fields, DuplicateIdentityError,
        DuplicatePhoneError.
        """
        identity, phone = self.check(registration)
        account = self._account(identity, phone)
        link, token, message = self.links.make(account, LinkKind.ENROLMENT)
        created = AuditRecord(
            event=AuditEvent.ACCOUNT_CREATED,
            actor=officer,
            subject=account.id,
            facts={
                "document_type": identity.document.type.value,
                "document_country": identity.document.country,
                "valid_until": account.valid_until.isoformat(),
            },
        )
        self.accounts.create(
            account,
            link,
            identity_key=self.documents.identity_key(identity.document),
            outgoing=(message,),
            audit=(created, link_issued(link, officer)),
        )
        return Registered(account, self.links.address(token), link.expires_at)

    def check(self, registration: Registration) -> tuple[IdentityData, str]:
        """The checked identity and the phone in E.164; nothing is stored.

        Raises InvalidRequestError with all wrong fields.
        """
        wrong: dict[str, str] = {}
        today = self.clock.now().date()
        given_name = _name(registration.given_name, "given_name", wrong)
        surname = _name(registration.surname, "surname", wrong)
        born = self._birth_date(registration.birth_date, today, wrong)
        document = self._document(registration, today, wrong)
        email = _email(registration.email, wrong)
        phone = self._phone(registration.phone, wrong)
        if registration.locale not in LOCALES:
            wrong["locale"] = f"use one of {', '.join(LOCALES)}"
        if wrong or born is None or document is None:
            names = ", ".join(wrong)
            raise InvalidRequestError(f"not valid: {names}", fields=wrong)
        identity = IdentityData(
            given_name=given_name,
            surname=surname,
            birth_date=born,
            document=document,
            email=email,
            locale=registration.locale,
        )
        return identity, phone

    def _account(self, identity: IdentityData, phone: str) -> Account:
        end = identity.document.expires_on + timedelta(days=1)
        return Account(
            id=SignerId(str(uuid.uuid4())),
            tenant=DEFAULT_TENANT,
            state=AccountState.INVITED,
            identity=identity,
            phone=phone,
            phone_confirmed=False,
            epoch=0,
            channels=("sms", "email") if identity.email else ("sms",),
            created_at=self.clock.now(),
            valid_until=datetime.combine(end, time(), UTC) - timedelta(seconds=1),
            signature_salt=secrets.token_bytes(16),
            authentication_salt=secrets.token_bytes(16),
        )

    def _birth_date(self, text: str, today: date, wrong: dict[str, str]) -> date | None:
        born = _date(text, "birth_date", wrong)
        if born is None:
            return None
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        if age < self.rules.minimum_age:
            wrong["birth_date"] = f"the person must be at least {self.rules.minimum_age} years old"
        elif age > _OLDEST_YEARS:
            wrong["birth_date"] = "too long ago"
        return born

    def _document(
        self, registration: Registration, today: date, wrong: dict[str, str]
    ) -> IdentityDocument | None:
        expires = _date(registration.document_expires_on, "document_expires_on", wrong)
        if expires is not None and expires <= today:
            wrong["document_expires_on"] = "the document has expired"
        try:
            kind = DocumentType(registration.document_type)
            rule = self.documents.rules[kind]
        except (ValueError, KeyError):
            accepted = ", ".join(self.documents.rules)
            wrong["document_type"] = f"use one of {accepted}"
            return None
        country = registration.document_country
        if not _COUNTRY.fullmatch(country):
            wrong["document_country"] = "use two capital letters (ISO 3166-1)"
        elif rule.country and country != rule.country:
            wrong["document_country"] = f"{kind} is issued by {rule.country} only"
        number = self.documents.normalised(kind, registration.document_number)
        if number is None:
            wrong["document_number"] = f"not a number of a document of type {kind}"
        if expires is None or number is None:
            return None
        return IdentityDocument(type=kind, country=country, number=number, expires_on=expires)

    def _phone(self, text: str, wrong: dict[str, str]) -> str:
        try:
            return self.normalised(text)
        except InvalidRequestError as error:
            wrong["phone"] = error.detail
            return ""


def _name(text: str, name: str, wrong: dict[str, str]) -> str:
    clean = " ".join(unicodedata.normalize("NFC", text).split())
    if not clean or len(clean) > _LONGEST_NAME:
        wrong[name] = f"use 1 to {_LONGEST_NAME} characters"
    elif not any(letter.isalpha() for letter in clean) or not all(
        letter.isalpha() or letter in _NAME_SIGNS or unicodedata.category(letter) == "Mn"
        for letter in clean
    ):
        wrong[name] = "use letters, spaces, hyphens, apostrophes and full stops"
    return clean


def _date(text: str, name: str, wrong: dict[str, str]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong[name] = "use a date like 1980-01-31"
        return None


def _email(text: str | None, wrong: dict[str, str]) -> str | None:
    if not text:
        return None
    if len(text) > _LONGEST_EMAIL or not _EMAIL.fullmatch(text):
        wrong["email"] = "not an e-mail address"
    return text
