"""The citizen types the PIN: verified, attributes fetched, code made, sealed and sent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from signer.authentication.code import new_code, new_handle
from signer.authentication.limits import Limits
from signer.authentication.pin import PINAuthenticator, PINTarget, VerifiedPIN, nobody
from signer.domain.account import Account, AccountState
from signer.domain.activation import AttemptKind
from signer.domain.attribute import ProfessionalAttribute
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.credential import Credential, CredentialState
from signer.domain.errors import (
    AttributeNotHeldError,
    RateLimitedError,
    SignatureInactiveError,
    TransactionEndedError,
)
from signer.domain.statistics import CountedEvent
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import ClientId, Secret, SignerId
from signer.operations.accounts.finding import demand_may_sign
from signer.operations.signing.needs import (
    Accounts,
    Attributes,
    CodeMessage,
    Credentials,
    Entered,
    Messages,
    Statistics,
    Transactions,
)
from signer.ports import CertificateAuthority, Clock
from signer.sam import StagedEntry
from signer.sam.staged import Code


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a transaction is for, once a right PIN said so."""

    account: Account
    credential: Credential


@dataclass(frozen=True, slots=True)
class ClaimedPerson:
    """Whom a caller says it acts for; unknown people have a subject too."""

    account: Account | None
    credential: Credential | None
    subject: str
    client: ClientId
    process: str
    """Public id for the audit trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterPIN:
    """Steps 2 to 5 of docs/SIGNING-CYCLE.md."""

    accounts: Accounts
    credentials: Credentials
    attributes: Attributes
    transactions: Transactions
    pins: PINAuthenticator
    staged: StagedEntry
    authority: CertificateAuthority
    messages: Messages
    statistics: Statistics
    limits: Limits
    clock: Clock
    code_lifetime: timedelta
    has_totp: Callable[[SignerId], bool]
    phone_freeze: timedelta
    """After a change of phone nothing is signed for this long (L10)."""

    def __call__(
        self,
        transaction: Transaction,
        pin: Secret,
        *,
        handle: Secret | None = None,
        rsa_only: bool = False,
    ) -> Entered:
        """Check the PIN and send the code.

        ``rsa_only``: the caller's protocol knows no other keys.  Raises IncorrectPINError (one
        answer for wrong, locked, unknown), AccountStateError and AttributeNotHeldError (only after
        a right PIN), TransactionEndedError, RateLimitedError, BusyError, or an UnavailableError.
        """
        now = self.clock.now()
        if transaction.state is not TransactionState.CREATED or transaction.expires_at <= now:
            raise TransactionEndedError
        account = self.accounts.by_id(transaction.signer) if transaction.signer else None
        credential = self._credential(account, transaction)
        claimed = ClaimedPerson(
            account, credential, transaction.subject, transaction.client, transaction.id
        )
        person, verified = self.authenticate(claimed, pin, rsa_only=rsa_only)
        attributes = self._select(transaction, person)
        self._demand_code_allowed(transaction, now)
        return self._ask(transaction, person, verified, attributes, handle or new_handle())

    def authenticate(
        self, claimed: ClaimedPerson, pin: Secret, *, rsa_only: bool = False
    ) -> tuple[Person, VerifiedPIN]:
        """Check the signature PIN, then whether this person may sign now; sends nothing.

        Raises IncorrectPINError, AccountStateError, BusyError, RateLimitedError, UnavailableError.
        """
        verified = self._verify(claimed, pin)
        if claimed.account is None or claimed.credential is None:
            raise TransactionEndedError  # nobody's PIN verifies: never reached
        person = Person(claimed.account, claimed.credential)
        self.demand_able(person, rsa_only=rsa_only)
        return person, verified

    def _credential(self, account: Account | None, transaction: Transaction) -> Credential | None:
        if account is None:
            return None
        for credential in self.credentials.of(account.id):
            if credential.id == transaction.credential:
                return credential
        return None

    def _verify(self, claimed: ClaimedPerson, pin: Secret) -> VerifiedPIN:
        account, credential = claimed.account, claimed.credential
        target = nobody(AttemptKind.SIGNATURE_PIN, claimed.subject)
        slot = self.credentials.permanent_slot(credential.id) if credential else None
        if account and credential and slot and account.state is not AccountState.CLOSED:
            target = PINTarget(
                kind=AttemptKind.SIGNATURE_PIN,
                subject=account.id,
                tenant=credential.tenant,
                guarded=credential.id,
                salt=account.signature_salt,
                key_check_value=slot.key_check_value,
            )
        return self.pins.verify(target, pin, claimed.client, transaction=claimed.process)

    def demand_able(self, person: Person, *, rsa_only: bool = False) -> None:
        """Suspended, expired and revoked are told only to who knows the PIN.

        Raises AccountStateError or one of its kinds.
        """
        demand_may_sign(person.account, self.clock.now(), self.phone_freeze)
        certificate = person.credential.certificate_der
        if person.credential.state is not CredentialState.ACTIVE or certificate is None:
            raise SignatureInactiveError("the certificate is not issued yet")
        if not self.authority.is_good(certificate):
            raise SignatureInactiveError("the certificate is suspended, revoked or expired")
        if rsa_only and not person.credential.algorithm.is_rsa:
            raise SignatureInactiveError("there is no RSA key")

    def _select(
        self, transaction: Transaction, person: Person
    ) -> tuple[ProfessionalAttribute, ...]:
        if not transaction.required_attributes:
            return ()
        try:
            return self.attributes.select(person.account.id, transaction.required_attributes)
        except AttributeNotHeldError as error:
            record = AuditRecord(
                event=AuditEvent.ATTRIBUTE_ASKED,
                outcome="not-held",
                actor=transaction.client,
                subject=person.account.id,
                transaction=transaction.id,
            )
            self.transactions.end(
                transaction.id,
                TransactionState.FAILED,
                self.clock.now(),
                failure=error.code,
                outgoing=self.messages.ended(
                    replace(transaction, failure=error.code), TransactionState.FAILED
                ),
                audit=record,
            )
            raise

    def _demand_code_allowed(self, transaction: Transaction, now: datetime) -> None:
        demand_codes_left(self.transactions, self.limits, transaction.subject, now)

    def _ask(
        self,
        transaction: Transaction,
        person: Person,
        verified: VerifiedPIN,
        attributes: tuple[ProfessionalAttribute, ...],
        handle: Secret,
    ) -> Entered:
        account = person.account
        channel = account.channels[0] if account.channels else "sms"
        code = None
        expires_at: datetime | None = None
        if channel != "totp" or not self.has_totp(account.id):
            channel = "sms" if channel == "totp" else channel
            expires_at = min(self.clock.now() + self.code_lifetime, transaction.expires_at)
            code = self._code(transaction, account, channel, expires_at)
        self.staged.ask(
            transaction,
            person.credential,
            verified,
            account_epoch=account.epoch,
            attributes=attributes,
            handle=handle,
            code=code,
        )
        if code is not None:
            self.statistics.count(
                CountedEvent.CODE_SENT, channel=channel, client=transaction.client
            )
        return Entered(
            handle=handle,
            channel=channel,
            destination=destination(account, channel),
            expires_at=expires_at,
            codes_left=self.limits.resends_per_transaction,
        )

    def _code(
        self, transaction: Transaction, account: Account, channel: str, expires_at: datetime
    ) -> Code:
        secret = new_code()
        message = CodeMessage(
            account=account,
            transaction=transaction,
            code=secret,
            channel=channel,
            expires_at=expires_at,
        )
        return Code(
            code=secret,
            channel=channel,
            expires_at=expires_at,
            message=self.messages.code(message),
        )


def demand_codes_left(
    transactions: Transactions, limits: Limits, subject: str, now: datetime
) -> None:
    """Codes per person and hour, and per day (L5).  Raises RateLimitedError."""
    in_hour, in_day = transactions.codes_sent(subject, now)
    if in_hour >= limits.codes_per_hour:
        raise RateLimitedError("too many codes were sent to this number", retry_after=600)
    if in_day >= limits.codes_per_day:
        raise RateLimitedError("too many codes were sent to this number today", retry_after=3600)


def destination(account: Account, channel: str) -> str:
    """The masked address people recognise: +351 9•• ••• 678, or m•••@example.pt."""
    if channel == "email" and account.identity.email:
        name, _, domain = account.identity.email.partition("@")
        return f"{name[:1]}•••@{domain}"
    if channel == "totp":
        return ""
    phone = account.phone
    return f"{phone[:4]} {phone[4:5]}•• ••• {phone[-3:]}"
