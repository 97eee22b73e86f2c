"""Verifies signature values with public keys, in software, apart from the device that made them."""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signer.domain.values import SignatureAlgorithm, SignatureValue

_HASHES = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}


def verifies(
    svd_der: bytes, algorithm: SignatureAlgorithm, digest: bytes, value: SignatureValue
) -> bool:
    """Tell whether ``value`` signs ``digest`` under the key (SubjectPublicKeyInfo, DER).

    Bytes that are no such key, and keys of another kind than the algorithm's, verify nothing.
    """
    try:
        key = _key(svd_der)
    except (ValueError, UnsupportedAlgorithm):
        return False
    prehashed = utils.Prehashed(_HASHES[algorithm.digest.name])
    try:
        if algorithm.is_rsa and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, digest, _padding(algorithm), prehashed)
        elif not algorithm.is_rsa and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(value, digest, ec.ECDSA(prehashed))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _padding(algorithm: SignatureAlgorithm) -> padding.AsymmetricPadding:
    if not algorithm.is_pss:
        return padding.PKCS1v15()
    mask = padding.MGF1(_HASHES[algorithm.digest.name])
    return padding.PSS(mask, salt_length=algorithm.digest.size)


_key = lru_cache(maxsize=256)(load_der_public_key)
