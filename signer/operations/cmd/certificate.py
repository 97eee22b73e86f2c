"""Codes that give a certificate: challenges bound to one process, spent by time alone."""

from dataclasses import dataclass
from datetime import timedelta

from signer.authentication.challenge import ChallengeAuthenticator
from signer.authentication.limits import Limits
from signer.domain.account import Account
from signer.domain.client import Client
from signer.domain.errors import RateLimitedError
from signer.domain.values import Secret
from signer.operations.cmd.needs import CertificateMessages, CodesSent
from signer.ports import Clock

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCodes:
    """A repeated right code gives the same certificate until its time is over."""

    challenges: ChallengeAuthenticator
    messages: CertificateMessages
    sent: CodesSent
    limits: Limits
    clock: Clock

    def send(self, account: Account, client: Client, handle: Secret, lifetime: timedelta) -> None:
        """The code before is dead.  Raises RateLimitedError, ChannelUnavailableError."""
        now = self.clock.now()
        for period, most in (
            (_HOUR, self.limits.codes_per_hour),
            (_DAY, self.limits.codes_per_day),
        ):
            if self.sent.codes_sent_since(account.id, now - period) >= most:
                raise RateLimitedError("too many codes were sent to this number", retry_after=600)
        challenge, code = self.challenges.make(_purpose(handle), account.id, client.id, lifetime)
        message = self.messages.certificate_code(account, code, challenge, client.name)
        self.challenges.send(challenge, message)

    def demand_pause(self, subject: str) -> None:
        """Raise RateLimitedError when a code went to this person too short a time ago."""
        interval = self.limits.resend_interval
        if self.sent.codes_sent_since(subject, self.clock.now() - interval):
            wait = max(1, int(interval.total_seconds()))
            raise RateLimitedError("wait before asking for another code", retry_after=wait)

    def check(self, subject: str, client: Client, handle: Secret, code: Secret) -> None:
        """Raises IncorrectCodeError, BusyError, RateLimitedError, QSCDUnavailableError."""
        self.challenges.verify(_purpose(handle), subject, client.id, code, keep=True)


def _purpose(handle: Secret) -> str:
    """Names the process without giving its handle away: 112 bits of its hash."""
    return f"cmd-{handle.sha256()[:28]}"
