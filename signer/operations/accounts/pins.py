"""Changing a PIN one knows: the key stays, what it is sealed to changes."""

import hmac
import secrets
from dataclasses import dataclass
from typing import Protocol

from signer.authentication.pin import PINAuthenticator, PINTarget
from signer.domain.account import Account, AccountState, PINKind
from signer.domain.activation import AttemptKind, Slot
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.credential import Credential
from signer.domain.errors import AccountStateError, ConflictError, PINPolicyError
from signer.domain.link import AuthenticationPIN
from signer.domain.values import CredentialId, Secret, SignerId
from signer.operations.accounts.entry import Admission, AdmitCitizen
from signer.operations.accounts.finding import demand_valid
from signer.operations.accounts.messages import AccountMessages
from signer.operations.accounts.needs import AccountStore, Outbox
from signer.operations.accounts.rules import PAGES, AccountRules
from signer.operations.outgoing import Notice
from signer.ports import Clock
from signer.sam import Enrolment


class SealedCredentials(Protocol):
    """Credentials with their requests and PIN slots."""

    def requests(self, signer: SignerId) -> tuple[tuple[Credential, bytes], ...]:
        """Live ones, oldest first."""
        ...

    def permanent_slot(self, credential_id: CredentialId) -> Slot | None:
        """The PIN slot."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePIN:
    """Policy first, then the code, then the old PIN: a new PIN refused costs no code."""

    admit: AdmitCitizen
    accounts: AccountStore
    credentials: SealedCredentials
    pins: PINAuthenticator
    enrolment: Enrolment
    messages: AccountMessages
    outbox: Outbox
    rules: AccountRules
    clock: Clock

    def signature(self, admission: Admission, code: Secret, old: Secret, new: Secret) -> None:
        """Seal every key to ``new``.

        Raises PINPolicyError, IncorrectCodeError, IncorrectPINError, AccountStateError,
        ConflictError when a signature request or another change was first (epoch).
        """
        account = self._able(admission)
        self.rules.pins.demand(PINKind.SIGNATURE, new, account, field="new_pin", other_than=old)
        demand_not_authentication_pin(self.accounts, self.enrolment, account, new)
        account, verified_code = self.admit.check(admission, code)
        sealed = self.credentials.requests(account.id)
        verified = self.pins.verify(self._target(account, sealed), old, PAGES)
        self.admit.spend(verified_code)
        self.enrolment.change_signature_pin(account, sealed, verified, new)
        self.outbox.put(self.messages.notice(account, Notice.SIGNATURE_PIN_CHANGED))

    def authentication(self, admission: Admission, code: Secret, old: Secret, new: Secret) -> None:
        """Replace the authentication PIN; ``old`` is checked once more.

        It is not compared with the signature PIN: that would let the holder of this one guess that
        one without being counted.  Raises as :meth:`signature` does.
        """
        account = self._able(admission)
        self.rules.pins.demand(
            PINKind.AUTHENTICATION, new, account, field="new_pin", other_than=old
        )
        account, verified_code = self.admit.check(admission, code)
        progress = self.accounts.progress(account.id)
        if progress is None or progress.authentication is None:
            raise ConflictError
        before = progress.authentication
        target = PINTarget(
            kind=AttemptKind.AUTHENTICATION_PIN,
            subject=account.id,
            tenant=account.tenant,
            guarded=account.id,
            salt=before.salt,
            key_check_value=before.key_check_value,
        )
        verified = self.pins.verify(target, old, PAGES)
        self.admit.spend(verified_code)
        salt = secrets.token_bytes(16)
        after = AuthenticationPIN(
            salt=salt, key_check_value=self.enrolment.authentication_kcv(account, new, salt)
        )
        record = AuditRecord(
            event=AuditEvent.PIN_CHANGED,
            actor="citizen",
            subject=account.id,
            facts={"kind": PINKind.AUTHENTICATION.value, "attempt": verified.attempt},
        )
        notice = self.messages.notice(account, Notice.AUTHENTICATION_PIN_CHANGED)
        if not self.accounts.set_authentication_pin(
            account, before, after, outgoing=(notice,), audit=record
        ):
            raise ConflictError

    def _able(self, admission: Admission) -> Account:
        account = self.admit.account(admission)
        if account.state is not AccountState.ACTIVE:
            raise AccountStateError("the account is suspended")
        demand_valid(account, self.clock.now())
        return account

    def _target(self, account: Account, sealed: tuple[tuple[Credential, bytes], ...]) -> PINTarget:
        slot = self.credentials.permanent_slot(sealed[0][0].id) if sealed else None
        if slot is None:
            raise AccountStateError("the account has no key")
        return PINTarget(
            kind=AttemptKind.SIGNATURE_PIN,
            subject=account.id,
            tenant=account.tenant,
            guarded=slot.context.credential,
            salt=account.signature_salt,
            key_check_value=slot.key_check_value,
        )


def demand_not_authentication_pin(
    accounts: AccountStore, enrolment: Enrolment, account: Account, pin: Secret
) -> None:
    """Raise PINPolicyError when a new signature PIN is the authentication PIN, just proven."""
    progress = accounts.progress(account.id)
    if progress is None or progress.authentication is None:
        return
    current = progress.authentication
    value = enrolment.authentication_kcv(account, pin, current.salt)
    if hmac.compare_digest(value, current.key_check_value):
        raise PINPolicyError("this must differ from the authentication PIN", field="new_pin")
