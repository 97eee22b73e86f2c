"""The later calls: code, poll and resend, of a process found by its ProcessId."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Final

from signer.domain.client import Client
from signer.domain.cmd_application import CMDApplication
from signer.domain.cmd_process import CMDProcess, ProcessKind, Refusal
from signer.domain.credential import Credential
from signer.domain.errors import (
    AccountStateError,
    AuthorisationRefusedError,
    InvalidRequestError,
    RateLimitedError,
    TransactionEndedError,
    UnavailableError,
)
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import Secret, TransactionId
from signer.operations.cmd.certificate import CertificateCodes
from signer.operations.cmd.needs import Approvals, Processes
from signer.operations.signing.code_entry import REPLAY_WAIT, EnterCode, outcome_of
from signer.operations.signing.needs import Accounts, Credentials, Outcome, Transactions
from signer.operations.signing.pin_entry import EnterPIN, Person
from signer.operations.signing.resending import ResendCode
from signer.operations.signing.start import choose
from signer.ports import Clock

PENDING: Final = Refusal(reason="process.pending")
"""A poll came before code or approval."""

_SIGNING: Final = frozenset({TransactionState.CLAIMED, TransactionState.COMPLETING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a process gave; a repetition gives the same bytes."""

    process: CMDProcess
    results: tuple[bytes, ...] = field(repr=False)
    """Signature values in request order; none for a certificate."""
    chain_der: tuple[bytes, ...] = field(repr=False)
    """Leaf first, then issuers upwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishProcess:
    """Somebody else's ProcessId is an unknown one."""

    processes: Processes
    transactions: Transactions
    accounts: Accounts
    credentials: Credentials
    enter_pin: EnterPIN
    enter_code: EnterCode
    resend_code: ResendCode
    certificates: CertificateCodes
    approvals: Approvals
    clock: Clock
    lifetime: timedelta
    resends: int
    """Codes a certificate's process may send after the first."""
    waiting: BoundedSemaphore
    """How many polls of this process may hold a thread while a signature is made."""
    sleep: Callable[[float], None] = time.sleep

    def find(self, application: CMDApplication, process_id: Secret) -> CMDProcess | None:
        """The live process of this caller, doomed ones included."""
        return self.processes.find(process_id.sha256(), application.client.id, self.clock.now())

    def with_code(
        self, application: CMDApplication, process: CMDProcess, process_id: Secret, code: Secret
    ) -> Completed | Refusal:
        """Sign, or give the certificate; a repeated right code gets what the first one got.

        Raises as EnterCode does, and TransactionEndedError only for what cannot be found or has
        run out of time.
        """
        if process.refusal is not None:
            return process.refusal
        if process.kind is ProcessKind.CERTIFICATE:
            return self._certificate(application.client, process, process_id, code)
        transaction = self._transaction(process)
        try:
            outcome = None
            if process.approvable:
                outcome = self.approvals.redeem(transaction, process_id)
            outcome = outcome or self.enter_code(transaction, process_id, code)
        except TransactionEndedError:
            self._demand_not_failed(transaction.id)
            raise
        return self._completed(process, outcome)

    def poll(self, process: CMDProcess, process_id: Secret) -> Completed | Refusal:
        """The stored result, the result of an approval given meanwhile, or PENDING.

        Raises as :meth:`with_code` does.
        """
        if process.refusal is not None:
            return process.refusal
        if process.kind is ProcessKind.CERTIFICATE:
            return PENDING
        transaction = self._transaction(process)
        if transaction.state is TransactionState.ASKED and process.approvable:
            outcome = self.approvals.redeem(transaction, process_id)
            if outcome is not None:
                return self._completed(process, outcome)
        transaction = self._settled(transaction)
        if transaction.state is TransactionState.SIGNED:
            return self._completed(process, outcome_of(transaction))
        if transaction.state.has_ended:
            self._demand_not_failed(transaction.id)
            raise TransactionEndedError
        return PENDING

    def resend(
        self, application: CMDApplication, process: CMDProcess, process_id: Secret, phone: str
    ) -> None:
        """Another code; a doomed process says so too and sends nothing.

        Raises TransactionEndedError (also for another person's phone), RateLimitedError, BusyError
        or an UnavailableError.
        """
        account, subject = self.accounts.by_phone(phone)
        if process.subject and process.subject != subject:
            raise TransactionEndedError
        if process.refusal is not None:
            return
        if process.kind is ProcessKind.CERTIFICATE:
            if account is None:
                raise TransactionEndedError
            self.certificates.demand_pause(process.subject)
            if not self.processes.count_code(process.handle_sha256, limit=self.resends):
                raise RateLimitedError("no more codes for this request", retry_after=600)
            left = process.expires_at - self.clock.now()
            self.certificates.send(account, application.client, process_id, left)
            return
        self._resend(self._transaction(process), process_id)

    def _resend(self, transaction: Transaction, process_id: Secret) -> None:
        try:
            try:
                self.resend_code(transaction, process_id, channel="sms")
            except InvalidRequestError:  # no SMS for this person: the way the first one went
                self.resend_code(transaction, process_id)
        except AuthorisationRefusedError:
            current = self.transactions.by_id(transaction.id)
            if current is None or current.codes_sent <= transaction.codes_sent:
                raise TransactionEndedError from None
            # Another request for a new code was first: one is on its way.
        except InvalidRequestError:
            raise TransactionEndedError from None  # only an authenticator app: nothing to send

    def _certificate(
        self, client: Client, process: CMDProcess, process_id: Secret, code: Secret
    ) -> Completed:
        self.certificates.check(process.subject, client, process_id, code)
        account = self.accounts.by_id(process.signer) if process.signer else None
        credential = choose(self.credentials.of(account.id), None) if account else None
        if account is None or credential is None:
            raise TransactionEndedError
        self.enter_pin.demand_able(Person(account, credential), rsa_only=True)
        return Completed(process=process, results=(), chain_der=credential.chain_der)

    def _transaction(self, process: CMDProcess) -> Transaction:
        found = self.transactions.by_id(process.transaction) if process.transaction else None
        if found is None:
            raise TransactionEndedError
        return found

    def _settled(self, transaction: Transaction) -> Transaction:
        """Wait while it is being signed, as long as threads are left for signing."""
        if transaction.state not in _SIGNING or not self.waiting.acquire(blocking=False):
            return transaction
        try:
            deadline = self.clock.now() + REPLAY_WAIT
            while transaction.state in _SIGNING and self.clock.now() < deadline:
                self.sleep(0.1)
                transaction = self.transactions.by_id(transaction.id) or transaction
        finally:
            self.waiting.release()
        return transaction

    def _demand_not_failed(self, transaction: TransactionId) -> None:
        """A device or a service of ours failed after the claim: that is not the caller's time."""
        current = self.transactions.by_id(transaction)
        if current is None or current.state is not TransactionState.FAILED:
            return
        if (current.failure or "").startswith("account."):
            raise AccountStateError("the account changed meanwhile")
        raise UnavailableError("the signature could not be made; ask for a new one")

    def _completed(self, process: CMDProcess, outcome: Outcome) -> Completed:
        credential = self._credential(outcome.transaction)
        chain = credential.chain_der if credential else ()
        return Completed(process=process, results=outcome.results, chain_der=chain)

    def _credential(self, transaction: Transaction) -> Credential | None:
        if transaction.signer is None:
            return None
        found = self.credentials.of(transaction.signer)
        return next((one for one in found if one.id == transaction.credential), None)
