# ruff: noqa: D102 - the adapters' own docstrings say what each method does
"""What the account operations need from the store, as small protocols."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from signer.domain.account import Account, AccountState, SigningRestriction
from signer.domain.activation import Attempt, AttemptState
from signer.domain.audit import AuditRecord
from signer.domain.credential import Credential
from signer.domain.link import AccountChange, AuthenticationPIN, DueStatus, Link, Progress
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import CredentialId, SignerId


class AccountReading(Protocol):
    """Finding accounts."""

    def by_id(self, signer: SignerId) -> Account | None: ...
    def by_phone(self, phone: str) -> Account | None: ...
    def by_identity(self, identity_key: str) -> Account | None: ...
    def progress(self, signer: SignerId) -> Progress | None: ...
    def codes_sent_since(self, subject: str, since: datetime) -> int: ...
    def search(
        self, text: str = "", *, state: AccountState | None = None, offset: int = 0, limit: int = 50
    ) -> tuple[tuple[Account, ...], int]: ...


class AccountStore(AccountReading, Protocol):
    """Accounts and their small changes."""

    def create(
        self,
        account: Account,
        link: Link,
        *,
        identity_key: str,
        outgoing: Sequence[OutgoingMessage],
        audit: Sequence[AuditRecord],
    ) -> None: ...
    def refuse(self, audit: AuditRecord) -> None: ...
    def confirm_phone(self, account: Account, *, audit: AuditRecord) -> bool: ...
    def accept_terms(
        self, signer: SignerId, version: str, now: datetime, *, audit: AuditRecord
    ) -> bool: ...
    def set_channels(
        self,
        signer: SignerId,
        channels: Sequence[str],
        *,
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool: ...
    def set_authentication_pin(
        self,
        account: Account,
        before: AuthenticationPIN,
        after: AuthenticationPIN,
        *,
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool: ...
    def request_recovery(
        self,
        account: Account,
        now: datetime,
        *,
        lapsed_before: datetime,
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool: ...


class AccountLife(Protocol):
    """Changes that kill what is pending; False when the epoch or state moved meanwhile."""

    def suspend(self, account: Account, change: AccountChange) -> bool: ...
    def resume(self, account: Account, change: AccountChange) -> bool: ...
    def close(self, account: Account, change: AccountChange) -> bool: ...
    def restrict(
        self, account: Account, restriction: SigningRestriction | None, change: AccountChange
    ) -> bool: ...
    def change_phone(
        self, account: Account, phone: str, link: Link, change: AccountChange
    ) -> bool: ...


class LinkStore(Protocol):
    """One-time links."""

    def issue(
        self, link: Link, *, outgoing: tuple[OutgoingMessage, ...] = (), audit: AuditRecord
    ) -> None: ...
    def by_token(self, token_sha256: str) -> Link | None: ...
    def by_id(self, link_id: str) -> Link | None: ...
    def bind(
        self, link_id: str, session_sha256: str, now: datetime, *, audit: AuditRecord
    ) -> bool: ...
    def use(self, link_id: str, now: datetime, *, audit: AuditRecord) -> bool: ...


class CredentialReading(Protocol):
    """Credentials, their requests and what is issued for them."""

    def credential(self, credential_id: CredentialId) -> Credential | None: ...
    def requests(self, signer: SignerId) -> tuple[tuple[Credential, bytes], ...]: ...
    def awaiting_certificate(self) -> tuple[SignerId, ...]: ...
    def set_chain(
        self, credential_id: CredentialId, chain: Sequence[bytes], *, audit: AuditRecord
    ) -> bool: ...


class DueStatuses(Protocol):
    """Certificates whose CA must still be told."""

    def due(self, signer: SignerId | None = None, limit: int = 200) -> tuple[DueStatus, ...]: ...
    def told(self, due: DueStatus, *, audit: AuditRecord) -> bool: ...


class AttemptResets(Protocol):
    """Ending the count of wrong attempts."""

    def reset(self, attempt: Attempt, state: AttemptState, *, audit: AuditRecord) -> None: ...


class Outbox(Protocol):
    """Messages no other change causes."""

    def put(self, *messages: OutgoingMessage) -> None: ...
