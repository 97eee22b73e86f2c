"""Seals activation values into slots and opens them with rebuilt bindings."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.x509 import load_der_x509_certificate

from signer.authentication.code import slot_scope
from signer.domain.activation import Slot
from signer.domain.bindings import SlotContext, Stage
from signer.domain.credential import Credential, WrappedKey
from signer.ports import Clock, KeyVault


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Who may use a slot, for what and until when; empty for slots that outlive transactions."""

    process: str = ""
    grant: str = ""
    client: str = ""
    purpose: str = ""
    expires_at: datetime | None = None
    bindings_sha256: bytes = b""


def context_of(stage: Stage, credential: Credential, reach: Reach) -> SlotContext:
    """The additional authenticated data of a slot, rebuilt from what is known for sure."""
    return SlotContext(
        stage=stage,
        tenant=credential.tenant,
        credential=credential.id,
        signer=credential.signer,
        svd_sha256=hashlib.sha256(credential.svd_der).digest(),
        algorithm=credential.algorithm,
        master_key_id=credential.master_key_id,
        epoch=credential.epoch,
        process=reach.process,
        grant=reach.grant,
        client=reach.client,
        purpose=reach.purpose,
        expires_at=reach.expires_at,
        bindings_sha256=reach.bindings_sha256,
    )


class SlotSealer:
    """The only place where activation values are sealed and opened."""

    def __init__(self, vault: KeyVault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def seal(
        self,
        stage: Stage,
        credential: Credential,
        secret: bytes,
        activation: bytes,
        reach: Reach,
        *,
        secret_sha256: str | None = None,
    ) -> Slot:
        """Make a slot that opens with ``secret`` and the same context only."""
        context = context_of(stage, credential, reach)
        slot = Slot(
            id=str(uuid.uuid4()),
            context=context,
            key_check_value=b"",
            sealed=b"",
            created_at=self._clock.now(),
        )
        scope = slot_scope(slot)
        return Slot(
            id=slot.id,
            context=context,
            key_check_value=self._vault.key_check_value(scope, secret),
            sealed=self._vault.seal(scope, secret, activation, aad=context.aad()),
            created_at=slot.created_at,
            secret_sha256=secret_sha256,
        )

    def open(self, slot: Slot, credential: Credential, secret: bytes, reach: Reach) -> bytes:
        """Give the activation value (32 bytes).

        The context is rebuilt from ``credential`` and ``reach``; what the row says is not used.
        Raises IntegrityAlarmError when the seal does not open.
        """
        context = context_of(slot.stage, credential, reach)
        return self._vault.open(slot_scope(slot), secret, slot.sealed, aad=context.aad())


def wrapped_key(credential: Credential, blob: bytes) -> WrappedKey:
    """The credential's key as the device takes it: blob and the context it was sealed with."""
    return WrappedKey(
        credential=credential.id,
        tenant=credential.tenant,
        algorithm=credential.algorithm,
        svd_der=credential.svd_der,
        blob=blob,
        aad=context_of(Stage.KEY, credential, Reach()).aad(),
    )


@lru_cache(maxsize=1024)
def certificate_serial(certificate_der: bytes | None) -> str:
    """Serial number in lower-case hexadecimal, for audit records; empty without certificate."""
    if certificate_der is None:
        return ""
    return f"{load_der_x509_certificate(certificate_der).serial_number:x}"
