"""Another code, or the same question over another channel; the old code dies."""

from dataclasses import dataclass
from datetime import timedelta

from signer.authentication.code import new_code
from signer.authentication.limits import Limits
from signer.domain.bindings import Stage
from signer.domain.errors import (
    AuthorisationRefusedError,
    InvalidRequestError,
    RateLimitedError,
    TransactionEndedError,
)
from signer.domain.statistics import CountedEvent
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import Secret
from signer.operations.signing.needs import (
    Accounts,
    CodeMessage,
    Credentials,
    Entered,
    Messages,
    Statistics,
    Transactions,
)
from signer.operations.signing.pin_entry import demand_codes_left, destination
from signer.ports import Clock
from signer.sam import StagedEntry
from signer.sam.staged import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendCode:
    """Opens the handle slot, so no PIN is asked again."""

    accounts: Accounts
    credentials: Credentials
    transactions: Transactions
    staged: StagedEntry
    messages: Messages
    statistics: Statistics
    limits: Limits
    clock: Clock
    code_lifetime: timedelta

    def __call__(
        self, transaction: Transaction, handle: Secret, *, channel: str | None = None
    ) -> Entered:
        """Send a new code.

        Raises RateLimitedError (too soon, too many), InvalidRequestError (no such channel),
        AuthorisationRefusedError (wrong handle, or claimed meanwhile), TransactionEndedError.
        """
        now = self.clock.now()
        if transaction.state is not TransactionState.ASKED or transaction.expires_at <= now:
            raise TransactionEndedError
        if transaction.handle_sha256 != handle.sha256() or transaction.signer is None:
            raise AuthorisationRefusedError
        account = self.accounts.by_id(transaction.signer)
        credential = next(
            (
                one
                for one in self.credentials.of(transaction.signer)
                if one.id == transaction.credential
            ),
            None,
        )
        if account is None or credential is None:
            raise TransactionEndedError
        wanted = channel or transaction.channel or "sms"
        if wanted not in account.channels or wanted == "totp":
            raise InvalidRequestError("this account has no such channel", field="channel")
        self._demand_pause(transaction)
        slots = {slot.stage: slot for slot in self.transactions.slots(transaction.id)}
        if Stage.HANDLE not in slots:
            raise AuthorisationRefusedError
        secret = new_code()
        expires_at = min(now + self.code_lifetime, transaction.expires_at)
        message = self.messages.code(
            CodeMessage(
                account=account,
                transaction=transaction,
                code=secret,
                channel=wanted,
                expires_at=expires_at,
            )
        )
        old = slots.get(Stage.CODE)
        self.staged.resend(
            transaction,
            credential,
            slots[Stage.HANDLE],
            old.id if old else "",
            handle=handle,
            code=Code(code=secret, channel=wanted, expires_at=expires_at, message=message),
        )
        self.statistics.count(CountedEvent.CODE_SENT, channel=wanted, client=transaction.client)
        return Entered(
            handle=handle,
            channel=wanted,
            destination=destination(account, wanted),
            expires_at=expires_at,
            codes_left=self.limits.resends_per_transaction - transaction.codes_sent,
        )

    def _demand_pause(self, transaction: Transaction) -> None:
        now = self.clock.now()
        if transaction.codes_sent > self.limits.resends_per_transaction:
            raise RateLimitedError("no more codes for this request", retry_after=600)
        if transaction.code_sent_at is not None:
            left = transaction.code_sent_at + self.limits.resend_interval - now
            if left > timedelta(0):
                wait = int(left.total_seconds()) + 1
                raise RateLimitedError("wait before asking for another code", retry_after=wait)
        demand_codes_left(self.transactions, self.limits, transaction.subject, now)
