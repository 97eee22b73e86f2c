"""From signature values to released results; a missing time-stamp waits, it never downgrades."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from signer.domain.attribute import AssertedAttribute, CertifiedAttribute
from signer.domain.audit import AuditEvent, AuditRecord, Fact
from signer.domain.authorisation import Authorisation
from signer.domain.credential import Credential
from signer.domain.errors import (
    IntegrityAlarmError,
    RevocationUnavailableError,
    TimestampUnavailableError,
    TransactionEndedError,
    UnavailableError,
)
from signer.domain.transaction import Signed, Transaction, TransactionState
from signer.domain.values import SignatureValue
from signer.formats.assembly import DocumentSigner
from signer.formats.port import Prepared, SigningIdentity
from signer.operations.signing.needs import Accounts, Messages, Outcome, Statistics, Transactions
from signer.ports import Clock, SignatureVerifier
from signer.sam.documents import DocumentEvidence

STAMP_PATIENCE = timedelta(hours=24)
"""How long kept signatures wait for a time-stamp before the transaction fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Fixes what is signed; checks what came back."""

    documents: DocumentSigner
    verify: SignatureVerifier
    clock: Clock
    attribute_authority_chain: Callable[[], tuple[bytes, ...]]

    def prepare(
        self,
        transaction: Transaction,
        credential: Credential,
        asserted: tuple[AssertedAttribute, ...],
    ) -> tuple[Prepared, ...]:
        """Raises DocumentRefusedError or InvalidRequestError."""
        certified = any(isinstance(one, CertifiedAttribute) for one in asserted)
        identity = SigningIdentity(
            key_algorithm=credential.algorithm,
            chain_der=credential.chain_der,
            asserted=asserted,
            attribute_authority_chain_der=self.attribute_authority_chain() if certified else (),
        )
        return self.documents.prepare(transaction.items, identity, self.clock.now())

    def demand_verified(
        self,
        credential: Credential,
        authorisation: Authorisation,
        values: Sequence[SignatureValue],
    ) -> None:
        """Check every value with the public key (also a fault-attack check).

        Raises IntegrityAlarmError; then nothing is released.
        """
        pairs = zip(authorisation.dtbsrs, values, strict=True)
        if not all(
            self.verify(credential.svd_der, authorisation.algorithm, dtbsr.value, value)
            for dtbsr, value in pairs
        ):
            msg = "a signature made by the device does not verify"
            raise IntegrityAlarmError(msg)


def evidence_of(prepared: Prepared) -> DocumentEvidence:
    """What the SAM gets to see of a prepared item."""
    return DocumentEvidence(
        to_be_signed=prepared.to_be_signed,
        signed_properties=prepared.signed_properties,
        prepared_document=prepared.prepared_document,
    )


def missing(error: UnavailableError) -> str:
    """What a kept signature waits for, as shown beside its state."""
    if isinstance(error, RevocationUnavailableError):
        return "revocation-unavailable"
    return "timestamp-unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Time-stamps, formats, stores and announces."""

    accounts: Accounts
    transactions: Transactions
    documents: DocumentSigner
    messages: Messages
    statistics: Statistics
    clock: Clock

    def __call__(
        self,
        transaction: Transaction,
        credential: Credential,
        asserted: tuple[AssertedAttribute, ...],
        prepared: Sequence[Prepared],
        values: Sequence[SignatureValue],
    ) -> Outcome:
        """Release the results of a claimed transaction.

        Without a time-stamp or revocation data the values are kept, the transaction is COMPLETING,
        and TimestampUnavailableError or RevocationUnavailableError is raised: the worker goes on,
        the code is not spent twice.
        """
        made = (_made(transaction, credential, asserted, values), *_asserted(transaction, asserted))
        try:
            results = self._finish(transaction, prepared, values)
        except (TimestampUnavailableError, RevocationUnavailableError) as error:
            self._keep(transaction, prepared, values, missing(error), made)
            raise
        return self._release(transaction, results, TransactionState.CLAIMED, made)

    def resume(self, transaction: Transaction) -> Outcome:
        """Complete kept signatures.

        Raises TimestampUnavailableError or RevocationUnavailableError when it still cannot.
        """
        kept = self.transactions.kept_signatures(transaction.id)
        prepared = [
            Prepared.from_bytes(one.prepared, original=item.document)
            for one, item in zip(kept, transaction.items, strict=True)
        ]
        values = [SignatureValue(one.signature) for one in kept]
        results = self._finish(transaction, prepared, values)
        return self._release(transaction, results, TransactionState.COMPLETING, ())

    def _finish(
        self,
        transaction: Transaction,
        prepared: Sequence[Prepared],
        values: Sequence[SignatureValue],
    ) -> tuple[bytes, ...]:
        return tuple(
            self.documents.finish(one, value, item)
            for one, value, item in zip(prepared, values, transaction.items, strict=True)
        )

    def _keep(
        self,
        transaction: Transaction,
        prepared: Sequence[Prepared],
        values: Sequence[SignatureValue],
        waiting_for: str,
        made: tuple[AuditRecord, ...],
    ) -> None:
        kept = [
            Signed(ordinal, value, one.to_bytes())
            for ordinal, (one, value) in enumerate(zip(prepared, values, strict=True))
        ]
        if not self.transactions.keep_signatures(
            transaction.id, kept, waiting_for=waiting_for, audit=made
        ):
            raise TransactionEndedError

    def _release(
        self,
        transaction: Transaction,
        results: tuple[bytes, ...],
        expected: TransactionState,
        audit: tuple[AuditRecord, ...],
    ) -> Outcome:
        account = self.accounts.by_id(transaction.signer) if transaction.signer else None
        signed = replace(transaction, state=TransactionState.SIGNED)
        released = AuditRecord(
            event=AuditEvent.SIGNATURE_RELEASED,
            actor=transaction.client,
            subject=transaction.subject,
            transaction=transaction.id,
            facts={"results": len(results)},
        )
        done = self.transactions.release(
            transaction.id,
            results,
            self.clock.now(),
            expected=expected,
            outgoing=self.messages.signed(account, signed) if account else (),
            audit=(*audit, released),
        )
        if not done:
            # The reaper was first: what was made is not released.
            raise TransactionEndedError
        return Outcome(transaction=signed, results=results)


