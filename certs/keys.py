"""Private keys as this package uses them: something that signs, wherever the key lives."""

from typing import Final, assert_never

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from signer.domain.errors import ConfigurationError
from signer.domain.values import DigestAlgorithm, SignatureAlgorithm
from signer.formats.der import object_identifier, sequence

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

_HASHES: Final[dict[str, Hash]] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


def hash_of(digest: DigestAlgorithm) -> Hash:
    """The library's object for one of our digests."""
    return _HASHES[digest.name]


def digest_for(key: PublicKey) -> DigestAlgorithm:
    """SHA-256, or SHA-384 for keys of P-384 size (ETSI TS 119 312, 8.2)."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size > 256:  # noqa: PLR2004 - bits of P-256
        return DigestAlgorithm.SHA384
    return DigestAlgorithm.SHA256


def algorithm_of(key: PublicKey) -> SignatureAlgorithm:
    """The one signature algorithm we use with a key."""
    kind = "RSA" if isinstance(key, rsa.RSAPublicKey) else "ECDSA"
    return SignatureAlgorithm[f"{kind}_{digest_for(key).name}"]


def algorithm_identifier(algorithm: SignatureAlgorithm) -> bytes:
    """``AlgorithmIdentifier`` DER: RSA with NULL (RFC 4055, 5), ECDSA without (RFC 5758, 3.2)."""
    oid = object_identifier(algorithm.value)
    return sequence(oid, b"\x05\x00") if algorithm.name.startswith("RSA") else sequence(oid)


def digest_identifier(digest: DigestAlgorithm) -> bytes:
    """``AlgorithmIdentifier`` DER of a digest, parameters absent (RFC 5754, 2)."""
    return sequence(object_identifier(digest.value))


def sign(key: PrivateKey, content: bytes, digest: DigestAlgorithm) -> bytes:
    """Sign ``content``: RSASSA-PKCS1-v1_5 block, or DER ECDSA value."""
    algorithm = hash_of(digest)
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(content, padding.PKCS1v15(), algorithm)
        case ec.EllipticCurvePrivateKey():
            return key.sign(content, ec.ECDSA(algorithm))
        case unreachable:
            assert_never(unreachable)


def checked_public_key(key: object) -> PublicKey:
    """RSA of 3072 bits or more, P-256 or P-384; raises ConfigurationError for others."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 3072:  # noqa: PLR2004 - TS 119 312, 8.1
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in {"secp256r1", "secp384r1"}:
        return key
    raise ConfigurationError("keys are RSA of 3072 bits or more, P-256 or P-384")
