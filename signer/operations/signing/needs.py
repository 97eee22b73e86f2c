# ruff: noqa: D102 - the adapters' own docstrings say what each method does
"""What the signing operations need from their neighbours, as small protocols."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from signer.domain.account import Account
from signer.domain.activation import Slot
from signer.domain.attribute import AssertedAttribute, ProfessionalAttribute, RequiredAttribute
from signer.domain.audit import AuditRecord
from signer.domain.credential import Credential
from signer.domain.outgoing import OutgoingMessage
from signer.domain.transaction import Signed, SigningItem, Transaction, TransactionState
from signer.domain.values import (
    ClientId,
    CredentialId,
    Secret,
    SignatureValue,
    SignerId,
    TransactionId,
)


class Accounts(Protocol):
    """Finding people."""

    def by_phone(self, phone: str) -> tuple[Account | None, str]:
        """The account, and whose attempts count: its id, or a keyed pseudonym of the phone."""
        ...

    def by_id(self, signer: SignerId) -> Account | None:
        """By internal id."""
        ...


class Credentials(Protocol):
    """Finding credentials."""

    def of(self, signer: SignerId) -> tuple[Credential, ...]:
        """Live ones, oldest first."""
        ...

    def permanent_slot(self, credential_id: CredentialId) -> Slot | None:
        """The PIN slot."""
        ...


class Attributes(Protocol):
    """Professional attributes of a citizen."""

    def select(
        self, signer: SignerId, required: Sequence[RequiredAttribute]
    ) -> tuple[ProfessionalAttribute, ...]:
        """One held attribute per demand; raises AttributeNotHeldError."""
        ...

    def still_held(self, signer: SignerId, attributes: Sequence[ProfessionalAttribute]) -> bool:
        """Tell whether each is held now, unchanged."""
        ...

    def assert_for(
        self, certificate_der: bytes, attributes: Sequence[ProfessionalAttribute]
    ) -> tuple[AssertedAttribute, ...]:
        """Certified (or claimed) forms for one signature."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMessage:
    """What a code message says."""

    account: Account
    transaction: Transaction
    code: Secret
    channel: str
    expires_at: datetime


class Messages(Protocol):
    """Makes protected messages; nothing is sent before the transaction that enqueues them."""

    def code(self, message: CodeMessage) -> OutgoingMessage:
        """The one-time code with relying party and document names."""
        ...

    def signed(self, account: Account, transaction: Transaction) -> Sequence[OutgoingMessage]:
        """The notice after a signature, and the client's webhook."""
        ...

    def ended(self, transaction: Transaction, state: TransactionState) -> Sequence[OutgoingMessage]:
        """The client's webhook for an end without signature."""
        ...


class Statistics(Protocol):
    """Counting events without identity."""

    def count(self, event: str, channel: str = "", client: str = "") -> None:
        """Add one; never raises into the request."""
        ...


class Transactions(Protocol):
    """The transaction store as the operations use it."""

    def create(self, transaction: Transaction, *, audit: AuditRecord) -> None: ...
    def by_id(self, transaction_id: TransactionId) -> Transaction | None: ...
    def by_page_token(self, page_token_sha256: str) -> Transaction | None: ...
    def get(self, transaction_id: TransactionId, client: ClientId) -> Transaction | None: ...
    def slots(self, transaction_id: TransactionId) -> tuple[Slot, ...]: ...
    def codes_sent(self, subject: str, now: datetime) -> tuple[int, int]: ...
    def end(
        self,
        transaction_id: TransactionId,
        state: TransactionState,
        now: datetime,
        *,
        failure: str | None = None,
        outgoing: Sequence[OutgoingMessage] = (),
        audit: AuditRecord,
    ) -> bool: ...
    def fail_claimed(
        self,
        transaction_id: TransactionId,
        now: datetime,
        failure: str,
        *,
        expected: TransactionState = TransactionState.CLAIMED,
        outgoing: Sequence[OutgoingMessage] = (),
        audit: AuditRecord,
    ) -> bool: ...
    def keep_signatures(
        self,
        transaction_id: TransactionId,
        signed: Sequence[Signed],
        *,
        waiting_for: str,
        audit: Sequence[AuditRecord],
    ) -> bool: ...
    def kept_signatures(self, transaction_id: TransactionId) -> tuple[Signed, ...]: ...
    def release(
        self,
        transaction_id: TransactionId,
        results: Sequence[bytes],
        now: datetime,
        *,
        expected: TransactionState,
        outgoing: Sequence[OutgoingMessage],
        audit: Sequence[AuditRecord],
    ) -> bool: ...
    def completing(self, limit: int = 50) -> tuple[Transaction, ...]: ...
    def expired(self, now: datetime, limit: int = 200) -> tuple[Transaction, ...]: ...
    def stuck(self, claimed_before: datetime, limit: int = 200) -> tuple[Transaction, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What a right PIN leads to: the handle to come back with, and where the code went."""

    handle: Secret
    channel: str
    destination: str
    """Masked, for people."""
    expires_at: datetime | None
    codes_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The results of a transaction, in item order."""

    transaction: Transaction
    results: tuple[bytes, ...] = field(repr=False)


Values = tuple[SignatureValue, ...]
Items = tuple[SigningItem, ...]
