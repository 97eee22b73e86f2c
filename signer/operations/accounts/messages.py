"""Codes, links and notices about accounts, in the person's language, ready for a transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from signer.domain.account import Account
from signer.domain.link import LinkKind
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import Secret
from signer.operations.outgoing import CodePurpose, Composer, LinkPurpose, Notice, Recipient
from signer.ports import Clock

_LINKS: Final = {
    LinkKind.ENROLMENT: LinkPurpose.ENROL,
    LinkKind.REIDENTIFICATION: LinkPurpose.RECOVER,
    LinkKind.PHONE: LinkPurpose.PHONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMessages:
    """Every message is made (encrypted) before the transaction that enqueues it."""

    composer: Composer
    clock: Clock
    base_url: str
    masked: Callable[[str], str]
    """E.164 phone to what a notice may show of it."""

    def phone_code(
        self, account: Account, code: Secret, challenge: str, expires_at: datetime
    ) -> OutgoingMessage:
        """By SMS only, whatever the account's channels: it proves who holds the phone."""
        phone = Recipient(
            subject=account.id,
            locale=account.identity.locale,
            addresses={"sms": account.phone},
        )
        return self.composer.code_message(
            phone, code, CodePurpose.PHONE, process=challenge, expires_at=expires_at
        )

    def account_code(
        self, account: Account, code: Secret, challenge: str, expires_at: datetime
    ) -> OutgoingMessage:
        """By the channels the person chose."""
        return self.composer.code_message(
            Recipient.of(account),
            code,
            CodePurpose.ACCOUNT,
            process=challenge,
            expires_at=expires_at,
        )

    def link(
        self, account: Account, token: Secret, kind: LinkKind, expires_at: datetime
    ) -> OutgoingMessage:
        """The one-time link."""
        return self.composer.link_message(
            Recipient.of(account), self.address(token), _LINKS[kind], expires_at=expires_at
        )

    def address(self, token: Secret) -> Secret:
        """The address a link token opens."""
        return Secret(f"{self.base_url}/account/enrol/{token.reveal()}")

    def notice(
        self, account: Account, what: Notice, *, until: datetime | None = None
    ) -> OutgoingMessage:
        """What just happened to the account."""
        return self.composer.notice(Recipient.of(account), what, at=self.clock.now(), until=until)

    def phone_changed(self, account: Account, phone: str) -> tuple[OutgoingMessage, ...]:
        """To the old phone and to the new one."""
        shown = self.masked(phone)
        now = self.clock.now()
        return tuple(
            self.composer.notice(Recipient.of(one), Notice.PHONE_CHANGED, at=now, phone=shown)
            for one in (account, replace(account, phone=phone))
        )
