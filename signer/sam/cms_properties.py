"""Checks the CMS attributes for what a request may choose (ETSI EN 319 122-1 V1.3.1, 5.2).

Each is there exactly when it was granted, and says exactly that.
"""

from collections.abc import Mapping
from typing import Final

from signer.domain import strict_der
from signer.domain.commitments import COMMITMENT_OIDS
from signer.domain.signature_options import (
    CommitmentType,
    ProductionPlace,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.strict_der import Element
from signer.domain.values import Digest
from signer.sam.refusal import refuse

COMMITMENT: Final = "1.2.840.113549.1.9.16.2.16"
POLICY: Final = "1.2.840.113549.1.9.16.2.15"
LOCATION: Final = "1.2.840.113549.1.9.16.2.17"
CONTENT_TIME_STAMP: Final = "1.2.840.113549.1.9.16.2.20"
_POLICY_URI: Final = "1.2.840.113549.1.9.16.5.1"
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_IA5_STRING: Final = 0x16
_CONTEXT_0: Final = 0xA0
_CONTEXT_2: Final = 0xA2
_IMPRINT: Final = 2
"""Index of messageImprint in TSTInfo (RFC 3161, 2.4.2)."""


def expected_attributes(properties: SignedProperties, *, with_place: bool) -> frozenset[str]:
    """Types of the attributes that must be there; no other of these may be."""
    chosen = {
        COMMITMENT: properties.commitment is not None,
        POLICY: properties.policy is not None,
        LOCATION: properties.place is not None and with_place,
        CONTENT_TIME_STAMP: properties.content_timestamp,
    }
    return frozenset(oid for oid, is_chosen in chosen.items() if is_chosen)


def check_properties(
    values: Mapping[str, Element], properties: SignedProperties, content: Digest
) -> None:
    """Compare attributes with what was granted; ``content`` is the digest of what is signed.

    Raises IntegrityAlarmError.
    """
    if COMMITMENT in values and properties.commitment is not None:
        _check_commitment(values[COMMITMENT], properties.commitment)
    if POLICY in values and properties.policy is not None:
        _check_policy(values[POLICY], properties.policy)
    if LOCATION in values and properties.place is not None:
        _check_place(values[LOCATION], properties.place)
    if CONTENT_TIME_STAMP in values:
        check_imprint(values[CONTENT_TIME_STAMP], content)


def _check_commitment(value: Element, granted: CommitmentType) -> None:
    fields = value.children(strict_der.SEQUENCE)
    if [one.dotted() for one in fields] != [COMMITMENT_OIDS[granted]]:
        refuse("the commitment is not the granted one")


def _check_policy(value: Element, granted: SignaturePolicy) -> None:
    identifier, hashed, *qualifiers = value.children(strict_der.SEQUENCE)
    algorithm, digest = hashed.children(strict_der.SEQUENCE)
    (name,) = algorithm.children(strict_der.SEQUENCE)
    urls: list[tuple[str, bytes]] = []
    for group in qualifiers:
        for qualifier in group.children(strict_der.SEQUENCE):
            kind, url = qualifier.children(strict_der.SEQUENCE)
            urls.append((kind.dotted(), url.expect(_IA5_STRING).content))
    expected = [(_POLICY_URI, granted.url.encode())] if granted.url else []
    same = (
        identifier.dotted() == granted.oid
        and name.dotted() == granted.digest.algorithm.value
        and digest.expect(strict_der.OCTET_STRING).content == granted.digest.value
        and urls == expected
    )
    if not same:
        refuse("the signature policy is not the granted one")


def _check_place(value: Element, granted: ProductionPlace) -> None:
    said: dict[int, tuple[str, ...]] = {}
    for field in value.children(strict_der.SEQUENCE):
        (inner,) = field.children(field.tag)
        lines = inner.children(strict_der.SEQUENCE) if field.tag == _CONTEXT_2 else (inner,)
        if field.tag in said:
            refuse("the production place is said twice")
        said[field.tag] = tuple(
            line.expect(strict_der.UTF8_STRING).content.decode() for line in lines
        )
    address = tuple(line for line in (granted.state, granted.postal_code) if line)
    expected = {
        _CONTEXT_0: (granted.country,) if granted.country else (),
        _CONTEXT_0 + 1: (granted.city,) if granted.city else (),
        _CONTEXT_2: address,
    }
    if said != {tag: texts for tag, texts in expected.items() if texts}:
        refuse("the production place is not the granted one")


def check_imprint(value: Element, content: Digest) -> None:
    """The token is over the content; that it is an authority's was checked when it was had."""
    kind, explicit = value.children(strict_der.SEQUENCE)
    (signed_data,) = explicit.children(_CONTEXT_0)
    _, _, enclosed, *_ = signed_data.children(strict_der.SEQUENCE)
    inner, wrapped = enclosed.children(strict_der.SEQUENCE)
    (octets,) = wrapped.children(_CONTEXT_0)
    info = strict_der.parse(octets.expect(strict_der.OCTET_STRING).content)
    algorithm, imprint = info.children(strict_der.SEQUENCE)[_IMPRINT].children(strict_der.SEQUENCE)
    same = (
        (kind.dotted(), inner.dotted()) == (_SIGNED_DATA, _TST_INFO)
        and algorithm.children(strict_der.SEQUENCE)[0].dotted() == content.algorithm.value
        and imprint.expect(strict_der.OCTET_STRING).content == content.value
    )
    if not same:
        refuse("the content time-stamp is over something else")
