"""Which certificate a phone signs with, and who lately proved itself when it asked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from signer.domain.cmd_application import CMDApplication
from signer.operations.cmd.begin import may_call
from signer.operations.cmd.needs import Processes
from signer.operations.signing.certificates import FindCertificates
from signer.operations.signing.needs import Accounts
from signer.ports import Clock

VOUCHED_FOR: Final = timedelta(minutes=10)
"""How long an authenticated look-up stands in for the Basic that a batch call lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpCertificate:
    """An oracle by contract, so distinct phones are capped per application."""

    certificates: FindCertificates
    accounts: Accounts
    processes: Processes
    clock: Clock
    pseudonym: Callable[[str], str]
    """Of a network address."""

    def __call__(
        self, application: CMDApplication, phone: str, address: str, *, authenticated: bool
    ) -> tuple[bytes, ...]:
        """The chain of the newest RSA credential, leaf first; nothing for anybody unknown.

        Raises RateLimitedError when too many phones were asked about.
        """
        if not may_call(application):
            return ()
        client = application.client.id
        found = self.certificates(client, phone)
        if authenticated:
            _account, subject = self.accounts.by_phone(phone)
            self.processes.looked_up(client, subject, self.pseudonym(address), self.clock.now())
        chains = [one.chain_der for one in found if one.algorithm.is_rsa]
        return chains[-1] if chains else ()

    def vouched(self, application: CMDApplication, phone: str, address: str) -> bool:
        """Tell whether it asked for this phone's certificate from here, with proof, just now."""
        _account, subject = self.accounts.by_phone(phone)
        return self.processes.has_looked_up(
            application.client.id,
            subject,
            self.pseudonym(address),
            self.clock.now() - VOUCHED_FOR,
        )
