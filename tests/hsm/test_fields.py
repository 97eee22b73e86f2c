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


@pytest.mark.parametrize("length", [0, 1, 4, 8, 373])
def test_pkcs1_of_another_implementation_opens(sam_token: SAMToken, published, length: int):
    message = os.urandom(length)
    candidates = sam_token.fields.decrypt_pkcs1v15_all(
        published[1].encrypt(message, padding.PKCS1v15())
    )
    assert candidates == (message,)


def test_bad_pkcs1_padding_gives_stable_noise_not_an_error(sam_token: SAMToken, published):
    key = published[1]
    padded = b"\0\2" + b"\1" * 20 + b"\x001234"
    bad = {
        "wrong type": b"\0\1" + bytes([7]) * (SIZE - 7) + b"\x001234",
        "no zero": b"\0\2" + bytes([7]) * (SIZE - 2),
        "early zero": b"\0\2" + bytes([7]) * 7 + b"\0" + bytes([7]) * (SIZE - 10),
        "first byte": b"\1\2" + bytes([7]) * (SIZE - 7) + b"\x001234",
        "noise": b"\0" + os.urandom(SIZE - 1),
        "left": padded.ljust(SIZE, b"\7")[:1] + b"\3" + padded.ljust(SIZE, b"\7")[2:],
    }
    for name, block in bad.items():
        ciphertext = raw(key, block)
        (first,) = sam_token.fields.decrypt_pkcs1v15_all(ciphertext)
        assert sam_token.fields.decrypt_pkcs1v15_all(ciphertext) == (first,), name
        assert first != b"1234"
        assert first not in block or first == b"", name


@pytest.mark.parametrize("ciphertext", [b"", b"\0" * SIZE, b"\xff" * SIZE, b"\xff" * 10])
def test_ciphertexts_out_of_range_give_noise_too(sam_token: SAMToken, ciphertext: bytes):
    assert len(sam_token.fields.decrypt_pkcs1v15_all(ciphertext)) == 1
