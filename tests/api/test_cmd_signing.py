"""Signatures through the CMD services, from the first call to verified values."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from tests.fixtures.cmd import GUID, sha256


def certificates(pem: str):
    return x509.load_pem_x509_certificates(pem.encode())


def verify(certificate, signature: str, content: bytes) -> None:
    certificate.public_key().verify(
        base64.b64decode(signature), sha256(content), padding.PKCS1v15(), Prehashed(SHA256())
    )


def test_a_signature_verifies_with_the_certificate_that_was_looked_up(desktop, ana):
    chain = certificates(desktop.certificate(ana.phone).one("GetCertificateResult"))
    begun = desktop.sign(ana)
    assert begun.code == "200"
    assert GUID.fullmatch(begun.process_id)
    done = desktop.validate(begun.process_id, desktop.code_for(ana))
    assert done.code == "200"
    verify(chain[0], done.one("Signature"), b"a")
    assert done.one("ProcessId") == begun.process_id
