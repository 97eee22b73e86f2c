"""Finding citizens and clients for the signing operations, and telling people of locks."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from api.wiring.stores import Stores
from signer.domain.account import Account
from signer.domain.activation import AttemptKind
from signer.domain.errors import ChannelUnavailableError
from signer.domain.values import ClientId, SignerId
from signer.operations.outgoing import Composer, Notice, Recipient
from signer.ports import KeyVault
from signer.texts import Texts

_LOG = logging.getLogger(__name__)

_LOCKED = {
    AttemptKind.SIGNATURE_PIN: Notice.SIGNATURE_PIN_LOCKED,
    AttemptKind.AUTHENTICATION_PIN: Notice.AUTHENTICATION_PIN_LOCKED,
    AttemptKind.CODE: Notice.CODE_LOCKED,
}


@dataclass(frozen=True, slots=True)
class People:
    """Adapters of the account store to what signing needs."""

    stores: Stores
    vault: KeyVault
    texts: Texts
    composer: Composer
    cap_lookups: Callable[[ClientId, str], None]

    def by_phone(self, phone: str) -> tuple[Account | None, str]:
        """The account, and whose attempts count."""
        pseudonym = self.vault.pseudonym("phone", phone)  # always: equal work for unknown phones
        account = self.stores.accounts.by_phone(phone)
        return account, pseudonym if account is None else account.id

    def by_id(self, signer: SignerId) -> Account | None:
        """By internal id."""
        return self.stores.accounts.by_id(signer)

    def webhook_url(self, client: ClientId) -> str | None:
        """Where events of this client go."""
        found = self.stores.clients.find(client)
        return found.webhook_url if found else None

    def failure_budget(self, client: ClientId) -> int | None:
        """Wrong PINs and codes an hour it may bring; None for one that is not registered."""
        found = self.stores.clients.find(client)
        return found.limits.failures_per_hour if found else None

    def text_version(self, locale: str) -> str:
        """Version of the words a page shows."""
        return self.texts.text_version(locale)

    def tell_locked(self, subject: str, kind: AttemptKind) -> None:
        """Tell the owner, and only the owner, that a secret was locked."""
        account = self.stores.accounts.by_id(SignerId(subject))
        if account is None or kind not in _LOCKED:
            return
        try:
            notice = self.composer.notice(
                Recipient.of(account), _LOCKED[kind], at=self.stores.clock.now()
            )
        except ChannelUnavailableError:
            _LOG.warning("an owner could not be told of a lock: no channel")
            return
        self.stores.outbox.put(notice)
