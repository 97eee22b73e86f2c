"""Signed attributes that say more than who signed what (ETSI EN 319 122-1 V1.3.1, 5.2)."""

from typing import Final

from signer.domain.commitments import COMMITMENT_OIDS
from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import (
    CommitmentType,
    ProductionPlace,
    SignaturePolicy,
    SignedProperties,
)
from signer.formats import der
from signer.formats.cms import attribute

COMMITMENT_TYPE_INDICATION: Final = "1.2.840.113549.1.9.16.2.16"
SIGNATURE_POLICY_IDENTIFIER: Final = "1.2.840.113549.1.9.16.2.15"
SIGNER_LOCATION: Final = "1.2.840.113549.1.9.16.2.17"
CONTENT_TIME_STAMP: Final = "1.2.840.113549.1.9.16.2.20"
_POLICY_URI: Final = "1.2.840.113549.1.9.16.5.1"
_IA5_STRING: Final = 0x16


def property_attributes(
    properties: SignedProperties,
    *,
    content_timestamp: bytes | None = None,
    with_place: bool = True,
) -> tuple[bytes, ...]:
    """DER attributes for what the request chose, claimed roles excepted.

    ``content_timestamp`` is a token (DER) over the content.  ``with_place`` is False in PAdES,
    where the place is in the PDF.  Raises InvalidRequestError for texts that cannot be encoded.
    """
    made: list[bytes] = []
    if properties.commitment is not None:
        made.append(attribute(COMMITMENT_TYPE_INDICATION, _commitment(properties.commitment)))
    if properties.policy is not None:
        made.append(attribute(SIGNATURE_POLICY_IDENTIFIER, _policy(properties.policy)))
    if properties.place is not None and with_place:
        made.append(attribute(SIGNER_LOCATION, _location(properties.place)))
    if content_timestamp is not None:
        made.append(attribute(CONTENT_TIME_STAMP, content_timestamp))
    return tuple(made)


def _commitment(commitment: CommitmentType) -> bytes:
    """``CommitmentTypeIndication`` without qualifiers (5.2.3)."""
    return der.sequence(der.object_identifier(COMMITMENT_OIDS[commitment]))


def _policy(policy: SignaturePolicy) -> bytes:
    """``SignaturePolicyId`` (5.2.9.1), with the SPuri qualifier (5.2.9.2) when there is a URL."""
    try:
        identifier = der.object_identifier(policy.oid)
        url = policy.url.encode("ascii")
    except ValueError as error:
        raise InvalidRequestError(
            "the policy's identifier is a dotted OID, its URL is ASCII", field="policy"
        ) from error
    hashed = der.sequence(
        der.sequence(der.object_identifier(policy.digest.algorithm.value)),
        der.octet_string(policy.digest.value),
    )
    if not url:
        return der.sequence(identifier, hashed)
    qualifier = der.sequence(der.object_identifier(_POLICY_URI), der.tlv(_IA5_STRING, url))
    return der.sequence(identifier, hashed, der.sequence(qualifier))


def _location(place: ProductionPlace) -> bytes:
    """``SignerLocation`` (5.2.5): country, locality, and a postal address of the rest."""
    address = [der.utf8_string(line) for line in (place.state, place.postal_code) if line]
    fields = [
        der.tlv(0xA0 | number, der.utf8_string(text))
        for number, text in enumerate((place.country, place.city))
        if text
    ]
    if address:
        fields.append(der.tlv(0xA2, der.sequence(*address)))
    if not fields:
        raise InvalidRequestError("a production place says something", field="place")
    return der.sequence(*fields)
