"""Phones of demo citizens that approve when told to: ``POST /demo/approve/<public id>``."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from signer.domain.approval import Decision, answer_message, device_id
from signer.domain.bindings import Bindings
from signer.domain.errors import ConflictError, NotFoundError
from signer.domain.transaction import Transaction
from signer.domain.values import SignerId
from signer.operations.signing.approval import AnswerApproval

WITH_DEVICE: Final = ("lawyer", "engineer")
"""Whose account has a device."""
_HALF: Final = 32


@dataclass(frozen=True, slots=True)
class DemoDevices:
    """Keys in files under ``var/demo/devices`` (0600), one per person, named by the account."""

    directory: Path

    def make(self, signer: SignerId) -> str:
        """Make a key; gives base64 of its SubjectPublicKeyInfo, as the account page takes it."""
        key = ec.generate_private_key(ec.SECP256R1())
        self.directory.mkdir(exist_ok=True, mode=0o700)
        file = self._file(signer)
        file.touch(mode=0o600)
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return base64.b64encode(_spki(key)).decode()

    def answer(self, transaction: Transaction, decision: Decision, answer: AnswerApproval) -> None:
        """Sign the decision with the citizen's demo device, over the same operation as any device.

        Raises NotFoundError when the citizen has none, ConflictError before the PIN was right, and
        as the operation does.
        """
        file = self._file(transaction.signer) if transaction.signer else None
        if file is None or not file.is_file():
            raise NotFoundError("this citizen has no demo device")
        if transaction.epoch is None:
            raise ConflictError("the PIN was not entered yet")
        key = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise NotFoundError("this citizen has no demo device")
        bindings = Bindings.of(transaction, transaction.attributes).sha256()
        message = answer_message(decision, transaction.id, bindings)
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
        answer(transaction.id, device_id(_spki(key)), decision, signature)

    def _file(self, signer: SignerId) -> Path:
        return self.directory / f"{signer}.pem"


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
