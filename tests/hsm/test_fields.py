"""Fields encrypted to our published key open, and nothing tells an attacker why they do not."""

import os

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from hsm import SAMToken
from signer.domain.errors import InvalidRequestError

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
SIZE = 384


@pytest.fixture(scope="module")
def published(sam_token: SAMToken) -> tuple[str, rsa.RSAPublicKey]:
    key_id, der = sam_token.fields.public_keys()[0]
    key = serialization.load_der_public_key(der)
    assert isinstance(key, rsa.RSAPublicKey)
    return key_id, key


def raw(key: rsa.RSAPublicKey, block: bytes) -> bytes:
    """Textbook RSA of a block of our choice."""
    numbers = key.public_numbers()
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(SIZE, "big")


@pytest.mark.parametrize("length", [0, 1, 6, 32, 318])
def test_oaep_of_another_implementation_opens(sam_token: SAMToken, published, length: int):
    key_id, key = published
    message = os.urandom(length)
    assert sam_token.fields.decrypt_oaep_sha256(key_id, key.encrypt(message, OAEP)) == message


def test_every_oaep_failure_is_the_same_error(sam_token: SAMToken, published):
    key_id, key = published
    good = key.encrypt(b"1234", OAEP)
    n = key.public_numbers().n.to_bytes(SIZE, "big")
    sha1 = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - refused
    labelled = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"label")
    bad = {
        "flipped": good[:-1] + bytes([good[-1] ^ 1]),
        "first byte not zero": raw(key, b"\1" + os.urandom(SIZE - 1)),
        "noise": raw(key, b"\0" + os.urandom(SIZE - 1)),
        "zero": bytes(SIZE),
        "one": bytes(SIZE - 1) + b"\1",
        "modulus": n,
        "too big": b"\xff" * SIZE,
        "short": good[:-1],
        "long": good + b"\0",
        "empty": b"",
        "pkcs1": key.encrypt(b"1234", padding.PKCS1v15()),
        "sha1": key.encrypt(b"1234", sha1),
        "label": key.encrypt(b"1234", labelled),
    }
    seen = set()
    for ciphertext in bad.values():
        with pytest.raises(InvalidRequestError) as caught:
            sam_token.fields.decrypt_oaep_sha256(key_id, ciphertext)
        seen.add((type(caught.value), str(caught.value), caught.value.field))
    with pytest.raises(InvalidRequestError) as caught:
        sam_token.fields.decrypt_oaep_sha256("0" * 16, good)
    seen.add((type(caught.value), str(caught.value), caught.value.field))
    assert len(seen) == 1
