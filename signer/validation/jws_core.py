"""The cryptographic core of a JSON Web Signature: header rules, key, value (RFC 7515, 5.2)."""

from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from signer.domain.jws import ALGORITHMS, DIGEST_NAMES, JWSSignature
from signer.domain.strict_json import from_base64url, refuse
from signer.domain.values import DigestAlgorithm, SignatureAlgorithm

_UNDERSTOOD: Final = frozenset(
    {"b64", "sigD", "iat", "sigT", "srCms", "sigPl", "srAts", "adoTst", "sigPId", "x5t#o"}
)
_MUST_BE_CRITICAL: Final = frozenset({"b64", "sigD"})
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_HASHES: Final = {
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}
_SMALLEST_RSA: Final = 2048


def demand_understood(signature: JWSSignature) -> None:
    """Raise DocumentRefusedError for a header that says what is not understood here.

    RFC 7515, 4.1.11; RFC 7797, 6; TS 119 182-1, 5.1.9.
    """
    header = signature.header
    critical = header.get("crit", [])
    if not isinstance(critical, list) or ("crit" in header and not critical):
        refuse("crit is not a list of names")
    names = [name for name in critical if isinstance(name, str)]
    if len(set(names)) != len(critical) or not set(names) <= _UNDERSTOOD & header.keys():
        refuse("a critical header parameter is not understood")
    if not _MUST_BE_CRITICAL & header.keys() <= set(names):
        refuse("a header parameter should be critical and is not")
    if not isinstance(header.get("b64", True), bool):
        refuse("b64 is neither true nor false")
    if header.get("alg") not in ALGORITHMS:
        refuse("the signature's algorithm is not accepted")


def names_certificate(signature: JWSSignature, certificate: bytes) -> bool:
    """Tell whether the signed header names this certificate (DER), by x5t#S256 or x5t#o."""
    header = signature.header
    said = header.get("x5t#S256")
    other = header.get("x5t#o")
    if (said is None) is (other is None):
        return False
    algorithm = DigestAlgorithm.SHA256
    if other is not None:
        if not isinstance(other, dict):
            return False
        name = DIGEST_NAMES.get(str(other.get("digAlg")))
        if name is None:
            return False
        algorithm, said = DigestAlgorithm[name], other.get("digVal")
    return from_base64url(said) == algorithm.of(certificate)


def value_verifies(signature: JWSSignature, payload: bytes, certificate: bytes) -> bool:
    """Tell whether the value is over header and payload with the certificate's key (DER).

    ``payload`` as it is signed.  A key of another kind or curve than ``alg`` verifies nothing.
    """
    name = str(signature.header["alg"])
    message = signature.protected.encode() + b"." + payload
    value = from_base64url(signature.value)
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        if isinstance(key, rsa.RSAPublicKey) and ALGORITHMS[name].is_rsa:
            _verify_rsa(key, ALGORITHMS[name], value, message)
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == _CURVES.get(name):
            _verify_ecdsa(key, ALGORITHMS[name], value, message)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _verify_rsa(
    key: rsa.RSAPublicKey, algorithm: SignatureAlgorithm, value: bytes, message: bytes
) -> None:
    if key.key_size < _SMALLEST_RSA:
        raise InvalidSignature
    chosen = _HASHES[algorithm.digest]
    if algorithm.is_pss:
        pss = padding.PSS(padding.MGF1(chosen), salt_length=chosen.digest_size)
        key.verify(value, message, pss, chosen)
    else:
        key.verify(value, message, padding.PKCS1v15(), chosen)


def _verify_ecdsa(
    key: ec.EllipticCurvePublicKey, algorithm: SignatureAlgorithm, value: bytes, message: bytes
) -> None:
    size = (key.key_size + 7) // 8
    if len(value) != 2 * size:
        raise InvalidSignature
    numbers = (int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big"))
    key.verify(utils.encode_dss_signature(*numbers), message, ec.ECDSA(_HASHES[algorithm.digest]))
