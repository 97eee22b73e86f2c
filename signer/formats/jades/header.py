"""The protected header of a JAdES (ETSI TS 119 182-1 V1.2.1, 5.1 and 5.2)."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from signer.domain.attribute import AssertedAttribute, CertifiedAttribute
from signer.domain.commitments import COMMITMENT_OIDS
from signer.domain.errors import InvalidRequestError
from signer.domain.jws import ALGORITHMS
from signer.domain.signature_options import (
    CommitmentType,
    ProductionPlace,
    Serialisation,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.strict_json import to_base64, to_base64url
from signer.domain.values import DigestAlgorithm, SignatureAlgorithm
from signer.formats.jades.contents import Contents, digest_name

_NAMES: Final[Mapping[SignatureAlgorithm, str]] = {
    algorithm: name for name, algorithm in ALGORITHMS.items()
}
_COMMITMENT_URIS: Final = {
    CommitmentType.ORIGIN: "http://uri.etsi.org/01903/v1.2.2#ProofOfOrigin",
    CommitmentType.APPROVAL: "http://uri.etsi.org/01903/v1.2.2#ProofOfApproval",
    CommitmentType.CREATION: "http://uri.etsi.org/01903/v1.2.2#ProofOfCreation",
}
_DOTTED: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def protected_header(
    *,
    algorithm: SignatureAlgorithm,
    certificates: tuple[bytes, ...],
    signing_time: datetime,
    serialisation: Serialisation,
    contents: Contents,
    properties: SignedProperties,
    asserted: tuple[AssertedAttribute, ...],
    content_timestamp: bytes | None,
) -> dict[str, object]:
    """All header parameters, in the order they are written.

    ``certificates``: DER, the signer's first; ``signing_time`` is in UTC; ``content_timestamp`` an
    RFC 3161 token (DER).  Raises InvalidRequestError for an OID that is none.
    """
    header: dict[str, object] = {
        "alg": _NAMES[algorithm],
        "typ": "jose" if serialisation is Serialisation.COMPACT else "jose+json",
        # Always SHA-256, whatever the signature's digest (RFC 7515, 4.1.8).
        "x5t#S256": to_base64url(DigestAlgorithm.SHA256.of(certificates[0])),
        "x5c": [to_base64(one) for one in certificates],
        "iat": int(signing_time.timestamp()),
    }
    if properties.commitment is not None:
        header["srCms"] = [{"commId": {"id": commitment_uri(properties.commitment)}}]
    if properties.place is not None:
        header["sigPl"] = _place(properties.place)
    if asserted or properties.claimed_roles:
        header["srAts"] = _attributes(asserted, properties.claimed_roles)
    if content_timestamp is not None:
        header["adoTst"] = {"tstTokens": [{"val": to_base64(content_timestamp)}]}
    if properties.policy is not None:
        header["sigPId"] = _policy(properties.policy)
    if contents.files:
        header |= {"sigD": contents.reference(), "b64": False, "crit": ["sigD", "b64"]}
    return header


def commitment_uri(commitment: CommitmentType) -> str:
    """ETSI's URI where there is one, else the OID as URN (RFC 3061)."""
    return _COMMITMENT_URIS.get(commitment) or f"urn:oid:{COMMITMENT_OIDS[commitment]}"


def _place(place: ProductionPlace) -> dict[str, object]:
    fields = {
        "addressCountry": place.country,
        "addressLocality": place.city,
        "addressRegion": place.state,
        "postalCode": place.postal_code,
    }
    written: dict[str, object] = {name: text for name, text in fields.items() if text}
    if not written:
        raise InvalidRequestError("a place has at least one part", field="place")
    return written


def _attributes(
    asserted: tuple[AssertedAttribute, ...], claimed_roles: tuple[str, ...]
) -> dict[str, object]:
    """``srAts``: every attribute in words, certified ones also with their certificates."""
    texts = [*(one.attribute.describe() for one in asserted), *claimed_roles]
    certified = [
        {"x509AttrCert": {"val": to_base64(one.attribute_certificate_der)}}
        for one in asserted
        if isinstance(one, CertifiedAttribute)
    ]
    attributes: dict[str, object] = {
        "claimed": [{"mediaType": "text/plain", "encoding": "utf-8", "qVals": texts}]
    }
    return attributes | ({"certified": certified} if certified else {})


def _policy(policy: SignaturePolicy) -> dict[str, object]:
    if not _DOTTED.fullmatch(policy.oid):
        raise InvalidRequestError("the policy's OID is not dotted numbers", field="policy")
    described: dict[str, object] = {
        "id": {"id": f"urn:oid:{policy.oid}"},
        "digAlg": digest_name(policy.digest.algorithm),
        "digVal": to_base64url(policy.digest.value),
    }
    return described | ({"sigPQuals": [{"spURI": policy.url}]} if policy.url else {})
