"""Ends without a signature: refused, cancelled, expired, reaped; and late completion."""

from dataclasses import dataclass, replace
from datetime import timedelta

from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import (
    IntegrityAlarmError,
    InvalidRequestError,
    NotFoundError,
    SigningServiceError,
    TransactionEndedError,
    UnavailableError,
)
from signer.domain.statistics import CountedEvent
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import ClientId, TransactionId
from signer.operations.signing.completion import STAMP_PATIENCE, Complete, missing
from signer.operations.signing.needs import Messages, Statistics, Transactions
from signer.ports import Clock

REAP_AFTER = timedelta(seconds=60)

_EVENTS = {
    TransactionState.REFUSED: (AuditEvent.TRANSACTION_REFUSED, "citizen", CountedEvent.REFUSED),
    TransactionState.CANCELLED: (AuditEvent.TRANSACTION_CANCELLED, "client", None),
    TransactionState.EXPIRED: (AuditEvent.TRANSACTION_EXPIRED, "service", CountedEvent.EXPIRED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSigning:
    """One transaction ends; slots, unsent codes and documents go with it."""

    transactions: Transactions
    messages: Messages
    statistics: Statistics
    clock: Clock

    def __call__(self, transaction: Transaction, state: TransactionState) -> None:
        """REFUSED, CANCELLED or EXPIRED.  Raises TransactionEndedError when it had ended."""
        event, actor, counted = _EVENTS[state]
        record = AuditRecord(
            event=event,
            actor=transaction.client if actor == "client" else actor,
            subject=transaction.subject,
            transaction=transaction.id,
        )
        done = self.transactions.end(
            transaction.id,
            state,
            self.clock.now(),
            outgoing=self.messages.ended(transaction, state),
            audit=record,
        )
        if not done:
            raise TransactionEndedError
        if counted is not None:
            self.statistics.count(
                counted, channel=transaction.channel or "", client=transaction.client
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FindTransaction:
    """A client sees its own transactions only; a page token opens one page."""

    transactions: Transactions

    def for_client(self, transaction_id: TransactionId, client: ClientId) -> Transaction:
        """Raises NotFoundError, also for somebody else's."""
        found = self.transactions.get(transaction_id, client)
        if found is None:
            raise NotFoundError
        return found

    def for_page(self, page_token_sha256: str) -> Transaction:
        """Raises NotFoundError."""
        found = self.transactions.by_page_token(page_token_sha256)
        if found is None:
            raise NotFoundError
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningHousekeeping:
    """What the worker does for transactions that nobody comes back to."""

    transactions: Transactions
    end: EndSigning
    complete: Complete
    messages: Messages
    clock: Clock

    def expire(self) -> int:
        """End open transactions past their time; gives how many."""
        count = 0
        for transaction in self.transactions.expired(self.clock.now()):
            try:
                self.end(transaction, TransactionState.EXPIRED)
                count += 1
            except TransactionEndedError:
                continue
        return count

    def reap(self) -> int:
        """Fail claims whose process died: the citizen authorises again, nothing is retried."""
        stuck = self.transactions.stuck(self.clock.now() - REAP_AFTER)
        return sum(self._fail(transaction, "interrupted") for transaction in stuck)

    def complete_waiting(self) -> int:
        """Complete kept signatures; gives how many were released.

        What cannot be had now is asked for again, up to STAMP_PATIENCE; what never can be (a
        revoked certificate, a broken file) fails at once.
        """
        released = 0
        for transaction in self.transactions.completing():
            try:
                self.complete.resume(transaction)
                released += 1
            except UnavailableError as error:
                if self.clock.now() - transaction.created_at > STAMP_PATIENCE:
                    self._fail(transaction, missing(error), TransactionState.COMPLETING)
            except (InvalidRequestError, IntegrityAlarmError) as error:
                self._fail(transaction, error.code, TransactionState.COMPLETING)
            except SigningServiceError:
                continue
        return released

    def _fail(
        self,
        transaction: Transaction,
        failure: str,
        expected: TransactionState = TransactionState.CLAIMED,
    ) -> bool:
        record = AuditRecord(
            event=AuditEvent.TRANSACTION_FAILED,
            outcome=failure,
            actor="service",
            subject=transaction.subject,
            transaction=transaction.id,
        )
        return self.transactions.fail_claimed(
            transaction.id,
            self.clock.now(),
            failure,
            expected=expected,
            outgoing=self.messages.ended(
                replace(transaction, failure=failure), TransactionState.FAILED
            ),
            audit=record,
        )
