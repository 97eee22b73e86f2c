"""Verifies signature values with public keys, in software, apart from the device that made them."""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signer.domain.values import SignatureAlgorithm, SignatureValue

_HASHES = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}


def verifies(
    svd_der: bytes, algorithm: SignatureAlgorithm, digest: bytes, value: SignatureValue
) -> bool:
    """Tell whether ``value`` signs ``digest`` under the key (SubjectPublicKeyInfo, DER)."""
    key = _key(svd_der)
    prehashed = utils.Prehashed(_HASHES[algorithm.digest.name])
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(value, digest, padding.PKCS1v15(), prehashed)
        else:
            key.verify(value, digest, ec.ECDSA(prehashed))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _key(svd_der: bytes) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    key = load_der_public_key(svd_der)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        msg = "only RSA and elliptic-curve keys sign here"
        raise TypeError(msg)
    return key
