"""Secrets are agreed with our published P-256 key inside the HSM."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hsm import SAMToken
from hsm.agreement import PKCS11KeyAgreement
from hsm.keys import FIELD_AGREEMENT
from hsm.token import Token, TokenSession
from signer.domain.errors import InvalidRequestError

Coordinates = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def published(sam_token: SAMToken) -> tuple[str, ec.EllipticCurvePublicKey]:
    key_id, der = sam_token.agreement.public_keys()[0]
    key = serialization.load_der_public_key(der)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key_id, key


def coordinates(key: ec.EllipticCurvePrivateKey) -> Coordinates:
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")


def test_both_sides_agree_on_the_same_secret(sam_token: SAMToken, published):
    key_id, key = published
    for _ in range(300):  # one in 256 begins with a zero byte
        ours = ec.generate_private_key(ec.SECP256R1())
        agreed = sam_token.agreement.agree(key_id, *coordinates(ours))
        assert agreed == ours.exchange(ec.ECDH(), key)


def test_points_off_the_curve_and_unknown_keys_are_refused_alike(sam_token: SAMToken, published):
    key_id, _ = published
    x, y = coordinates(ec.generate_private_key(ec.SECP256R1()))
    other_y = y[:-1] + bytes([y[-1] ^ 1])
    bad = (
        (key_id, x, other_y),
        (key_id, bytes(32), bytes(32)),
        (key_id, b"\xff" * 32, y),
        (key_id, x[1:], y),
        (key_id, b"", b""),
        ("0" * 16, x, y),
    )
    seen = set()
    for arguments in bad:
        with pytest.raises(InvalidRequestError) as caught:
            sam_token.agreement.agree(*arguments)
        seen.add((str(caught.value), caught.value.field))
    assert len(seen) == 1


def test_no_agreed_secret_stays_in_the_token(sam_token: SAMToken, published):
    key_id, _ = published
    token: Token = sam_token.token

    def count(session: TokenSession) -> int:
        return len(list(session.raw.get_objects()))

    fresh = PKCS11KeyAgreement(token)
    fresh.agree(key_id, *coordinates(ec.generate_private_key(ec.SECP256R1())))
    before = token.run(count)
    fresh.agree(key_id, *coordinates(ec.generate_private_key(ec.SECP256R1())))
    assert token.run(count) == before
    assert FIELD_AGREEMENT.label == "field-agreement-1"
