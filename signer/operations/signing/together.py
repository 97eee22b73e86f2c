"""The together entry: a challenge goes out, then one call brings code and PIN and gets a SAD."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from signer.authentication.challenge import ChallengeAuthenticator
from signer.authentication.pin import PINAuthenticator, PINTarget, nobody
from signer.domain.account import Account, AccountState
from signer.domain.activation import AttemptKind, Challenge
from signer.domain.credential import Credential, CredentialState
from signer.domain.errors import (
    AccountStateError,
    IncorrectCodeError,
    IncorrectPINError,
    InvalidRequestError,
)
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import DTBSR, ClientId, Secret
from signer.operations.accounts.finding import demand_may_sign
from signer.operations.signing.needs import Credentials
from signer.ports import CertificateAuthority, Clock
from signer.sam import Grants

PURPOSE = "authorise"
MAX_DIGESTS = 100


@dataclass(frozen=True, slots=True)
class Sought:
    """Whose signature a client wants; account and credential are None when there is none."""

    subject: str
    """Whose attempts count: the account's id, or a keyed pseudonym."""
    account: Account | None = None
    credential: Credential | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendChallenge:
    """A code without PIN and hashes: its message cannot name a document (a known divergence)."""

    challenges: ChallengeAuthenticator
    lifetime: timedelta
    message: Callable[[Account, Challenge, Secret], OutgoingMessage]

    def __call__(self, sought: Sought, client: ClientId) -> None:
        """Replace the live challenge; nobody's gets one, too, but no message."""
        challenge, code = self.challenges.make(PURPOSE, sought.subject, client, self.lifetime)
        message = None
        if sought.account is not None:
            message = self.message(sought.account, challenge, code)
        self.challenges.send(challenge, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoriseTogether:
    """Code and PIN at once, straight to a SAD over the digests."""

    challenges: ChallengeAuthenticator
    pins: PINAuthenticator
    credentials: Credentials
    grants: Grants
    authority: CertificateAuthority
    clock: Clock
    sad_lifetime: timedelta
    phone_freeze: timedelta

    def __call__(
        self,
        sought: Sought,
        *,
        client: ClientId,
        pin: Secret,
        code: Secret,
        dtbsrs: Sequence[DTBSR],
    ) -> Secret:
        """The SAD.

        A wrong code costs a code attempt only and hides what the PIN was; a right code with a
        wrong PIN costs a PIN attempt and leaves the code usable.  Raises IncorrectCodeError,
        IncorrectPINError, AccountStateError (after both were right), BusyError, RateLimitedError,
        InvalidRequestError, TransactionEndedError (the account moved on), an UnavailableError.
        """
        if not 1 <= len(dtbsrs) <= MAX_DIGESTS:
            raise InvalidRequestError(f"1 to {MAX_DIGESTS} digests", field="hashes")
        if len({dtbsr.algorithm for dtbsr in dtbsrs}) != 1:
            raise InvalidRequestError("one digest algorithm for all", field="hashes")
        target = self._target(sought)
        # 1. The code decides first: without it nothing is learnt about the PIN, not even by time.
        try:
            challenge = self.challenges.verify(PURPOSE, sought.subject, client, code, keep=True)
        except IncorrectCodeError:
            self.pins.take_time(target, pin)
            raise
        # 2. The PIN.
        verified = self.pins.verify(target, pin, client, transaction=challenge.id)
        account, credential = sought.account, sought.credential
        if account is None or credential is None:  # nobody's PIN verifies: never reached
            raise IncorrectPINError
        self._demand_able(account, credential)
        # 3. Spend the challenge, once; then the SAD.
        self.challenges.spend(challenge)
        return self.grants.grant_together(
            credential,
            verified,
            challenge,
            client=client,
            account_epoch=account.epoch,
            dtbsrs=dtbsrs,
            expires_at=self.clock.now() + self.sad_lifetime,
        )

    def _target(self, sought: Sought) -> PINTarget:
        account, credential = sought.account, sought.credential
        slot = self.credentials.permanent_slot(credential.id) if credential else None
        if not account or not credential or not slot or account.state is AccountState.CLOSED:
            return nobody(AttemptKind.SIGNATURE_PIN, sought.subject)
        return PINTarget(
            kind=AttemptKind.SIGNATURE_PIN,
            subject=account.id,
            tenant=credential.tenant,
            guarded=credential.id,
            salt=account.signature_salt,
            key_check_value=slot.key_check_value,
        )

    def _demand_able(self, account: Account, credential: Credential) -> None:
        demand_may_sign(account, self.clock.now(), self.phone_freeze)
        certificate = credential.certificate_der
        if credential.state is not CredentialState.ACTIVE or certificate is None:
            raise AccountStateError("the certificate is not issued yet")
        if not self.authority.is_good(certificate):
            raise AccountStateError("the certificate is suspended, revoked or expired")
