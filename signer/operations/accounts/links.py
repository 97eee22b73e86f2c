"""Makes one-time links and gives people a new one."""

import secrets
import uuid
from dataclasses import dataclass

from signer.domain.account import Account, AccountState
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import AccountStateError
from signer.domain.link import Link, LinkKind
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import Secret
from signer.operations.accounts.messages import AccountMessages
from signer.operations.accounts.needs import LinkStore
from signer.operations.accounts.rules import AccountRules
from signer.ports import Clock

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """A new link kills older ones of its kind; which kind follows from the account's state."""

    store: LinkStore
    messages: AccountMessages
    rules: AccountRules
    clock: Clock

    def __call__(self, account: Account, *, officer: str) -> tuple[Link, Secret]:
        """Send a link: the first one again, or after identification anew.

        Gives the link and its address.  Raises AccountStateError for suspended and closed ones.
        """
        kinds = {
            AccountState.INVITED: LinkKind.ENROLMENT,
            AccountState.ACTIVE: LinkKind.REIDENTIFICATION,
        }
        if account.state not in kinds:
            raise AccountStateError(f"the account is {account.state}")
        link, token, message = self.make(account, kinds[account.state])
        self.store.issue(link, outgoing=(message,), audit=link_issued(link, officer))
        return link, self.address(token)

    def make(self, account: Account, kind: LinkKind) -> tuple[Link, Secret, OutgoingMessage]:
        """A link, its token (256 random bits, base64url) and its message; nothing is stored."""
        token = Secret(secrets.token_urlsafe(TOKEN_BYTES))
        now = self.clock.now()
        link = Link(
            id=str(uuid.uuid4()),
            account=account.id,
            kind=kind,
            token_sha256=token.sha256(),
            created_at=now,
            expires_at=now + self.rules.link_lifetime,
        )
        return link, token, self.messages.link(account, token, kind, link.expires_at)

    def address(self, token: Secret) -> Secret:
        """What the person opens."""
        return self.messages.address(token)


def link_issued(link: Link, officer: str) -> AuditRecord:
    """The record that goes with a new link."""
    return AuditRecord(
        event=AuditEvent.LINK_ISSUED,
        actor=officer,
        subject=link.account,
        facts={"link": link.id, "purpose": link.kind.value},
    )
