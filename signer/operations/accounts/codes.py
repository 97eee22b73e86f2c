"""One-time codes for enrolment and for changes of an account, with the limits on sending."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from signer.authentication.challenge import ChallengeAuthenticator, VerifiedChallenge
from signer.domain.account import Account
from signer.domain.errors import RateLimitedError
from signer.domain.values import Secret
from signer.operations.accounts.messages import AccountMessages
from signer.operations.accounts.needs import AccountReading
from signer.operations.accounts.rules import PAGES, AccountRules
from signer.ports import Clock

PHONE: Final = "enrolment"
"""Purpose of codes that confirm a phone; every action of the pages has its own purpose."""
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCodes:
    """A code opens the one action it was sent for; a new one replaces it."""

    challenges: ChallengeAuthenticator
    accounts: AccountReading
    messages: AccountMessages
    rules: AccountRules
    clock: Clock

    def send(self, account: Account, purpose: str) -> None:
        """Make a code and enqueue it; raises RateLimitedError (nothing sent)."""
        self._demand_allowed(account)
        challenge, code = self.challenges.make(purpose, account.id, PAGES, self.rules.code_lifetime)
        make = self.messages.phone_code if purpose == PHONE else self.messages.account_code
        self.challenges.send(challenge, make(account, code, challenge.id, challenge.expires_at))

    def check(self, account: Account, purpose: str, code: Secret) -> VerifiedChallenge:
        """Check without spending, so that what is checked next may still be corrected.

        Raises IncorrectCodeError, BusyError, RateLimitedError.
        """
        return self.challenges.verify(purpose, account.id, PAGES, code, keep=True)

    def spend(self, verified: VerifiedChallenge) -> None:
        """Use it up; raises IncorrectCodeError when another call was first."""
        self.challenges.spend(verified)

    def _demand_allowed(self, account: Account) -> None:
        now = self.clock.now()
        limits = (
            (self.rules.code_interval, 1),
            (_HOUR, self.rules.codes_per_hour),
            (_DAY, self.rules.codes_per_day),
        )
        for period, most in limits:
            if self.accounts.codes_sent_since(account.id, now - period) >= most:
                raise RateLimitedError(
                    "wait before asking for another code",
                    retry_after=max(1, int(period.total_seconds())),
                )
