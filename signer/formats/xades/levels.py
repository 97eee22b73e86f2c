"""Raises a signature from B-B to B-T, B-LT and B-LTA (ETSI EN 319 132-1 V1.2.1, 6.3)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signer.domain.transaction import Level
from signer.domain.values import Digest, DigestAlgorithm
from signer.formats.port import TrustServices
from signer.formats.xades import evidence
from signer.formats.xades.canonicalisation import (
    DS,
    XADES,
    XADES141,
    base64,
    element,
)
from signer.ports import ValidationMaterial
from signer.xmldsig import names
from signer.xmldsig.imprints import (
    ARCHIVE_TIME_STAMP,
    CONTENT_TIME_STAMP,
    SIGNATURE_TIME_STAMP,
    archive_octets,
    signature_octets,
)
from signer.xmldsig.parsing import Element, parse, refuse
from signer.xmldsig.references import ContentSource
from signer.xmldsig.signature import XMLSignature, children, decoded, each, only
from signer.xmldsig.tokens import TokenContent

_XADES: Final = f"{{{names.XADES}}}"
_XADES141: Final = f"{{{names.XADES141}}}"
ORDER: Final = (Level.B_B, Level.B_T, Level.B_LT, Level.B_LTA)
_NOTHING: Final = ValidationMaterial()
VALIDATION_DATA: Final = f"{_XADES141}TimeStampValidationData"


def level_of(signature: XMLSignature) -> Level:
    """The level its properties are those of; whether they are good is for validation to say."""
    present = {one.tag for one in _properties(signature)}
    if ARCHIVE_TIME_STAMP in present:
        return Level.B_LTA
    if SIGNATURE_TIME_STAMP not in present:
        return Level.B_B
    return Level.B_LT if f"{_XADES}RevocationValues" in present else Level.B_T


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRaising:
    """Adds what a level demands to a signature in its tree."""

    services: TrustServices
    content: ContentSource
    """For archive time-stamps: what detached references lead to."""
    digest: DigestAlgorithm
    """Of the imprints of time-stamps."""

    def __call__(self, signature: XMLSignature, signer: bytes, level: Level) -> None:
        """Reach ``level``; at B-LTA already, one archive time-stamp more.

        ``signer`` is the signing certificate (DER).  Raises TimestampUnavailableError,
        RevocationUnavailableError, or what ``content`` raises; the tree is then half done and
        thrown away.
        """
        has, wanted = (ORDER.index(one) for one in (level_of(signature), level))
        if has < ORDER.index(Level.B_T) <= wanted:
            self._add_signature_timestamp(signature)
        if has < ORDER.index(Level.B_LT) <= wanted:
            self._add_validation_data(signature, signer)
        if level is Level.B_LTA:
            self._add_archive_timestamp(signature)

    def _add_signature_timestamp(self, signature: XMLSignature) -> None:
        self._stamp(signature, "xades:SignatureTimeStamp", XADES, signature_octets(signature))

    def _add_validation_data(self, signature: XMLSignature, signer: bytes) -> None:
        collect = self.services.validation_data.collect
        pool = evidence.held_by(signature).certificates
        material = collect((signer,), pool)
        for tag in (SIGNATURE_TIME_STAMP, CONTENT_TIME_STAMP):
            for stamp in _stamps(signature, tag):
                self._prove_timestamp(signature, stamp, material)
        embedded = ValidationMaterial(certificates=signature.certificates)
        _append(signature, evidence.values_of(evidence.without(material, embedded)))
        authorities = _authorities(signature)
        if authorities:
            material = collect(authorities[:1], (*authorities, *pool))
            material = evidence.without(material, evidence.held_by(signature))
            _append(signature, evidence.values_of(material, attributes=True))

    def _add_archive_timestamp(self, signature: XMLSignature) -> None:
        for stamp in _stamps(signature, ARCHIVE_TIME_STAMP)[-1:]:
            if not _is_proven(stamp):
                self._prove_timestamp(signature, stamp)
        covered = archive_octets(signature, self.content)
        self._stamp(signature, "xades141:ArchiveTimeStamp", XADES141, covered)

    def _prove_timestamp(
        self,
        signature: XMLSignature,
        stamp: Element,
        besides: ValidationMaterial = _NOTHING,
    ) -> None:
        """TimeStampValidationData for the tokens of ``stamp``; ``besides`` comes elsewhere."""
        for token in each(stamp, "EncapsulatedTimeStamp"):
            content = TokenContent.of(decoded(token))
            held = evidence.held_by(signature)
            pool = (*content.certificates, *held.certificates, *besides.certificates)
            material = self.services.validation_data.collect((content.unit,), pool)
            material = evidence.without(evidence.without(material, held), besides)
            properties = _properties(signature)
            follows = bool(properties) and properties[-1] is stamp
            about = "" if follows else stamp.get("Id", "")
            _append(signature, evidence.timestamp_validation_data(material, about))

    def _stamp(self, signature: XMLSignature, name: str, space: str, covered: bytes) -> None:
        token = self.services.timestamps.stamp(Digest.of(self.digest, covered))
        method = element("ds:CanonicalizationMethod", "", DS, f'Algorithm="{names.EXCLUSIVE}"')
        inside = element("xades:EncapsulatedTimeStamp", base64(token.der), XADES)
        identifier = f'Id="timestamp-{secrets.token_hex(16)}"'
        _append(signature, element(name, method + inside, space, identifier))


def _properties(signature: XMLSignature) -> list[Element]:
    unsigned = signature.unsigned_properties
    return [] if unsigned is None else children(unsigned)


def _stamps(signature: XMLSignature, tag: str) -> list[Element]:
    if tag == CONTENT_TIME_STAMP:
        return each(
            signature.signed_properties, "SignedDataObjectProperties", "AllDataObjectsTimeStamp"
        )
    return [one for one in _properties(signature) if one.tag == tag]


def _is_proven(stamp: Element) -> bool:
    after = stamp.getnext()
    return after is not None and after.tag == VALIDATION_DATA


def _authorities(signature: XMLSignature) -> Sequence[bytes]:
    """Certificates of attribute authorities, the authority's own first."""
    return tuple(
        decoded(one)
        for one in each(
            signature.unsigned_properties,
            "AttrAuthoritiesCertValues",
            "EncapsulatedX509Certificate",
        )
    )


def _append(signature: XMLSignature, written: str) -> None:
    """Add elements at the end of UnsignedSignatureProperties, made where it is missing."""
    if not written:
        return
    qualifying = signature.qualifying_properties
    if qualifying is None:
        refuse("the signature has no qualifying properties: it is not XAdES")
    unsigned = only(qualifying, "UnsignedProperties")
    if unsigned is None:
        qualifying.append(parse(element("xades:UnsignedProperties", "", XADES).encode()))
        unsigned = qualifying[-1]
    properties = only(unsigned, "UnsignedSignatureProperties")
    if properties is None:
        made = element("xades:UnsignedSignatureProperties", "", XADES)
        unsigned.insert(0, parse(made.encode()))
        properties = unsigned[0]
    wrapped = parse(element("xades:UnsignedSignatureProperties", written, XADES).encode())
    for one in list(wrapped):
        properties.append(one)
