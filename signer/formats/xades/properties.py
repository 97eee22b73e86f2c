"""SignedProperties (ETSI EN 319 132-1 V1.2.1, 5.2), as canonical octets."""

import re
from datetime import datetime
from typing import Final

from signer.domain.attribute import AssertedAttribute, CertifiedAttribute
from signer.domain.commitments import COMMITMENT_OIDS
from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import (
    CommitmentType,
    ProductionPlace,
    SignaturePolicy,
    SignedProperties,
)
from signer.formats.xades.canonicalisation import (
    DS,
    XADES,
    attribute,
    base64,
    digest,
    element,
    text,
)
from signer.xmldsig import names

_DOTTED: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,40})){1,30}")
_COMMITMENT_URIS: Final = {
    CommitmentType.ORIGIN: "http://uri.etsi.org/01903/v1.2.2#ProofOfOrigin",
    CommitmentType.APPROVAL: "http://uri.etsi.org/01903/v1.2.2#ProofOfApproval",
    CommitmentType.CREATION: "http://uri.etsi.org/01903/v1.2.2#ProofOfCreation",
}
"""Those for which XAdES has a name of its own (EN 319 132-1, 5.2.3)."""


def signed_properties(
    signature_id: str,
    *,
    certificate: str,
    signing_time: datetime,
    chosen: SignedProperties,
    asserted: tuple[AssertedAttribute, ...],
    media_types: tuple[str, ...],
    content_timestamp: bytes | None = None,
) -> str:
    """Canonical ``xades:SignedProperties``.

    ``certificate`` is SigningCertificateV2, already canonical; ``media_types`` those of the
    references ``<signature_id>-ref-0`` onwards; ``content_timestamp`` a token (DER).  Raises
    InvalidRequestError for texts XML cannot hold, a malformed OID or an empty place.
    """
    about_signature = (
        f"<xades:SigningTime>{signing_time:%Y-%m-%dT%H:%M:%SZ}</xades:SigningTime>{certificate}"
    )
    if chosen.policy is not None:
        about_signature += _policy(chosen.policy)
    if chosen.place is not None:
        about_signature += _place(chosen.place)
    if asserted or chosen.claimed_roles:
        about_signature += _roles(chosen.claimed_roles, asserted)
    about_data = "".join(
        f'<xades:DataObjectFormat ObjectReference="#{signature_id}-ref-{number}">'
        f"<xades:MimeType>{text(media_type)}</xades:MimeType></xades:DataObjectFormat>"
        for number, media_type in enumerate(media_types)
    )
    if chosen.commitment is not None:
        about_data += _commitment(chosen.commitment)
    if content_timestamp is not None:
        about_data += _timestamp(f"{signature_id}-content-timestamp", content_timestamp)
    return (
        f'<xades:SignedProperties {XADES} Id="{signature_id}-properties">'
        f"<xades:SignedSignatureProperties>{about_signature}</xades:SignedSignatureProperties>"
        f"<xades:SignedDataObjectProperties>{about_data}</xades:SignedDataObjectProperties>"
        "</xades:SignedProperties>"
    )


def _identifier(oid: str) -> str:
    """An OID as URN (RFC 3061); raises InvalidRequestError when it is not dotted numbers."""
    if not _DOTTED.fullmatch(oid):
        msg = "an object identifier is dotted numbers"
        raise InvalidRequestError(msg, field="policy")
    return element("xades:Identifier", f"urn:oid:{oid}", 'Qualifier="OIDAsURN"')


def _policy(policy: SignaturePolicy) -> str:
    """SignaturePolicyIdentifier (5.2.9), explicit."""
    identifier = element("xades:SigPolicyId", _identifier(policy.oid))
    hashed = element(
        "xades:SigPolicyHash",
        digest(names.DIGEST_URI[policy.digest.algorithm], policy.digest.value, DS),
    )
    qualifiers = ""
    if policy.url:
        url = element("xades:SPURI", text(policy.url))
        qualifiers = element("xades:SigPolicyQualifiers", element("xades:SigPolicyQualifier", url))
    explicit = element("xades:SignaturePolicyId", identifier + hashed + qualifiers)
    return element("xades:SignaturePolicyIdentifier", explicit)


def _place(place: ProductionPlace) -> str:
    """SignatureProductionPlaceV2 (5.2.5)."""
    fields = (
        ("City", place.city),
        ("StateOrProvince", place.state),
        ("PostalCode", place.postal_code),
        ("CountryName", place.country),
    )
    said = "".join(element(f"xades:{name}", text(value)) for name, value in fields if value)
    if not said:
        raise InvalidRequestError("a production place says something", field="place")
    return element("xades:SignatureProductionPlaceV2", said)


def _roles(claimed: tuple[str, ...], asserted: tuple[AssertedAttribute, ...]) -> str:
    """SignerRoleV2 (5.2.6): every attribute as a claim, certified ones also with their proof."""
    claims = "".join(
        element("xades:ClaimedRole", text(one))
        for one in (*(one.attribute.describe() for one in asserted), *claimed)
    )
    proofs = "".join(
        element(
            "xades:CertifiedRole",
            element("xades:X509AttributeCertificate", base64(one.attribute_certificate_der)),
        )
        for one in asserted
        if isinstance(one, CertifiedAttribute)
    )
    roles = element("xades:ClaimedRoles", claims)
    if proofs:
        roles += element("xades:CertifiedRolesV2", proofs)
    return element("xades:SignerRoleV2", roles)


def _commitment(commitment: CommitmentType) -> str:
    """CommitmentTypeIndication (5.2.3) for everything that is signed."""
    uri = _COMMITMENT_URIS.get(commitment)
    identifier = (
        element("xades:Identifier", attribute(uri))
        if uri
        else _identifier(COMMITMENT_OIDS[commitment])
    )
    return element(
        "xades:CommitmentTypeIndication",
        element("xades:CommitmentTypeId", identifier)
        + "<xades:AllSignedDataObjects></xades:AllSignedDataObjects>",
    )


def _timestamp(identifier: str, token: bytes) -> str:
    """AllDataObjectsTimeStamp (5.2.8.1)."""
    method = element("ds:CanonicalizationMethod", "", DS, f'Algorithm="{names.EXCLUSIVE}"')
    return element(
        "xades:AllDataObjectsTimeStamp",
        method + element("xades:EncapsulatedTimeStamp", base64(token)),
        f'Id="{identifier}"',
    )
