"""The staged entry: PIN first, then the code; each step seals to the secret of the next."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NoReturn

from signer.authentication.code import VerifiedCode, code_secret
from signer.authentication.pin import VerifiedPIN
from signer.domain._mint import MINT
from signer.domain.activation import Asked, AttemptKind, Claim, Slot
from signer.domain.attribute import AssertedAttribute, ProfessionalAttribute
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.authorisation import Authorisation
from signer.domain.bindings import Bindings, Stage
from signer.domain.credential import Credential
from signer.domain.errors import (
    AuthorisationRefusedError,
    IntegrityAlarmError,
    TransactionEndedError,
)
from signer.domain.outgoing import OutgoingMessage
from signer.domain.transaction import Transaction
from signer.domain.values import DTBSR, Secret, SignatureAlgorithm
from signer.ports import Clock
from signer.sam.documents import DocumentEvidence, Signatory, dtbsr_of
from signer.sam.sealing import Reach, SlotSealer, certificate_serial, wrapped_key
from signer.sam.stores import CredentialStore, StagedStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A one-time code on its way: by which channel, until when, in which message."""

    code: Secret
    channel: str
    expires_at: datetime
    message: OutgoingMessage | None = field(default=None, repr=False)
    """None when nothing is sent: TOTP goes through the handle slot alone."""


class StagedEntry:
    """CMD doors, native API and our own pages use this entry."""

    def __init__(
        self,
        sealer: SlotSealer,
        store: StagedStore,
        credentials: CredentialStore,
        clock: Clock,
    ) -> None:
        self._sealer = sealer
        self._store = store
        self._credentials = credentials
        self._clock = clock

    def ask(
        self,
        transaction: Transaction,
        credential: Credential,
        pin: VerifiedPIN,
        *,
        account_epoch: int,
        attributes: tuple[ProfessionalAttribute, ...],
        handle: Secret,
        code: Code | None,
    ) -> None:
        """Open A with the PIN and seal it to handle and code.

        Raises TransactionEndedError when the transaction or account moved on meanwhile.
        """
        self._demand_pin_of(credential, pin)
        permanent = self._credentials.permanent_slot(credential.id)
        if (
            permanent is None or permanent.context.epoch != credential.epoch
        ):  # PIN changed meanwhile
            raise TransactionEndedError
        activation = self._sealer.open(permanent, credential, pin.key_material, Reach())
        request = replace(transaction, epoch=account_epoch, attributes=attributes)
        asked = self._asked(request, credential, handle, activation, code)
        record = AuditRecord(
            event=AuditEvent.TRANSACTION_ASKED,
            actor=transaction.client,
            subject=credential.signer,
            transaction=transaction.id,
            facts={
                "credential": credential.id,
                "pin_attempt": pin.attempt,
                "bindings_sha256": _bindings(transaction, attributes).hex(),
                "text_version": transaction.text_version,
                "text_sha256": transaction.text_sha256,
                "channel": asked.channel,
                "message": asked.message.id if asked.message else "",
                "attributes": tuple(attribute.id for attribute in attributes),
            },
        )
        if not self._store.ask(asked, audit=record):
            raise TransactionEndedError

    def resend(
        self,
        transaction: Transaction,
        credential: Credential,
        handle_slot: Slot,
        code_slot_id: str,
        *,
        handle: Secret,
        code: Code,
    ) -> None:
        """Seal A to a new code; the old one is dead in the same transaction.

        Raises AuthorisationRefusedError when the old slot was claimed or replaced meanwhile.
        """
        attributes = transaction.attributes
        reach = _reach(transaction, attributes, handle_slot.context.grant, transaction.expires_at)
        activation = self._sealer.open(handle_slot, credential, handle.reveal().encode(), reach)
        slot = self._code_slot(
            transaction, credential, handle, activation, code, grant=handle_slot.context.grant
        )
        asked = Asked(
            transaction=transaction.id,
            credential=credential,
            account_epoch=transaction.epoch or 0,
            attributes=attributes,
            handle_sha256=handle.sha256(),
            slots=(slot,),
            channel=code.channel,
            at=self._clock.now(),
            code_expires_at=code.expires_at,
            message=code.message,
        )
        record = AuditRecord(
            event=AuditEvent.CODE_SENT,
            outcome="resent",
            actor=transaction.client,
            subject=credential.signer,
            transaction=transaction.id,
            facts={
                "channel": code.channel,
                "message": code.message.id if code.message else "",
                "replaces": code_slot_id,
            },
        )
        if not self._store.replace_code(asked, replaces=code_slot_id, audit=record):
            raise AuthorisationRefusedError

    def redeem(
        self,
        transaction: Transaction,
        credential: Credential,
        code: VerifiedCode,
        *,
        asserted: tuple[AssertedAttribute, ...],
        evidence: Sequence[DocumentEvidence],
        certificate_status: str = "unchecked",
    ) -> Authorisation:
        """Claim the slot and return the right to sign exactly what it was granted for.

        The SAM computes each DTBS/R itself from the granted item and its ``evidence``.  The
        bindings are rebuilt from ``transaction`` as it is now; a slot asked for anything else is
        not claimed.  At most once: a claimed slot is gone even if signing then fails.  Raises
        AuthorisationRefusedError (nothing changed) or IntegrityAlarmError.
        """
        attributes = transaction.attributes
        dtbsrs = _dtbsrs(transaction, credential, asserted, evidence)
        bindings = _bindings(transaction, attributes)
        slot = code.slot
        if slot.context.bindings_sha256 != bindings:
            self._refuse(transaction, credential, "bindings")
        claim = Claim(
            slot=slot,
            transaction=transaction.id,
            client=transaction.client,
            credential=credential.id,
            signer=credential.signer,
            account_epoch=transaction.epoch or 0,
            bindings_sha256=bindings,
            attempt=code.opened.attempt.id,
            at=self._clock.now(),
        )
        algorithm = SignatureAlgorithm.of(
            credential.algorithm, dtbsrs[0].algorithm, pss=transaction.items[0].options.pss
        )
        blob = self._credentials.blob(credential.id)
        if blob is None:
            self._refuse(transaction, credential, "destroyed")
        taken = self._store.claim(
            claim,
            audit=_intent(transaction, credential, code, bindings, dtbsrs, certificate_status),
        )
        if taken is None:
            self._refuse(transaction, credential, "claimed")
        expires_at = taken.context.expires_at or transaction.expires_at
        reach = _reach(transaction, attributes, taken.context.grant, expires_at)
        activation = self._sealer.open(taken, credential, code.secret, reach)
        return Authorisation(
            signer=credential.signer,
            credential=credential.id,
            grant=taken.context.grant,
            key=wrapped_key(credential, blob),
            algorithm=algorithm,
            dtbsrs=dtbsrs,
            expires_at=expires_at,
            activation=activation,
            _mint=MINT,
        )

    def _asked(
        self,
        transaction: Transaction,
        credential: Credential,
        handle: Secret,
        activation: bytes,
        code: Code | None,
    ) -> Asked:
        grant = str(uuid.uuid4())
        reach = _reach(transaction, transaction.attributes, grant, transaction.expires_at)
        handle_slot = self._sealer.seal(
            Stage.HANDLE, credential, handle.reveal().encode(), activation, reach
        )
        slots: tuple[Slot, ...] = (handle_slot,)
        if code is not None:
            slots += (
                self._code_slot(transaction, credential, handle, activation, code, grant=grant),
            )
        return Asked(
            transaction=transaction.id,
            credential=credential,
            account_epoch=transaction.epoch or 0,
            attributes=transaction.attributes,
            handle_sha256=handle.sha256(),
            slots=slots,
            channel=code.channel if code else "totp",
            at=self._clock.now(),
            code_expires_at=code.expires_at if code else None,
            message=code.message if code else None,
        )

    def _code_slot(
        self,
        transaction: Transaction,
        credential: Credential,
        handle: Secret,
        activation: bytes,
        code: Code,
        *,
        grant: str,
    ) -> Slot:
        expires_at = min(code.expires_at, transaction.expires_at)
        return self._sealer.seal(
            Stage.CODE,
            credential,
            code_secret(handle, code.code),
            activation,
            _reach(transaction, transaction.attributes, grant, expires_at),
        )

    @staticmethod
    def _demand_pin_of(credential: Credential, pin: VerifiedPIN) -> None:
        if pin.kind is not AttemptKind.SIGNATURE_PIN or pin.guarded != credential.id:
            msg = "this PIN was verified for something else"
            raise IntegrityAlarmError(msg)

    def _refuse(self, transaction: Transaction, credential: Credential, why: str) -> NoReturn:
        raise AuthorisationRefusedError from RefusedBecause(why, transaction.id, credential.id)


