"""A citizen's device approves: asked, answered, and redeemed by whoever holds the handle.

Approval never signs.  The answer is stored; the next holder of the handle has the SAM check it and
claims the handle slot, which only the handle opens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from signer.domain.account import Account
from signer.domain.approval import Answer, Decision, Device, DeviceId, presence_message
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.bindings import Bindings
from signer.domain.errors import AuthorisationRefusedError, TransactionEndedError
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import Secret, SignerId, TransactionId
from signer.operations.signing.code_entry import EnterCode
from signer.operations.signing.ending import EndSigning
from signer.operations.signing.needs import Accounts, Outcome, Transactions
from signer.ports import Clock
from signer.sam.approvals import DeviceApprovals

PRESENCE: Final = timedelta(seconds=60)
"""How far a device's clock may be from ours when it asks what is pending."""


class Approvals(Protocol):
    """Devices and what they answered."""

    def of(self, signer: SignerId) -> tuple[Device, ...]:
        """Those not revoked, oldest first."""
        ...

    def by_id(self, device: DeviceId) -> Device | None:
        """Unknown and revoked are None."""
        ...

    def offer(
        self,
        transaction: TransactionId,
        signer: SignerId,
        at: datetime,
        expires_at: datetime,
        *,
        audit: AuditRecord,
    ) -> None:
        """Let the person's devices see the transaction; once is enough."""
        ...

    def pending(self, signer: SignerId, now: datetime) -> Sequence[TransactionId]:
        """What the person's devices are asked now, newest first."""
        ...

    def answer(self, answer: Answer, signer: SignerId, *, audit: AuditRecord) -> bool:
        """Keep the first answer to an offer that is still open; False otherwise."""
        ...

    def answered(self, transaction: TransactionId) -> Answer | None:
        """The answer, once there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What a device is asked: the transaction, and the hash its answer must name."""

    transaction: Transaction
    bindings_sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerApproval:
    """What a device sees and says; it proves itself with its key, every time."""

    approvals: Approvals
    accounts: Accounts
    transactions: Transactions
    devices: DeviceApprovals
    end: EndSigning
    clock: Clock

    def pending(self, device_id: DeviceId, at: datetime, proof: bytes) -> tuple[Question, ...]:
        """What the device's owner is asked now.

        ``proof`` signs :func:`~signer.domain.approval.presence_message` of ``at``.  Raises
        AuthorisationRefusedError, the same for unknown, revoked and not proven.
        """
        device, account = self._registered(device_id)
        if abs(self.clock.now() - at) > PRESENCE or not self.devices.is_by(
            device, presence_message(device.id, at), proof
        ):
            raise AuthorisationRefusedError
        found = (
            self.transactions.by_id(one)
            for one in self.approvals.pending(account.id, self.clock.now())
        )
        return tuple(
            Question(one, Bindings.of(one, one.attributes).sha256())
            for one in found
            if one is not None and one.credential is not None
        )

    def __call__(
        self,
        transaction_id: TransactionId,
        device_id: DeviceId,
        decision: Decision,
        signature: bytes,
    ) -> None:
        """Store the device's answer; a refusal ends the transaction at once.

        ``signature`` is over :func:`~signer.domain.approval.answer_message`.  Raises
        AuthorisationRefusedError, TransactionEndedError when it ended or was answered.
        """
        device, account = self._registered(device_id)
        transaction = self.transactions.by_id(transaction_id)
        answer = Answer(
            transaction=transaction_id,
            device=device_id,
            decision=decision,
            signature=signature,
            at=self.clock.now(),
        )
        if transaction is None or not self.devices.counts(
            answer, decision, transaction, device=device, account=account
        ):
            raise AuthorisationRefusedError
        if transaction.state is not TransactionState.ASKED or transaction.expires_at <= answer.at:
            raise TransactionEndedError
        record = AuditRecord(
            event=AuditEvent.APPROVAL_ANSWERED,
            outcome=decision.value,
            actor="citizen",
            subject=account.id,
            transaction=transaction_id,
            facts={"device": device_id},
        )
        if not self.approvals.answer(answer, account.id, audit=record):
            raise TransactionEndedError
        if decision is Decision.REFUSE:
            self.end(transaction, TransactionState.REFUSED)

    def _registered(self, device_id: DeviceId) -> tuple[Device, Account]:
        device = self.approvals.by_id(device_id)
        account = self.accounts.by_id(device.signer) if device else None
        if device is None or account is None or not self.devices.belongs(device, account):
            raise AuthorisationRefusedError
        return device, account


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedSigning:
    """What the holder of a handle does with approvals: ask for one, come back for the result."""

    approvals: Approvals
    accounts: Accounts
    devices: DeviceApprovals
    enter: EnterCode
    clock: Clock

    def ask(self, transaction: Transaction) -> None:
        """After a right PIN: the citizen's devices may answer; nothing without any.

        Raises StoreUnavailableError.
        """
        if transaction.signer is None or not self.approvals.of(transaction.signer):
            return
        record = AuditRecord(
            event=AuditEvent.APPROVAL_ASKED,
            actor=transaction.client,
            subject=transaction.signer,
            transaction=transaction.id,
        )
        self.approvals.offer(
            transaction.id,
            transaction.signer,
            self.clock.now(),
            transaction.expires_at,
            audit=record,
        )

    def redeem(self, transaction: Transaction, handle: Secret) -> Outcome | None:
        """Sign when a device approved; None when none has, or its answer does not count (now).

        A transaction that was signed already gives the stored result.  Raises as
        :class:`~signer.operations.signing.code_entry.EnterCode` does.
        """
        answer = self.approvals.answered(transaction.id)
        if answer is None or answer.decision is not Decision.APPROVE:
            return None
        return self.enter.approved(transaction, handle, lambda: self._counts(answer, transaction))

    def _counts(self, answer: Answer, transaction: Transaction) -> bool:
        """The SAM's look at the answer, its device and its owner as they are now."""
        device = self.approvals.by_id(answer.device)
        account = self.accounts.by_id(transaction.signer) if transaction.signer else None
        if device is None or account is None:
            return False
        return self.devices.counts(
            answer, Decision.APPROVE, transaction, device=device, account=account
        )
