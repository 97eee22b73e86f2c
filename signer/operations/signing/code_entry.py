"""The citizen types the code: claimed once, signed once, verified, released."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from signer.authentication.code import CodeAuthenticator, VerifiedCode
from signer.domain.activation import AttemptKind, Slot
from signer.domain.attribute import AssertedAttribute
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.bindings import KeyScope, Stage
from signer.domain.credential import Credential
from signer.domain.errors import (
    AccountStateError,
    AuthorisationRefusedError,
    BusyError,
    IncorrectCodeError,
    IntegrityAlarmError,
    InvalidRequestError,
    SigningServiceError,
    TransactionEndedError,
    UnavailableError,
)
from signer.domain.statistics import CountedEvent
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import Secret, SignatureValue
from signer.formats.port import Prepared
from signer.operations.signing.completion import Complete, Preparation, evidence_of
from signer.operations.signing.needs import (
    Accounts,
    Attributes,
    Credentials,
    Messages,
    Outcome,
    Statistics,
    Transactions,
)
from signer.ports import QSCD, CertificateAuthority, Clock
from signer.sam import StagedEntry

REPLAY_WAIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterCode:
    """Steps 6 to 11 of docs/SIGNING-CYCLE.md."""

    accounts: Accounts
    credentials: Credentials
    attributes: Attributes
    transactions: Transactions
    codes: CodeAuthenticator
    staged: StagedEntry
    authority: CertificateAuthority
    preparation: Preparation
    complete: Complete
    qscd: QSCD
    messages: Messages
    statistics: Statistics
    clock: Clock
    accept_totp: Callable[[str, Secret], bool]
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, transaction: Transaction, handle: Secret, code: Secret) -> Outcome:
        """Sign what was granted, at most once.

        A repeated right code gets the stored result.  Raises IncorrectCodeError,
        TransactionEndedError, AuthorisationRefusedError, AccountStateError, BusyError,
        RateLimitedError, an UnavailableError, or IntegrityAlarmError.
        """
        if transaction.replay_kcv is not None:
            return self._replay(transaction, handle, code)
        if transaction.state is not TransactionState.ASKED:
            raise TransactionEndedError
        credential = self._credential(transaction)
        slots = self.transactions.slots(transaction.id)
        if not slots:
            # Claimed since it was looked up: a right code is a repetition, not a wrong one.
            current = self.transactions.by_id(transaction.id)
            if current is not None and current.replay_kcv is not None:
                return self._replay(current, handle, code)
        # 6. Verify the code: an open attempt row first, then the key check value.
        verified = self._verify(transaction, slots, handle, code)
        try:
            return self._sign(transaction, credential, verified)
        except AuthorisationRefusedError:
            current = self.transactions.by_id(transaction.id)
            if current is None or current.replay_kcv != verified.slot.key_check_value:
                raise
            # Somebody with this very code was first: the loser gets the winner's result.
            return self._await_result(transaction)

    def approved(
        self, transaction: Transaction, handle: Secret, counts: Callable[[], bool]
    ) -> Outcome | None:
        """Sign because a device approved: ``counts`` has the SAM look at its answer.

        The holder of the handle only; the one claim is shared with the code, and who comes second
        gets the stored result.  None when the answer does not count.  Raises as a call does.
        """
        if transaction.handle_sha256 != handle.sha256():
            return None
        handle_slot = _of(self.transactions.slots(transaction.id), Stage.HANDLE)
        if transaction.state is not TransactionState.ASKED or handle_slot is None:
            return self._await_result(transaction) if counts() else None
        credential = self._credential(transaction)
        verified = self.codes.verify_device(
            handle_slot,
            handle,
            counts,
            subject=transaction.subject,
            client=transaction.client,
            process=transaction.id,
        )
        if verified is None:
            return None
        try:
            return self._sign(transaction, credential, verified)
        except AuthorisationRefusedError:
            current = self.transactions.by_id(transaction.id)
            if current is None or current.replay_kcv is None:
                raise
            return self._await_result(transaction)

    def _sign(
        self, transaction: Transaction, credential: Credential, verified: VerifiedCode
    ) -> Outcome:
        """Steps 7 to 11."""
        # 7. Re-check certificate and attributes, build what will be signed; a fault here is
        #    ours and leaves the code usable.
        with self.codes.attempts.faults_are_ours(verified.opened):
            asserted = self._able(transaction, credential)
            prepared = self.preparation.prepare(transaction, credential, asserted)
            # 8. Claim the slot, open the activation value: the right to sign, once.
            try:
                authorisation = self.staged.redeem(
                    transaction,
                    credential,
                    verified,
                    asserted=asserted,
                    evidence=[evidence_of(one) for one in prepared],
                    certificate_status="good",
                )
            except (IntegrityAlarmError, UnavailableError) as error:
                self._fail(transaction, error)  # if it was claimed: nothing is retried
                raise
        self.statistics.count(
            CountedEvent.GRANTED, channel=transaction.channel or "", client=transaction.client
        )
        try:
            # 9. Sign; 10. verify every value with the certificate's key.
            values = self.qscd.sign(authorisation)
            self.preparation.demand_verified(credential, authorisation, values)
        except SigningServiceError as error:
            self._fail(transaction, error)
            raise
        # 11. Complete the formats, store, release.
        return self._release(transaction, credential, asserted, prepared, values)

    def _credential(self, transaction: Transaction) -> Credential:
        if transaction.signer is None:
            raise TransactionEndedError
        for credential in self.credentials.of(transaction.signer):
            if credential.id == transaction.credential:
                return credential
        raise TransactionEndedError

    def _verify(
        self, transaction: Transaction, slots: Sequence[Slot], handle: Secret, code: Secret
    ) -> VerifiedCode:
        self.statistics.count(
            CountedEvent.CODE_ENTERED, channel=transaction.channel or "", client=transaction.client
        )
        right_handle = transaction.handle_sha256 == handle.sha256()
        code_slot = _of(slots, Stage.CODE) if right_handle else None
        handle_slot = _of(slots, Stage.HANDLE) if right_handle else None
        if code_slot is None and handle_slot is not None and transaction.channel == "totp":
            return self.codes.verify_totp(
                handle_slot,
                handle,
                lambda: self.accept_totp(transaction.subject, code),
                subject=transaction.subject,
                client=transaction.client,
                process=transaction.id,
            )
        return self.codes.verify(
            code_slot,
            handle,
            code,
            subject=transaction.subject,
            client=transaction.client,
            process=transaction.id,
        )

    def _able(
        self, transaction: Transaction, credential: Credential
    ) -> tuple[AssertedAttribute, ...]:
        certificate = credential.certificate_der
        if certificate is None or not self.authority.is_good(certificate):
            raise AccountStateError("the certificate is suspended, revoked or expired")
        if not transaction.attributes:
            return ()
        if not self.attributes.still_held(credential.signer, transaction.attributes):
            raise AuthorisationRefusedError("a professional attribute was withdrawn")
        return self.attributes.assert_for(certificate, transaction.attributes)

    def _release(
        self,
        transaction: Transaction,
        credential: Credential,
        asserted: tuple[AssertedAttribute, ...],
        prepared: Sequence[Prepared],
        values: Sequence[SignatureValue],
    ) -> Outcome:
        try:
            return self.complete(transaction, credential, asserted, prepared, values)
        except (IntegrityAlarmError, InvalidRequestError) as error:
            self._fail(transaction, error)
            raise

    def _fail(self, transaction: Transaction, error: SigningServiceError) -> None:
        event = (
            AuditEvent.INTEGRITY_ALARM
            if isinstance(error, IntegrityAlarmError)
            else AuditEvent.TRANSACTION_FAILED
        )
        record = AuditRecord(
            event=event,
            outcome=error.code,
            actor="service",
            subject=transaction.subject,
            transaction=transaction.id,
        )
        self.transactions.fail_claimed(
            transaction.id,
            self.clock.now(),
            error.code,
            outgoing=self.messages.ended(
                replace(transaction, failure=error.code), TransactionState.FAILED
            ),
            audit=record,
        )

    def _replay(self, transaction: Transaction, handle: Secret, code: Secret) -> Outcome:
        """A repeated code: the stored result for the right one, a counted refusal otherwise."""
        opened = self.codes.attempts.begin(
            AttemptKind.CODE,
            transaction.subject,
            transaction.client,
            scope=transaction.id,
            process=transaction.id,
            transaction=transaction.id,
        )
        credential_scope = KeyScope(Stage.CODE, transaction.tenant, transaction.credential or "")
        with self.codes.attempts.faults_are_ours(opened):
            right = (
                transaction.replay_kcv is not None
                and transaction.handle_sha256 == handle.sha256()
                and self.codes.repeats(transaction.replay_kcv, credential_scope, handle, code)
            )
        if opened.locked or not right:
            self.codes.attempts.fail(opened)
            raise IncorrectCodeError
        self.codes.attempts.abandon(opened)
        return self._await_result(transaction)

    def _await_result(self, transaction: Transaction) -> Outcome:
        deadline = self.clock.now() + REPLAY_WAIT
        while True:
            current = self.transactions.by_id(transaction.id)
            if current is None:
                raise TransactionEndedError
            if current.state is TransactionState.SIGNED:
                return outcome_of(current)
            if current.state.has_ended:
                raise TransactionEndedError
            if self.clock.now() >= deadline:
                raise BusyError("the signature is being made; ask again", retry_after=1)
            self.sleep(0.1)


def outcome_of(transaction: Transaction) -> Outcome:
    """The stored results of a signed transaction."""
    results = tuple(item.result for item in transaction.items)
    if any(result is None for result in results):
        raise TransactionEndedError
    return Outcome(
        transaction=transaction, results=tuple(result for result in results if result is not None)
    )


def _of(slots: Sequence[Slot], stage: Stage) -> Slot | None:
    return next((slot for slot in slots if slot.stage is stage), None)
