"""Finds people by phone, and says whether an account may sign."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from signer.domain.account import Account, AccountState, SigningRestriction
from signer.domain.errors import (
    AccountStateError,
    PINsMustChangeError,
    SignaturePausedError,
    SignaturePINMustChangeError,
)
from signer.domain.values import SignerId
from signer.operations.accounts.needs import AccountReading
from signer.ports import KeyVault

_RESTRICTED: Final = {
    SigningRestriction.CHANGE_PINS: PINsMustChangeError,
    SigningRestriction.CHANGE_SIGNATURE_PIN: SignaturePINMustChangeError,
    SigningRestriction.PAUSED: SignaturePausedError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindAccount:
    """For signing and for the account pages; unknown phones have a subject of their own."""

    accounts: AccountReading
    vault: KeyVault
    normalised: Callable[[str], str]
    """Any spelling of a phone to E.164; raises InvalidRequestError."""

    def by_phone(self, phone: str) -> tuple[Account | None, str]:
        """The account, and whose attempts count: its id, or a keyed pseudonym of the phone.

        Raises InvalidRequestError for what cannot be a phone.
        """
        e164 = self.normalised(phone)
        pseudonym = self.vault.pseudonym("phone", e164)  # always: equal work for unknown phones
        account = self.accounts.by_phone(e164)
        return account, pseudonym if account is None else account.id

    def by_id(self, signer: SignerId) -> Account | None:
        """By internal id."""
        return self.accounts.by_id(signer)


def demand_may_sign(account: Account, now: datetime, phone_freeze: timedelta) -> None:
    """Raise AccountStateError when the account cannot sign now; ask only after a right PIN."""
    if account.state is not AccountState.ACTIVE:
        raise AccountStateError("the account is not active")
    demand_valid(account, now)
    if not account.phone_confirmed:
        raise AccountStateError("the phone is not confirmed yet")
    changed = account.phone_changed_at
    if changed is not None and now < changed + phone_freeze:
        raise AccountStateError("the phone was changed a short time ago")
    if account.signing_restriction is not None:
        raise _RESTRICTED[account.signing_restriction]


def demand_valid(account: Account, now: datetime) -> None:
    """Raise AccountStateError when the identity document has expired."""
    if account.valid_until <= now:
        raise AccountStateError("the identity document of the account has expired")
