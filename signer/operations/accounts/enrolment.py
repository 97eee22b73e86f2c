"""Enrolment by the citizen on our page: each step may be the last before a crash, none is lost.

The link leads to the phone step only; whoever confirms the phone gets a secret for the browser, and
every later step demands it.  A second browser that opens the link starts at the phone again and
takes the enrolment over.
"""

import hmac
import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum, unique

from signer.domain.account import Account, AccountState, PINKind
from signer.domain.activation import Attempt, AttemptKind, AttemptState
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import (
    CertificateAuthorityUnavailableError,
    ConflictError,
    NotFoundError,
)
from signer.domain.link import Link, LinkKind
from signer.domain.values import Secret, SignerId
from signer.operations.accounts.codes import PHONE, AccountCodes
from signer.operations.accounts.issuing import IssueCertificates, TellAuthority
from signer.operations.accounts.messages import AccountMessages
from signer.operations.accounts.needs import AccountStore, AttemptResets, LinkStore, Outbox
from signer.operations.accounts.rules import PAGES, AccountRules
from signer.operations.outgoing import Notice
from signer.ports import Clock
from signer.sam import Enrolment


@unique
class Step(StrEnum):
    """Where an enrolment stands."""

    PHONE = "phone"
    TERMS = "terms"
    PINS = "pins"
    CERTIFICATES = "certificates"
    """Keys are made; a certificate is still to be issued."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Enrolling:
    """One look at an enrolment: computed from what is stored, never from what a browser says."""

    link: Link
    account: Account
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolCitizen:
    """The steps; each raises ConflictError, with nothing changed, when it is not its turn."""

    accounts: AccountStore
    links: LinkStore
    codes: AccountCodes
    enrolment: Enrolment
    issue: IssueCertificates
    tell: TellAuthority
    attempts: AttemptResets
    messages: AccountMessages
    outbox: Outbox
    rules: AccountRules
    clock: Clock

    def open(self, token: Secret) -> Link:
        """The link of a token; NotFoundError when unknown, replaced, used or too old."""
        link = self.links.by_token(token.sha256())
        if link is None or not link.is_open(self.clock.now()):
            raise NotFoundError("this link was used or replaced, or its time is over")
        return link

    def look(self, link_id: str, session: Secret | None) -> Enrolling:
        """Where the enrolment stands for the browser that holds ``session``.

        Raises NotFoundError when the link has ended for this browser.
        """
        link = self.links.by_id(link_id)
        account = self.accounts.by_id(link.account) if link else None
        if link is None or account is None or account.state not in _LIVING:
            raise NotFoundError("this enrolment has ended")
        if not _is_held(link, session):
            if not link.is_open(self.clock.now()):
                raise NotFoundError("this enrolment has ended")
            return Enrolling(link, account, Step.PHONE)
        return Enrolling(link, account, self._step(link, account))

    def send_code(self, seen: Enrolling) -> None:
        """Send a code to the phone; raises RateLimitedError."""
        _demand(seen, Step.PHONE)
        self.codes.send(seen.account, PHONE)

    def confirm_phone(self, seen: Enrolling, code: Secret) -> Secret:
        """Check the code; gives the secret this browser continues with.

        Raises IncorrectCodeError, BusyError, RateLimitedError.
        """
        _demand(seen, Step.PHONE)
        self.codes.spend(self.codes.check(seen.account, PHONE, code))
        session = Secret(secrets.token_urlsafe(32))
        account, link, now = seen.account, seen.link, self.clock.now()
        opened = _record(
            AuditEvent.LINK_USED, account, step="phone", purpose=link.kind.value, link=link.id
        )
        confirmed = _record(AuditEvent.ACCOUNT_CHANGED, account, changed="phone-confirmed")
        if not self.links.bind(link.id, session.sha256(), now, audit=opened):
            raise NotFoundError("this link has ended")
        if not self.accounts.confirm_phone(account, audit=confirmed):
            raise ConflictError
        if link.kind is LinkKind.PHONE:
            self._use(link, account)
        return session

    def accept_terms(self, seen: Enrolling, version: str) -> None:
        """Record the acceptance of ``version``, which must be the one shown now."""
        _demand(seen, Step.TERMS)
        if version != self.rules.terms_version:
            raise ConflictError("the terms changed meanwhile: read them again")
        record = _record(AuditEvent.TERMS_ACCEPTED, seen.account, version=version)
        now = self.clock.now()
        if not self.accounts.accept_terms(seen.account.id, version, now, audit=record):
            raise ConflictError

    def set_pins(self, seen: Enrolling, *, authentication: Secret, signature: Secret) -> None:
        """Set both PINs, make the keys, ask for the certificates.

        When the CA does not answer the keys are kept and :meth:`certify` is called later.  Raises
        PINPolicyError, ConflictError (another browser was first), QSCDUnavailableError.
        """
        _demand(seen, Step.PINS)
        account, policy = seen.account, self.rules.pins
        policy.demand(PINKind.AUTHENTICATION, authentication, account, field="authentication_pin")
        policy.demand(
            PINKind.SIGNATURE,
            signature,
            account,
            field="signature_pin",
            other_than=authentication,
        )
        self.enrolment.enrol(
            account,
            signature_pin=signature,
            authentication_pin=authentication,
            algorithms=self.rules.algorithms,
        )
        if seen.link.kind is LinkKind.REIDENTIFICATION:
            self._identified_anew(account)
        self._use(seen.link, account)
        self.tell(account.id)
        self.certify(account.id)

    def certify(self, signer: SignerId) -> bool:
        """Ask for what is missing; False when the CA does not answer (the worker asks again)."""
        try:
            self.issue(signer)
        except CertificateAuthorityUnavailableError:
            return False
        return True

    def _step(self, link: Link, account: Account) -> Step:
        enrolled = account.state is AccountState.ACTIVE
        if link.kind is LinkKind.ENROLMENT and enrolled and link.used_at is None:
            self._use(link, account)  # the keys were stored, then the process died
        elif link.used_at is None:
            progress = self.accounts.progress(account.id)
            accepted = progress is not None and progress.terms_version == self.rules.terms_version
            return Step.PINS if accepted else Step.TERMS
        if link.kind is not LinkKind.PHONE and self.issue.waiting(account.id):
            return Step.CERTIFICATES
        return Step.DONE

    def _use(self, link: Link, account: Account) -> None:
        record = _record(
            AuditEvent.LINK_USED, account, step="used", purpose=link.kind.value, link=link.id
        )
        self.links.use(link.id, self.clock.now(), audit=record)

    def _identified_anew(self, account: Account) -> None:
        now = self.clock.now()
        for kind in (AttemptKind.AUTHENTICATION_PIN, AttemptKind.SIGNATURE_PIN, AttemptKind.CODE):
            attempt = Attempt(
                id=str(uuid.uuid4()),
                kind=kind,
                subject=account.id,
                scope="",
                in_flight_key=f"{kind}|{account.id}",
                client=PAGES,
                opened_at=now,
            )
            record = _record(AuditEvent.ACCOUNT_CHANGED, account, changed=f"{kind}-reset")
            self.attempts.reset(attempt, AttemptState.RESET, audit=record)
        told = (Notice.SIGNATURE_PIN_CHANGED, Notice.AUTHENTICATION_PIN_CHANGED)
        self.outbox.put(*(self.messages.notice(account, what) for what in told))


_LIVING = (AccountState.INVITED, AccountState.ACTIVE)


def _is_held(link: Link, session: Secret | None) -> bool:
    return (
        session is not None
        and link.session_sha256 is not None
        and hmac.compare_digest(session.sha256(), link.session_sha256)
    )


def _demand(seen: Enrolling, step: Step) -> None:
    if seen.step is not step:
        raise ConflictError(f"the enrolment stands at the step {seen.step}")


def _record(event: AuditEvent, account: Account, **facts: str) -> AuditRecord:
    return AuditRecord(event=event, actor="citizen", subject=account.id, facts=facts)
