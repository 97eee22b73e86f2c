"""The audit key of token ``sam`` as the audit operations take it."""

import hashlib
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.domain.values import SignatureAlgorithm


class HSMAuditSigner:
    """P-256 with SHA-256."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What :meth:`sign` makes."""
        return SignatureAlgorithm.ECDSA_SHA256

    @cached_property
    def public_key_der(self) -> bytes:
        """SubjectPublicKeyInfo."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def key_id(self) -> str:
        """Hex SHA-256 of the public key, first 32 characters."""
        return hashlib.sha256(self.public_key_der).hexdigest()[:32]

    def sign(self, content: bytes) -> bytes:
        """DER signature over ``content``; raises QSCDUnavailableError."""
        return self._key.sign(content, ec.ECDSA(hashes.SHA256()))
