"""Decides whether a device's answer counts: the SAM trusts keys and bindings, never a flag."""

import binascii
import hashlib
import hmac
from base64 import b64decode
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from signer.domain.account import Account
from signer.domain.approval import (
    Answer,
    Decision,
    Device,
    answer_message,
    device_id,
    registration_text,
)
from signer.domain.bindings import Bindings
from signer.domain.errors import InvalidRequestError
from signer.domain.transaction import Transaction
from signer.domain.values import SignatureAlgorithm, SignatureValue
from signer.ports import KeyVault, SignatureVerifier

_PURPOSE: Final = "device"
_HALF: Final = 32
"""Octets of r and of s on P-256."""


@dataclass(frozen=True, slots=True)
class DeviceApprovals:
    """Registers devices and checks what they signed."""

    vault: KeyVault
    verifies: SignatureVerifier

    def registration(self, account: Account, svd_der: bytes) -> str:
        """The keyed code of a device of this account; raises QSCDUnavailableError."""
        text = registration_text(
            device_id(svd_der), account.id, account.authentication_salt, svd_der
        )
        return self.vault.pseudonym(_PURPOSE, text)

    def belongs(self, device: Device, account: Account) -> bool:
        """Tell whether the row is a registration made here for this person as enrolled now."""
        expected = self.registration(account, device.svd_der)
        return (
            device.signer == account.id
            and device.id == device_id(device.svd_der)
            and hmac.compare_digest(expected, device.registration)
        )

    def is_by(self, device: Device, message: bytes, signature: bytes) -> bool:
        """Tell whether the device signed the message (ECDSA-SHA256, r | s)."""
        if len(signature) != 2 * _HALF:
            return False
        r, s = (int.from_bytes(part, "big") for part in (signature[:_HALF], signature[_HALF:]))
        value = SignatureValue(encode_dss_signature(r, s))
        digest = hashlib.sha256(message).digest()
        return self.verifies(device.svd_der, SignatureAlgorithm.ECDSA_SHA256, digest, value)

    def counts(
        self,
        answer: Answer,
        decision: Decision,
        transaction: Transaction,
        *,
        device: Device,
        account: Account,
    ) -> bool:
        """Tell whether this answer is that decision about the transaction as it is now.

        The bindings are rebuilt from the transaction: digests, names, attributes or a client that
        changed since the device signed make another message.
        """
        if transaction.credential is None or transaction.signer != account.id:
            return False
        bindings = Bindings.of(transaction, transaction.attributes).sha256()
        message = answer_message(decision, transaction.id, bindings)
        return (
            answer.transaction == transaction.id
            and answer.device == device.id
            and self.belongs(device, account)
            and self.is_by(device, message, answer.signature)
        )


def device_key(text: str) -> bytes:
    """SubjectPublicKeyInfo (DER, canonical) of a P-256 key from its base64 text.

    Raises InvalidRequestError, field ``public_key``.
    """
    try:
        key = load_der_public_key(b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise _no_key() from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _no_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _no_key() -> InvalidRequestError:
    return InvalidRequestError("base64 of a P-256 SubjectPublicKeyInfo", field="public_key")
