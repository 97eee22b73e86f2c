"""``POST /signatures/{id}/code``: what comes out is what was asked, and verifies elsewhere."""

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from tests.fixtures.service import raw


def verify_raw(certificate: x509.Certificate, digest: bytes, signature: bytes) -> None:
    """Raises InvalidSignature."""
    key = certificate.public_key()
    prehashed = utils.Prehashed(hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, digest, ec.ECDSA(prehashed))
    else:
        key.verify(signature, digest, padding.PKCS1v15(), prehashed)


@pytest.mark.parametrize("algorithm", ["rsa-3072", "p-256"])
def test_a_raw_signature_verifies_with_the_certificate(service, native, maria, algorithm):
    from signer.domain.values import KeyAlgorithm

    signed = native.signed(maria, raw(b"a"), key_algorithm=algorithm)
    certificate = service.certificate(maria, KeyAlgorithm(algorithm))
    value = base64.b64decode(signed["items"][0]["result"])
    verify_raw(certificate, hashlib.sha256(b"a").digest(), value)
