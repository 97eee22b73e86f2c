"""Raises a CAdES signature from B-B to B-T, B-LT and B-LTA (ETSI EN 319 122-1 V1.3.1, 6.3)."""

from dataclasses import dataclass
from typing import Final, final

from signer.domain import strict_der
from signer.domain.errors import DocumentRefusedError, IntegrityAlarmError
from signer.domain.transaction import Level
from signer.domain.values import Digest, DigestAlgorithm
from signer.formats.archive_timestamp import (
    ARCHIVE_TIME_STAMP_V3,
    HashIndex,
    imprint,
    with_index,
)
from signer.formats.certificate_fields import attribute_issuers, named_certificate
from signer.formats.cms import SIGNATURE_TIME_STAMP
from signer.formats.cms_attributes import CONTENT_TIME_STAMP
from signer.formats.cms_parts import SignedDataParts, SignerParts
from signer.formats.port import TrustServices
from signer.formats.signer_attributes import SIGNER_ATTRIBUTES_V2

ORDER: Final = (Level.B_B, Level.B_T, Level.B_LT, Level.B_LTA)
"""From the lowest to the highest."""
_OLDER_ARCHIVE_TIME_STAMPS: Final = (
    "1.2.840.113549.1.9.16.2.27",
    "1.2.840.113549.1.9.16.2.48",
)
_GENERATED_AT: Final = 4
"""Index of genTime in TSTInfo (RFC 3161, 2.4.2)."""


def level_of(parts: SignedDataParts, signer: SignerParts) -> Level:
    """The level whose attributes are there; whether they are right, verification says."""
    if signer.unsigned_values(ARCHIVE_TIME_STAMP_V3):
        return Level.B_LTA
    if not signer.unsigned_values(SIGNATURE_TIME_STAMP):
        return Level.B_B
    return Level.B_LT if parts.revocation else Level.B_T


@final
@dataclass(frozen=True, slots=True)
class LevelRaiser:
    """Adds what the levels demand, with the time-stamps and data of ``services``.

    Raises TimestampUnavailableError or RevocationUnavailableError when something cannot be had,
    InvalidRequestError when a certificate is revoked, DocumentRefusedError when one is missing.
    """

    services: TrustServices

    def raised(
        self,
        parts: SignedDataParts,
        signer: SignerParts,
        level: Level,
        content: Digest,
        *,
        present: Level,
    ) -> SignedDataParts:
        """The same with one of its signers at ``level``, or archived once more.

        ``content`` is the digest of the content, in the algorithm of the archive time-stamp;
        ``present`` the level the signer has now, which others' data in the file do not tell.
        """
        asked = ORDER.index(level)
        if present is Level.B_B and asked >= ORDER.index(Level.B_T):
            parts, signer = self._stamped(parts, signer)
        if asked >= ORDER.index(Level.B_LT):
            entities = (
                _newest_authority(parts, signer)
                if ORDER.index(present) >= ORDER.index(Level.B_LT)
                else _end_entities(parts, signer)
            )
            parts = self._with_validation_data(parts, signer, entities)
        if level is Level.B_LTA:
            parts = self._archived(parts, signer, content)
        return parts

    def _stamped(
        self, parts: SignedDataParts, signer: SignerParts
    ) -> tuple[SignedDataParts, SignerParts]:
        algorithm = _digest_algorithm(signer)
        token = self.services.timestamps.stamp(Digest.of(algorithm, signer.signature))
        stamped = signer.with_unsigned(SIGNATURE_TIME_STAMP, token.der)
        return parts.with_signer(stamped, replacing=signer), stamped

    def _with_validation_data(
        self, parts: SignedDataParts, signer: SignerParts, entities: tuple[bytes, ...]
    ) -> SignedDataParts:
        material = self.services.validation_data.collect(entities, _pool(parts, signer))
        return parts.with_certificates(material.certificates).with_revocation(
            material.ocsp_responses, material.crls
        )

    def _archived(
        self, parts: SignedDataParts, signer: SignerParts, content: Digest
    ) -> SignedDataParts:
        index = HashIndex.over(parts, signer, content.algorithm).encode()
        token = self.services.timestamps.stamp(imprint(parts, signer, content, index))
        archived = signer.with_unsigned(ARCHIVE_TIME_STAMP_V3, with_index(token.der, index))
        return parts.with_signer(archived, replacing=signer)


def refuse_older_archives(signer: SignerParts) -> None:
    """Archive time-stamps before version 3 break when anything is added: refused."""
    if signer.unsigned_values(*_OLDER_ARCHIVE_TIME_STAMPS):
        raise DocumentRefusedError(
            "the signature has an archive time-stamp of an older kind", field="document"
        )


def _digest_algorithm(signer: SignerParts) -> DigestAlgorithm:
    try:
        return DigestAlgorithm(signer.digest_oid)
    except ValueError as error:
        raise DocumentRefusedError(
            "the signature's digest algorithm is not accepted", field="document"
        ) from error


def _tokens(signer: SignerParts) -> tuple[SignedDataParts, ...]:
    """Every time-stamp token around a signature."""
    signed = signer.signed(CONTENT_TIME_STAMP)
    found = signer.unsigned_values(SIGNATURE_TIME_STAMP, ARCHIVE_TIME_STAMP_V3)
    return tuple(SignedDataParts.parse(one) for one in (*((signed,) if signed else ()), *found))


def _pool(parts: SignedDataParts, signer: SignerParts) -> tuple[bytes, ...]:
    found = [*parts.x509_certificates]
    for token in _tokens(signer):
        found += token.x509_certificates
    return tuple(dict.fromkeys(found))


def _end_entities(parts: SignedDataParts, signer: SignerParts) -> tuple[bytes, ...]:
    """Certificates whose paths matter: the signer's, time-stamping and attribute authorities'."""
    pool = _pool(parts, signer)
    try:
        found = [_demanded(named_certificate(signer.sid, pool))]
        found += [_authority(token, pool) for token in _tokens(signer)]
        if attributes := signer.signed(SIGNER_ATTRIBUTES_V2):
            found += attribute_issuers(attributes, pool)
    except (IntegrityAlarmError, ValueError, IndexError) as error:
        raise DocumentRefusedError("a certificate cannot be read", field="document") from error
    return tuple(dict.fromkeys(found))


def _newest_authority(parts: SignedDataParts, signer: SignerParts) -> tuple[bytes, ...]:
    """The authority of the last time-stamp: what came before it is protected already."""
    pool = _pool(parts, signer)
    try:
        newest = max(_tokens(signer), key=_generated_at)
        return (_authority(newest, pool),)
    except (IntegrityAlarmError, ValueError, IndexError) as error:
        raise DocumentRefusedError("a time-stamp cannot be read", field="document") from error


def _authority(token: SignedDataParts, pool: tuple[bytes, ...]) -> bytes:
    return _demanded(named_certificate(token.signers[0].sid, pool))


def _demanded(certificate: bytes | None) -> bytes:
    if certificate is None:
        raise DocumentRefusedError(
            "the certificate of a signer or time-stamp is not in the file", field="document"
        )
    return certificate


def _generated_at(token: SignedDataParts) -> bytes:
    """GeneralizedTime in UTC, which sorts as its text does (RFC 3161, 2.4.2)."""
    if token.content is None:
        raise ValueError("a token without TSTInfo")
    fields = strict_der.parse(token.content).children(strict_der.SEQUENCE)
    return fields[_GENERATED_AT].expect(strict_der.GENERALIZED_TIME).content.rstrip(b"Z")
