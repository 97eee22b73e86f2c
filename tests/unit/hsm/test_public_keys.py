"""A device that makes weak or foreign keys is not used."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hsm.keys import EC_PARAMETERS
from hsm.public_keys import load_ec, load_rsa
from signer.domain.errors import QSCDUnavailableError
from signer.domain.values import KeyAlgorithm

P256, RSA = KeyAlgorithm.P_256, KeyAlgorithm.RSA_3072
GOOD = (1 << 3071 | 1).to_bytes(384, "big")
E65537 = b"\1\0\1"


def point(curve: ec.EllipticCurve) -> bytes:
    encoding = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return ec.generate_private_key(curve).public_key().public_bytes(*encoding)


@pytest.mark.parametrize(
    ("modulus", "exponent"),
    [
        pytest.param((1 << 2047 | 1).to_bytes(256, "big"), E65537, id="2048 bits"),
        pytest.param((1 << 3070 | 1).to_bytes(384, "big"), E65537, id="one bit short"),
        pytest.param((1 << 3071).to_bytes(384, "big"), E65537, id="even"),
        pytest.param(GOOD, b"\3", id="exponent 3"),
        pytest.param(GOOD, b"\1", id="exponent 1"),
    ],
)
def test_a_weak_rsa_key_is_refused(modulus: bytes, exponent: bytes):
    with pytest.raises(QSCDUnavailableError):
        load_rsa(modulus, exponent, RSA)
    assert load_rsa(GOOD, E65537, RSA).key_size == 3072


def test_points_are_taken_bare_and_as_octet_string():
    bare = point(ec.SECP256R1())
    for given in (bare, b"\x04\x41" + bare):
        assert load_ec(EC_PARAMETERS[P256], given, P256).curve.name == "secp256r1"


def test_a_key_on_another_curve_or_on_none_is_refused():
    bare = point(ec.SECP256R1())
    for parameters, given in (
        (EC_PARAMETERS[KeyAlgorithm.P_384], bare),
        (EC_PARAMETERS[P256], point(ec.SECP384R1())),
        (EC_PARAMETERS[P256], bare[:-1] + bytes([bare[-1] ^ 1])),
        (EC_PARAMETERS[P256], b""),
    ):
        with pytest.raises(QSCDUnavailableError):
            load_ec(parameters, given, P256)
