"""Turns PKCS#11 public keys into ``cryptography`` ones and refuses weak ones."""

import contextlib
from typing import Final

import pkcs11
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Attribute

from hsm.keys import EC_PARAMETERS, RSA_BITS, RSA_PUBLIC_EXPONENT
from signer.domain.errors import QSCDUnavailableError
from signer.domain.values import KeyAlgorithm

_CURVES: Final = {KeyAlgorithm.P_256: ec.SECP256R1(), KeyAlgorithm.P_384: ec.SECP384R1()}

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def load_rsa(
    modulus: bytes, exponent: bytes, algorithm: KeyAlgorithm, *, bits: int = 0
) -> rsa.RSAPublicKey:
    """Build an RSA key of exactly the algorithm's size (or ``bits``) with exponent 65537.

    Raises QSCDUnavailableError for any other: a device that makes such keys is not used.
    """
    n, e = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    if n.bit_length() != (bits or RSA_BITS[algorithm]) or n % 2 == 0 or e != RSA_PUBLIC_EXPONENT:
        msg = "the HSM made an RSA key of the wrong size or exponent"
        raise QSCDUnavailableError(msg)
    return rsa.RSAPublicNumbers(e, n).public_key()


def load_ec(parameters: bytes, point: bytes, algorithm: KeyAlgorithm) -> ec.EllipticCurvePublicKey:
    """Build an EC key from CKA_EC_POINT (DER OCTET STRING, or bare as some modules give it).

    Raises QSCDUnavailableError when it is on another curve or on none.
    """
    curve = _CURVES[algorithm]
    bare = 1 + 2 * ((curve.key_size + 7) // 8)
    with contextlib.suppress(ValueError):
        if parameters == EC_PARAMETERS[algorithm] and len(point) in {bare, bare + 2}:
            return ec.EllipticCurvePublicKey.from_encoded_point(curve, point[-bare:])
    msg = "the HSM made a key on the wrong curve"
    raise QSCDUnavailableError(msg)


def load_public_key(key: pkcs11.PublicKey, algorithm: KeyAlgorithm, *, bits: int = 0) -> PublicKey:
    """Read and check a public key object; raises as the functions above."""
    if algorithm.is_rsa:
        return load_rsa(
            key[Attribute.MODULUS], key[Attribute.PUBLIC_EXPONENT], algorithm, bits=bits
        )
    return load_ec(key[Attribute.EC_PARAMS], key[Attribute.EC_POINT], algorithm)


def svd_der(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
