"""A value verifies under the right key, kind of key, digest and bytes only; nothing raises."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.adapters.signature_check import verifies
from signer.domain.values import SignatureAlgorithm

TEXT = b"what was signed"


def der(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def signed():
    """Per algorithm: public key and a right value over TEXT."""
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    values = {}
    for algorithm in SignatureAlgorithm:
        hashed = getattr(hashes, algorithm.digest.name)()
        if algorithm.is_rsa:
            salted = padding.PSS(padding.MGF1(hashed), salt_length=hashed.digest_size)
            scheme = salted if algorithm.is_pss else padding.PKCS1v15()
            value = rsa_key.sign(TEXT, scheme, hashed)
            values[algorithm] = (der(rsa_key), value)
        else:
            values[algorithm] = (der(ec_key), ec_key.sign(TEXT, ec.ECDSA(hashed)))
    return values


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_the_right_value_verifies_and_a_changed_one_does_not(signed, algorithm):
    key, value = signed[algorithm]
    digest = algorithm.digest.of(TEXT)
    assert verifies(key, algorithm, digest, value)
    assert not verifies(key, algorithm, algorithm.digest.of(b"another text"), value)
    assert not verifies(key, algorithm, digest, value[:-1] + bytes([value[-1] ^ 1]))
    assert not verifies(key, algorithm, digest, b"")


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_no_other_algorithm_is_taken_for_the_one_that_signed(signed, algorithm):
    key, value = signed[algorithm]
    for stated in set(SignatureAlgorithm) - {algorithm}:
        assert not verifies(key, stated, stated.digest.of(TEXT), value), stated


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_bytes_that_are_no_usable_key_verify_nothing(signed, algorithm):
    key, value = signed[algorithm]
    digest = algorithm.digest.of(TEXT)
    for bad in (b"", b"no key", key[:-1], der(ed25519.Ed25519PrivateKey.generate())):
        assert not verifies(bad, algorithm, digest, value)
