"""Suspending, resuming, closing, another phone, other channels: by the citizen or an officer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from signer.domain.account import Account, AccountState, SigningRestriction
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import (
    AccountStateError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from signer.domain.link import AccountChange, LinkKind
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import Secret, SignerId
from signer.operations.accounts.entry import Admission, AdmitCitizen
from signer.operations.accounts.issuing import TellAuthority
from signer.operations.accounts.links import NewLink, link_issued
from signer.operations.accounts.messages import AccountMessages
from signer.operations.accounts.needs import AccountLife, AccountStore
from signer.operations.outgoing import Notice
from signer.ports import Clock

MESSAGE_CHANNELS: Final = ("sms", "email")
CHANNELS: Final = (*MESSAGE_CHANNELS, "totp")
CITIZEN: Final = "citizen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAccount:
    """Effective at once: pending requests die in the same transaction, then the CA is told."""

    accounts: AccountStore
    life: AccountLife
    links: NewLink
    tell: TellAuthority
    messages: AccountMessages
    normalised: Callable[[str], str]
    clock: Clock
    has_totp: Callable[[SignerId], bool] = lambda _signer: False
    """Whether a person's authenticator app is in use; without one it is no channel."""

    def suspend(self, signer: SignerId, *, actor: str) -> Account:
        """ACTIVE to SUSPENDED; raises NotFoundError, AccountStateError, ConflictError."""
        account = self._in(signer, AccountState.ACTIVE)
        notices = (self.messages.notice(account, Notice.SUSPENDED),)
        return self._done(
            account, self.life.suspend(account, self._change(account, "suspended", actor, notices))
        )

    def resume(self, signer: SignerId, *, actor: str) -> Account:
        """SUSPENDED to ACTIVE; raises as :meth:`suspend` does."""
        account = self._in(signer, AccountState.SUSPENDED)
        notices = (self.messages.notice(account, Notice.RESUMED),)
        return self._done(
            account, self.life.resume(account, self._change(account, "resumed", actor, notices))
        )

    def close(self, signer: SignerId, *, actor: str) -> Account:
        """For ever: keys and slots gone, certificates revoked, phone and document released."""
        living = (AccountState.INVITED, AccountState.ACTIVE, AccountState.SUSPENDED)
        account = self._in(signer, *living)
        notices = (self.messages.notice(account, Notice.CLOSED),)
        return self._done(
            account, self.life.close(account, self._change(account, "closed", actor, notices))
        )

    def restrict(
        self, signer: SignerId, restriction: SigningRestriction | None, *, actor: str
    ) -> Account:
        """Refuse signatures, not log-in: new PINs are demanded, or a pause; None lifts it.

        A new signature PIN lifts all but a pause.  Raises as :meth:`suspend` does.
        """
        account = self._in(signer, AccountState.ACTIVE)
        what = f"signing-{restriction}" if restriction else "signing-unrestricted"
        notice = Notice.SIGNING_RESTRICTED if restriction else Notice.SIGNING_UNRESTRICTED
        notices = (self.messages.notice(account, notice),)
        change = self._change(account, what, actor, notices)
        return self._done(account, self.life.restrict(account, restriction, change))

    def change_phone(self, signer: SignerId, phone: str, *, officer: str) -> tuple[Account, Secret]:
        """Another phone after identification; gives the address its holder confirms it at.

        An account not enrolled yet gets a new enrolment link there.  Raises InvalidRequestError,
        DuplicatePhoneError and as :meth:`suspend` does.
        """
        e164 = self.normalised(phone)
        account = self._in(signer, AccountState.INVITED, AccountState.ACTIVE)
        if e164 == account.phone:
            raise ConflictError("this is the account's phone already")
        kind = LinkKind.ENROLMENT if account.state is AccountState.INVITED else LinkKind.PHONE
        notices = self.messages.phone_changed(account, e164)
        link, token, message = self.links.make(replace(account, phone=e164), kind)
        change = self._change(account, "phone-changed", officer, (*notices, message))
        change = replace(change, audit=(*change.audit, link_issued(link, officer)))
        done = self.life.change_phone(account, e164, link, change)
        return self._done(account, done), self.links.address(token)

    def set_channels(self, signer: SignerId, channels: Sequence[str], *, actor: str) -> Account:
        """The order in which codes are tried; raises InvalidRequestError."""
        account = self._in(signer, AccountState.ACTIVE, AccountState.SUSPENDED)
        wanted = tuple(channels)
        if len(set(wanted)) != len(wanted) or not set(wanted) <= set(CHANNELS):
            raise InvalidRequestError(f"use each of {', '.join(CHANNELS)} once", field="channels")
        if not set(wanted) & set(MESSAGE_CHANNELS):
            raise InvalidRequestError("keep one channel that carries messages", field="channels")
        if "totp" in wanted and not self.has_totp(account.id):
            raise InvalidRequestError("no authenticator app is set up", field="channels")
        if "email" in wanted and not account.identity.email:
            raise InvalidRequestError("the account has no e-mail address", field="channels")
        record = self._record(account, "channels", actor, channels=wanted)
        notices = (self.messages.notice(account, Notice.CHANNELS_CHANGED),)
        return self._done(
            account,
            self.accounts.set_channels(account.id, wanted, outgoing=notices, audit=record),
        )

    def _in(self, signer: SignerId, *states: AccountState) -> Account:
        account = self.accounts.by_id(signer)
        if account is None:
            raise NotFoundError("there is no such account")
        if account.state not in states:
            raise AccountStateError(f"the account is {account.state}")
        return account

    def _done(self, account: Account, changed: bool) -> Account:  # noqa: FBT001 - what the store said
        if not changed:
            raise ConflictError("the account changed meanwhile")
        self.tell(account.id)
        now = self.accounts.by_id(account.id)
        if now is None:  # accounts are never deleted
            raise NotFoundError
        return now

    def _change(
        self, account: Account, what: str, actor: str, outgoing: Sequence[OutgoingMessage]
    ) -> AccountChange:
        return AccountChange(
            at=self.clock.now(),
            failure=f"account.{what}",
            outgoing=outgoing,
            audit=(self._record(account, what, actor),),
        )

    @staticmethod
    def _record(account: Account, what: str, actor: str, **facts: tuple[str, ...]) -> AuditRecord:
        return AuditRecord(
            event=AuditEvent.ACCOUNT_CHANGED,
            actor=actor,
            subject=account.id,
            facts={"changed": what, **facts},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAccount:
    """The same changes by the citizen: authentication PIN and a code for this very action."""

    admit: AdmitCitizen
    change: ChangeAccount

    def suspend(self, admission: Admission, code: Secret) -> Account:
        """Raises IncorrectCodeError, AuthorisationRefusedError, AccountStateError."""
        return self.change.suspend(self._proven(admission, code), actor=CITIZEN)

    def resume(self, admission: Admission, code: Secret) -> Account:
        """Raises as :meth:`suspend` does."""
        return self.change.resume(self._proven(admission, code), actor=CITIZEN)

    def close(self, admission: Admission, code: Secret) -> Account:
        """Raises as :meth:`suspend` does."""
        return self.change.close(self._proven(admission, code), actor=CITIZEN)

    def set_channels(self, admission: Admission, code: Secret, channels: Sequence[str]) -> Account:
        """Raises InvalidRequestError and as :meth:`suspend` does."""
        signer = self._proven(admission, code)
        return self.change.set_channels(signer, channels, actor=CITIZEN)

    def _proven(self, admission: Admission, code: Secret) -> SignerId:
        account, verified = self.admit.check(admission, code)
        self.admit.spend(verified)
        return account.id
