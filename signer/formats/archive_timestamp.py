"""The archive-time-stamp-v3 attribute and its hash index (ETSI EN 319 122-1 V1.3.1, 5.5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from signer.domain.errors import IntegrityAlarmError
from signer.domain.values import Digest, DigestAlgorithm
from signer.formats import der
from signer.formats.cms_parts import SignedDataParts, SignerParts

ARCHIVE_TIME_STAMP_V3: Final = "0.4.0.1733.2.4"
ATS_HASH_INDEX_V3: Final = "0.4.0.19122.1.5"


@dataclass(frozen=True, slots=True)
class HashIndex:
    """``ATSHashIndexV3``: what an archive time-stamp covers beside the signature itself."""

    algorithm: DigestAlgorithm
    certificates: tuple[bytes, ...]
    revocation: tuple[bytes, ...]
    unsigned: tuple[bytes, ...]

    @classmethod
    def over(
        cls, parts: SignedDataParts, signer: SignerParts, algorithm: DigestAlgorithm
    ) -> "HashIndex":
        """Index of everything there is now (5.5.2)."""
        return cls(
            algorithm,
            tuple(algorithm.of(one) for one in parts.certificates),
            tuple(algorithm.of(one) for one in parts.revocation),
            tuple(algorithm.of(one) for one in _attribute_values(signer)),
        )

    def encode(self) -> bytes:
        """DER."""
        return der.sequence(
            der.sequence(der.object_identifier(self.algorithm.value)),
            *(
                der.sequence(*(der.octet_string(one) for one in group))
                for group in (self.certificates, self.revocation, self.unsigned)
            ),
        )


def imprint(parts: SignedDataParts, signer: SignerParts, content: Digest, index: bytes) -> Digest:
    """What the archive time-stamp stamps (5.5.3); in the content digest's own algorithm.

    ``content`` is the digest of the signed content, ``index`` the DER of the hash index.
    """
    covered = b"".join((parts.content_type, content.value, *signer.fixed, index))
    return Digest.of(content.algorithm, covered)


def with_index(token: bytes, index: bytes) -> bytes:
    """The time-stamp token (DER) with the hash index among its unsigned attributes."""
    parts = SignedDataParts.parse(token)
    if len(parts.signers) != 1:
        raise IntegrityAlarmError("a time-stamp token has one signer")
    (signer,) = parts.signers
    return parts.with_signer(
        signer.with_unsigned(ATS_HASH_INDEX_V3, index), replacing=signer
    ).encode()


def _attribute_values(signer: SignerParts) -> Iterable[bytes]:
    """``attrType || attrValue`` for every value of every unsigned attribute."""
    return (
        der.object_identifier(one.oid) + value for one in signer.unsigned for value in one.values
    )
