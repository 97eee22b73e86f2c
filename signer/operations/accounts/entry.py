"""Admits a citizen to the account pages: phone and authentication PIN, then a code per action."""

from dataclasses import dataclass
from datetime import datetime

from signer.authentication.challenge import VerifiedChallenge
from signer.authentication.pin import PINAuthenticator, PINTarget, nobody
from signer.domain.account import Account, AccountState
from signer.domain.activation import AttemptKind
from signer.domain.errors import AuthorisationRefusedError, IncorrectPINError
from signer.domain.values import ClientId, Secret, SignerId
from signer.operations.accounts.codes import AccountCodes
from signer.operations.accounts.finding import FindAccount
from signer.operations.accounts.needs import AccountReading
from signer.operations.accounts.rules import AccountRules
from signer.ports import Clock

_SECOND_STEPS = "account-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whose authentication PIN was right; any change of the account's epoch ends it."""

    signer: SignerId
    epoch: int
    until: datetime
    action: str
    """The one thing the person came for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitCitizen:
    """One answer for a wrong PIN, an unknown phone, a locked or closed account."""

    find: FindAccount
    accounts: AccountReading
    pins: PINAuthenticator
    codes: AccountCodes
    rules: AccountRules
    clock: Clock

    def __call__(self, phone: str, pin: Secret, action: str, *, client: ClientId) -> Admission:
        """Check phone and authentication PIN and send the code for ``action``.

        Raises InvalidRequestError (phone), IncorrectPINError, BusyError, RateLimitedError.
        """
        account, subject = self.find.by_phone(phone)
        self.pins.verify(self._target(account, subject), pin, client)
        if account is None:  # nobody's PIN verifies: never reached
            raise IncorrectPINError
        self.codes.send(account, _SECOND_STEPS + action)
        return Admission(
            signer=account.id,
            epoch=account.epoch,
            until=self.clock.now() + self.rules.entry_lifetime,
            action=action,
        )

    def account(self, admission: Admission) -> Account:
        """The account as it is now.

        Raises AuthorisationRefusedError when the admission is over or the account moved on.
        """
        account = self.accounts.by_id(admission.signer)
        if (
            account is None
            or account.epoch != admission.epoch
            or account.state is AccountState.CLOSED
            or self.clock.now() >= admission.until
        ):
            raise AuthorisationRefusedError
        return account

    def resend(self, admission: Admission) -> None:
        """Another code for the same action; raises RateLimitedError."""
        self.codes.send(self.account(admission), _SECOND_STEPS + admission.action)

    def check(self, admission: Admission, code: Secret) -> tuple[Account, VerifiedChallenge]:
        """The account and its checked code, not spent yet; raises IncorrectCodeError."""
        account = self.account(admission)
        return account, self.codes.check(account, _SECOND_STEPS + admission.action, code)

    def spend(self, verified: VerifiedChallenge) -> None:
        """Use the code up; raises IncorrectCodeError when another call was first."""
        self.codes.spend(verified)

    def _target(self, account: Account | None, subject: str) -> PINTarget:
        progress = self.accounts.progress(account.id) if account else None
        if account is None or progress is None or progress.authentication is None:
            return nobody(AttemptKind.AUTHENTICATION_PIN, subject)
        return PINTarget(
            kind=AttemptKind.AUTHENTICATION_PIN,
            subject=account.id,
            tenant=account.tenant,
            guarded=account.id,
            salt=progress.authentication.salt,
            key_check_value=progress.authentication.key_check_value,
        )