def _made(
    transaction: Transaction,
    credential: Credential,
    asserted: tuple[AssertedAttribute, ...],
    values: Sequence[SignatureValue],
) -> AuditRecord:
    """The evidence of the act itself: which key signed what, and what it asserted."""
    facts: dict[str, Fact] = {
        "credential": credential.id,
        "certificate_sha256": hashlib.sha256(credential.certificate_der or b"").hexdigest(),
        "algorithm": credential.algorithm.value,
        "digests": tuple(item.digest.value.hex() for item in transaction.items),
        "signature_sha256": tuple(hashlib.sha256(value).hexdigest() for value in values),
        "attributes": tuple(one.attribute.id for one in asserted),
        "attribute_providers": tuple(one.attribute.provider for one in asserted),
    }
    return AuditRecord(
        event=AuditEvent.SIGNATURE_MADE,
        actor="service",
        subject=transaction.subject,
        transaction=transaction.id,
        facts=facts,
    )


def _asserted(
    transaction: Transaction, asserted: tuple[AssertedAttribute, ...]
) -> tuple[AuditRecord, ...]:
    """Which professional body stands behind what the signature says."""
    return tuple(
        AuditRecord(
            event=AuditEvent.ATTRIBUTE_ASSERTED,
            actor="service",
            subject=transaction.subject,
            transaction=transaction.id,
            facts={
                "attribute": one.attribute.id,
                "provider": one.attribute.provider,
                "role": one.attribute.role,
                "form": "certified" if isinstance(one, CertifiedAttribute) else "claimed",
                "valid_until": one.attribute.valid_until.isoformat(),
            },
        )
        for one in asserted
    )