class RefusedBecause(Exception):  # noqa: N818 - a cause, never raised by itself
    """Why an authorisation was refused: for log and audit, never for the caller."""

    def __init__(self, why: str, transaction: str, credential: str) -> None:
        super().__init__(f"{why} (transaction {transaction}, credential {credential})")
        self.why = why


def _dtbsrs(
    transaction: Transaction,
    credential: Credential,
    asserted: tuple[AssertedAttribute, ...],
    evidence: Sequence[DocumentEvidence],
) -> tuple[DTBSR, ...]:
    if len(evidence) != len(transaction.items):
        msg = "each granted item needs its own evidence"
        raise IntegrityAlarmError(msg)
    signatory = Signatory(
        certificate_der=credential.certificate_der or b"",
        key_algorithm=credential.algorithm,
        granted=transaction.attributes,
        asserted=asserted,
    )
    return tuple(
        dtbsr_of(item, shown, signatory)
        for item, shown in zip(transaction.items, evidence, strict=True)
    )


def _bindings(transaction: Transaction, attributes: tuple[ProfessionalAttribute, ...]) -> bytes:
    return Bindings.of(transaction, attributes).sha256()


def _reach(
    transaction: Transaction,
    attributes: tuple[ProfessionalAttribute, ...],
    grant: str,
    expires_at: datetime,
) -> Reach:
    return Reach(
        process=transaction.id,
        grant=grant,
        client=transaction.client,
        purpose=transaction.purpose,
        expires_at=expires_at,
        bindings_sha256=_bindings(transaction, attributes),
    )


def _intent(
    transaction: Transaction,
    credential: Credential,
    code: VerifiedCode,
    bindings: bytes,
    dtbsrs: Sequence[DTBSR],
    certificate_status: str,
) -> tuple[AuditRecord, ...]:
    def record(event: AuditEvent, facts: dict[str, str | tuple[str, ...]]) -> AuditRecord:
        return AuditRecord(
            event=event,
            actor=transaction.client,
            subject=credential.signer,
            transaction=transaction.id,
            facts=facts,
        )

    return (
        record(
            AuditEvent.CODE_VERIFIED,
            {"attempt": code.opened.attempt.id, "factor": code.factor, "slot": code.slot.id},
        ),
        record(
            AuditEvent.SIGNATURE_INTENDED,
            {
                "credential": credential.id,
                "bindings_sha256": bindings.hex(),
                "dtbsrs": tuple(dtbsr.value.hex() for dtbsr in dtbsrs),
                "certificate_serial": certificate_serial(credential.certificate_der),
                "certificate_status": certificate_status,
                "text_version": transaction.text_version,
            },
        ),
    )
