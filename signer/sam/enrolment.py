"""Makes signing keys, seals them to a PIN, and moves them to another PIN."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from signer.authentication.hashing import argon2id
from signer.authentication.pin import VerifiedPIN
from signer.domain.account import Account
from signer.domain.activation import AttemptKind, SealedKey
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.bindings import KeyScope, Stage
from signer.domain.credential import ActivationKind, Credential, CredentialState
from signer.domain.errors import ConflictError, IntegrityAlarmError
from signer.domain.values import CredentialId, KeyAlgorithm, Secret
from signer.ports import QSCD, Clock, KeyVault
from signer.sam.sealing import Reach, SlotSealer, context_of
from signer.sam.stores import CredentialStore, EnrolmentStore

ACTIVATION_BYTES: Final = 32
SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """Makes a key in the device and seals it under a fresh activation value."""

    vault: KeyVault
    qscd: QSCD
    sealer: SlotSealer
    clock: Clock

    def make(self, template: Credential, secret: bytes, stage: Stage) -> SealedKey:
        """Key pair, request, blob and permanent slot for ``template``'s id and algorithm."""
        made = self.qscd.create_key(template.algorithm)
        credential = replace(
            template,
            svd_der=made.svd_der,
            master_key_id=self.vault.master_key_id,
            created_at=self.clock.now(),
        )
        return self.seal(credential, made.csr_der, made.wrapped, secret, stage)

    def seal(
        self, credential: Credential, csr_der: bytes, wrapped: bytes, secret: bytes, stage: Stage
    ) -> SealedKey:
        """Seal ``wrapped`` under a new A, and A under ``secret``."""
        activation = secrets.token_bytes(ACTIVATION_BYTES)
        key_scope = KeyScope(Stage.KEY, credential.tenant, credential.id)
        aad = context_of(Stage.KEY, credential, Reach()).aad()
        return SealedKey(
            credential=credential,
            csr_der=csr_der,
            blob=self.vault.seal(key_scope, activation, wrapped, aad=aad),
            slot=self.sealer.seal(stage, credential, secret, activation, Reach()),
        )


class Enrolment:
    """Everything that sets or replaces a citizen's PINs and keys."""

    def __init__(
        self,
        maker: KeyMaker,
        store: EnrolmentStore,
        credentials: CredentialStore,
    ) -> None:
        self._maker = maker
        self._store = store
        self._credentials = credentials

    def enrol(
        self,
        account: Account,
        *,
        signature_pin: Secret,
        authentication_pin: Secret | None,
        algorithms: Sequence[KeyAlgorithm],
    ) -> tuple[SealedKey, ...]:
        """New keys under new PINs; whatever the account had before is destroyed.

        ``authentication_pin`` None keeps that PIN (forgotten signature PIN).  Raises ConflictError
        when the account changed meanwhile.
        """
        salt = secrets.token_bytes(SALT_BYTES)
        material = argon2id(signature_pin, salt)
        keys = tuple(
            self._maker.make(_template(account, algorithm), material, Stage.PIN)
            for algorithm in algorithms
        )
        authentication_salt, authentication_kcv = None, None
        if authentication_pin is not None:
            authentication_salt = secrets.token_bytes(SALT_BYTES)
            authentication_kcv = self.authentication_kcv(
                account, authentication_pin, authentication_salt
            )
        installed = self._store.install(
            account.id,
            keys,
            expected_epoch=account.epoch,
            signature_salt=salt,
            authentication_salt=authentication_salt,
            authentication_kcv=authentication_kcv,
            audit=_enrolled(account, keys, both=authentication_pin is not None),
        )
        if not installed:
            raise ConflictError
        return keys

    def change_signature_pin(
        self,
        account: Account,
        credentials: Sequence[tuple[Credential, bytes]],
        old: VerifiedPIN,
        new: Secret,
    ) -> None:
        """Same keys, new A, new blob and slot for every credential, in one transaction.

        ``credentials`` come with their CSRs.  Raises ConflictError when the epoch moved.
        """
        if old.kind is not AttemptKind.SIGNATURE_PIN or old.subject != account.id:
            msg = "this PIN was verified for something else"
            raise IntegrityAlarmError(msg)
        salt = secrets.token_bytes(SALT_BYTES)
        material = argon2id(new, salt)
        keys = tuple(
            self._reseal(credential, csr_der, old.key_material, material, account.epoch + 1)
            for credential, csr_der in credentials
        )
        records = [
            AuditRecord(
                event=AuditEvent.KEY_RESEALED,
                actor="citizen",
                subject=account.id,
                facts={"credential": key.credential.id, "epoch": key.credential.epoch},
            )
            for key in keys
        ]
        changed = AuditRecord(
            event=AuditEvent.PIN_CHANGED,
            actor="citizen",
            subject=account.id,
            facts={"kind": "signature", "attempt": old.attempt},
        )
        done = self._store.reseal(
            account.id,
            keys,
            expected_epoch=account.epoch,
            signature_salt=salt,
            audit=(*records, changed),
        )
        if not done:
            raise ConflictError

    def authentication_kcv(self, account: Account, pin: Secret, salt: bytes) -> bytes:
        """The key check value that decides the authentication PIN; no slot hangs on it."""
        scope = KeyScope(Stage.AUTHENTICATION_PIN, account.tenant, account.id)
        return self._maker.vault.key_check_value(scope, argon2id(pin, salt))

    def _reseal(
        self, credential: Credential, csr_der: bytes, old: bytes, new: bytes, epoch: int
    ) -> SealedKey:
        # The blob first: if another change comes in between, the slot read after it tells.
        blob = self._credentials.blob(credential.id)
        slot = self._credentials.permanent_slot(credential.id)
        if blob is None or slot is None or slot.context.epoch != credential.epoch:
            raise ConflictError
        activation = self._maker.sealer.open(slot, credential, old, Reach())
        scope = KeyScope(Stage.KEY, credential.tenant, credential.id)
        aad = context_of(Stage.KEY, credential, Reach()).aad()
        wrapped = self._maker.vault.open(scope, activation, blob, aad=aad)
        renewed = replace(credential, epoch=epoch, master_key_id=self._maker.vault.master_key_id)
        return self._maker.seal(renewed, csr_der, wrapped, new, Stage.PIN)


def _template(account: Account, algorithm: KeyAlgorithm) -> Credential:
    return Credential(
        id=CredentialId(str(uuid.uuid4())),
        tenant=account.tenant,
        signer=account.id,
        kind=ActivationKind.PIN,
        algorithm=algorithm,
        state=CredentialState.REQUESTED,
        epoch=account.epoch + 1,
        svd_der=b"",
        master_key_id="",
        created_at=account.created_at,
    )


def _enrolled(
    account: Account, keys: Sequence[SealedKey], *, both: bool
) -> tuple[AuditRecord, ...]:
    generated = [
        AuditRecord(
            event=AuditEvent.KEY_GENERATED,
            actor="citizen",
            subject=account.id,
            facts={
                "credential": key.credential.id,
                "algorithm": key.credential.algorithm.value,
                "svd_sha256": key.slot.context.svd_sha256.hex(),
            },
        )
        for key in keys
    ]
    pins = AuditRecord(
        event=AuditEvent.PIN_SET,
        actor="citizen",
        subject=account.id,
        facts={"kinds": ("authentication", "signature") if both else ("signature",)},
    )
    return (*generated, pins)
