"""PKCS#1 DigestInfo as callers send it: exact DER, and nothing weaker than SHA-256."""

from signer.domain.errors import InvalidRequestError
from signer.domain.values import Digest, DigestAlgorithm


def parse_digest_info(value: bytes, *, wrap_bare: bool = False) -> Digest:
    """The digest inside ``SEQUENCE { AlgorithmIdentifier { oid, NULL }, OCTET STRING }``.

    ``wrap_bare`` takes 32 bytes alone for a SHA-256 digest.  Raises InvalidRequestError for any
    other encoding, length or algorithm (SHA-1 and MD5 among them): RFC 8017, 9.2, note 1.
    """
    for algorithm in DigestAlgorithm:
        prefix = algorithm.digest_info_prefix
        if len(value) == len(prefix) + algorithm.size and value.startswith(prefix):
            return Digest(algorithm, value[len(prefix) :])
    if wrap_bare and len(value) == DigestAlgorithm.SHA256.size:
        return Digest(DigestAlgorithm.SHA256, value)
    raise InvalidRequestError("not the DigestInfo of SHA-256, SHA-384 or SHA-512", field="Hash")
