"""Certificate look-up: an oracle by contract, so distinct phones are capped per client."""

from collections.abc import Callable
from dataclasses import dataclass

from signer.domain.credential import Credential, CredentialState
from signer.domain.values import ClientId
from signer.operations.signing.needs import Accounts, Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCertificates:
    """What a phone number signs with; unknown and without certificate look alike."""

    accounts: Accounts
    credentials: Credentials
    cap: Callable[[ClientId, str], None]
    """Counts the phone's pseudonym; raises RateLimitedError."""

    def __call__(self, client: ClientId, phone: str) -> tuple[Credential, ...]:
        """Active credentials of an E.164 phone.  Raises RateLimitedError."""
        account, subject = self.accounts.by_phone(phone)
        self.cap(client, subject)
        if account is None:
            return ()
        return tuple(
            one
            for one in self.credentials.of(account.id)
            if one.state is CredentialState.ACTIVE and one.chain_der
        )
