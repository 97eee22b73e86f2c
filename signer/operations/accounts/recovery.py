"""A forgotten or locked signature PIN: asked for, waited for, then a new key and certificate."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from signer.domain.account import Account, AccountState, PINKind
from signer.domain.activation import Attempt, AttemptKind, AttemptState
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import (
    AccountStateError,
    CertificateAuthorityUnavailableError,
    ConflictError,
)
from signer.domain.values import Secret
from signer.operations.accounts.entry import Admission, AdmitCitizen
from signer.operations.accounts.finding import demand_valid
from signer.operations.accounts.issuing import IssueCertificates, TellAuthority
from signer.operations.accounts.messages import AccountMessages
from signer.operations.accounts.needs import AccountStore, AttemptResets, Outbox
from signer.operations.accounts.pins import demand_not_authentication_pin
from signer.operations.accounts.rules import PAGES, AccountRules
from signer.operations.outgoing import Notice
from signer.ports import Clock
from signer.sam import Enrolment


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenSignaturePIN:
    """There is no operator reset: whoever forgets the PIN gets another key."""

    admit: AdmitCitizen
    accounts: AccountStore
    enrolment: Enrolment
    attempts: AttemptResets
    issue: IssueCertificates
    tell: TellAuthority
    messages: AccountMessages
    outbox: Outbox
    rules: AccountRules
    clock: Clock

    def ready_at(self, account: Account) -> datetime | None:
        """From when the new PIN may be set; None when nothing was asked for, or it lapsed."""
        progress = self.accounts.progress(account.id)
        asked = progress.recovery_requested_at if progress else None
        if asked is None or asked < self._lapsed_before():
            return None
        return asked + self.rules.recovery_wait

    def request(self, admission: Admission, code: Secret) -> datetime:
        """Start the wait and tell the person; gives its end.

        Raises IncorrectCodeError, AccountStateError, ConflictError when it runs already.
        """
        self._able(admission)
        account, verified = self.admit.check(admission, code)
        self.admit.spend(verified)
        now = self.clock.now()
        ready = now + self.rules.recovery_wait
        notice = self.messages.notice(account, Notice.RECOVERY, until=ready)
        record = AuditRecord(
            event=AuditEvent.ACCOUNT_CHANGED,
            actor="citizen",
            subject=account.id,
            facts={"changed": "recovery-requested", "ready_at": ready.isoformat()},
        )
        if not self.accounts.request_recovery(
            account,
            now,
            lapsed_before=self._lapsed_before(),
            outgoing=(notice,),
            audit=record,
        ):
            raise ConflictError("a new signature PIN was asked for already")
        return ready

    def complete(self, admission: Admission, code: Secret, new: Secret) -> bool:
        """After the wait: new keys under ``new``, old ones destroyed, their certificates revoked.

        False when the CA does not answer and certificates follow later.  Raises PINPolicyError,
        IncorrectCodeError, AccountStateError before the wait is over, ConflictError.
        """
        account = self._able(admission)
        ready = self.ready_at(account)
        if ready is None or self.clock.now() < ready:
            raise AccountStateError("the wait for a new signature PIN is not over")
        self.rules.pins.demand(PINKind.SIGNATURE, new, account, field="new_pin")
        demand_not_authentication_pin(self.accounts, self.enrolment, account, new)
        account, verified = self.admit.check(admission, code)
        self.admit.spend(verified)
        self.enrolment.enrol(
            account,
            signature_pin=new,
            authentication_pin=None,
            algorithms=self.rules.algorithms,
        )
        self._unlock(account)
        self.outbox.put(self.messages.notice(account, Notice.SIGNATURE_PIN_CHANGED))
        self.tell(account.id)
        try:
            self.issue(account.id)
        except CertificateAuthorityUnavailableError:
            return False
        return True

    def _able(self, admission: Admission) -> Account:
        account = self.admit.account(admission)
        if account.state is not AccountState.ACTIVE:
            raise AccountStateError("the account is suspended")
        demand_valid(account, self.clock.now())
        return account

    def _lapsed_before(self) -> datetime:
        return self.clock.now() - self.rules.recovery_wait - self.rules.recovery_window

    def _unlock(self, account: Account) -> None:
        attempt = Attempt(
            id=str(uuid.uuid4()),
            kind=AttemptKind.SIGNATURE_PIN,
            subject=account.id,
            scope="",
            in_flight_key=f"{AttemptKind.SIGNATURE_PIN}|{account.id}",
            client=PAGES,
            opened_at=self.clock.now(),
        )
        record = AuditRecord(
            event=AuditEvent.ACCOUNT_CHANGED,
            actor="citizen",
            subject=account.id,
            facts={"changed": "signature-pin-replaced"},
        )
        self.attempts.reset(attempt, AttemptState.OK, audit=record)
