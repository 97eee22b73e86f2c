"""Checks SignedProperties (ETSI EN 319 132-1, 5.2): what they say is what was granted."""

import re
from typing import Final

from signer.domain import strict_der
from signer.domain.attribute import CertifiedAttribute
from signer.domain.commitments import COMMITMENT_OIDS
from signer.domain.signature_options import CommitmentType, ProductionPlace, SignaturePolicy
from signer.domain.strict_xml import XMLElement
from signer.domain.transaction import SigningItem
from signer.domain.values import Digest, DigestAlgorithm
from signer.sam.refusal import Signatory, refuse
from signer.sam.signed_attributes import check_holder

_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_XADES: Final = "{http://uri.etsi.org/01903/v1.3.2#}"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_DIGESTS: Final = {
    DigestAlgorithm.SHA256: "http://www.w3.org/2001/04/xmlenc#sha256",
    DigestAlgorithm.SHA384: "http://www.w3.org/2001/04/xmldsig-more#sha384",
    DigestAlgorithm.SHA512: "http://www.w3.org/2001/04/xmlenc#sha512",
}
_COMMITMENTS: Final = {
    CommitmentType.ORIGIN: "http://uri.etsi.org/01903/v1.2.2#ProofOfOrigin",
    CommitmentType.APPROVAL: "http://uri.etsi.org/01903/v1.2.2#ProofOfApproval",
    CommitmentType.CREATION: "http://uri.etsi.org/01903/v1.2.2#ProofOfCreation",
}


def check_properties(
    item: SigningItem,
    properties: XMLElement,
    signatory: Signatory,
    formats: list[tuple[str, str | None]],
) -> None:
    """Raises IntegrityAlarmError for anything that was not granted, or is missing.

    ``formats`` are pairs of a reference's Id and the media type of what it leads to, in order.
    """
    properties.expect(f"{_XADES}SignedProperties", "Id")
    if tuple(one.attribute for one in signatory.asserted) != signatory.granted:
        refuse("the asserted attributes are not the granted ones")
    about_signature, about_data = properties.parts(
        f"{_XADES}SignedSignatureProperties", f"{_XADES}SignedDataObjectProperties"
    )
    chosen = item.options.properties
    has_roles = bool(signatory.asserted or chosen.claimed_roles)
    names = (
        ("SigningTime", True),
        ("SigningCertificateV2", True),
        ("SignaturePolicyIdentifier", chosen.policy is not None),
        ("SignatureProductionPlaceV2", chosen.place is not None),
        ("SignerRoleV2", has_roles),
    )
    _check_bare(about_signature)
    wanted = [name for name, is_wanted in names if is_wanted]
    said = about_signature.parts(*(f"{_XADES}{name}" for name in wanted))
    parts = dict(zip(wanted, said, strict=True))
    if not _TIME.fullmatch(_text(parts["SigningTime"])):
        refuse("the signing time is not a time")
    _check_certificate(parts["SigningCertificateV2"], item.digest.algorithm, signatory)
    if chosen.policy is not None:
        _check_policy(parts["SignaturePolicyIdentifier"], chosen.policy)
    if chosen.place is not None:
        _check_place(parts["SignatureProductionPlaceV2"], chosen.place)
    if has_roles:
        _check_roles(parts["SignerRoleV2"], chosen.claimed_roles, signatory)
    _check_data_properties(item, about_data, formats)


def _check_data_properties(
    item: SigningItem, about_data: XMLElement, formats: list[tuple[str, str | None]]
) -> None:
    chosen = item.options.properties
    _check_bare(about_data)
    rest = [
        *([f"{_XADES}CommitmentTypeIndication"] if chosen.commitment else []),
        *([f"{_XADES}AllDataObjectsTimeStamp"] if chosen.content_timestamp else []),
    ]
    parts = list(about_data.parts(*[f"{_XADES}DataObjectFormat"] * len(formats), *rest))
    for identifier, media_type in formats:
        part = parts.pop(0).expect(f"{_XADES}DataObjectFormat", "ObjectReference")
        (said,) = part.parts(f"{_XADES}MimeType")
        if part.attributes["ObjectReference"] != f"#{identifier}" or (
            media_type is not None and _text(said) != media_type
        ):
            refuse("the format of the data is not the granted one")
    if chosen.commitment is not None:
        _check_commitment(parts.pop(0), chosen.commitment)
    if chosen.content_timestamp:
        stamp = parts.pop(0).expect(f"{_XADES}AllDataObjectsTimeStamp", "Id")
        method, token = stamp.parts(
            f"{_DS}CanonicalizationMethod", f"{_XADES}EncapsulatedTimeStamp"
        )
        if method.attributes.get("Algorithm") != _EXCLUSIVE:
            refuse("the content time-stamp is made in another way")
        strict_der.parse(token.decoded()).expect(strict_der.SEQUENCE)


def _check_certificate(
    element: XMLElement, algorithm: DigestAlgorithm, signatory: Signatory
) -> None:
    """Names the credential's certificate, first and only."""
    (certificate,) = _bare(element).parts(f"{_XADES}Cert")
    (digest,) = _bare(certificate).parts(f"{_XADES}CertDigest")
    _check_digest(_bare(digest), Digest.of(algorithm, signatory.certificate_der))


def _check_policy(element: XMLElement, granted: SignaturePolicy) -> None:
    (explicit,) = _bare(element).parts(f"{_XADES}SignaturePolicyId")
    names = ["SigPolicyId", "SigPolicyHash", *(["SigPolicyQualifiers"] if granted.url else [])]
    identifier, hashed, *qualifiers = _bare(explicit).parts(*(f"{_XADES}{one}" for one in names))
    _check_oid(_bare(identifier), granted.oid)
    _check_digest(_bare(hashed), granted.digest)
    for holder in qualifiers:
        (qualifier,) = _bare(holder).parts(f"{_XADES}SigPolicyQualifier")
        (url,) = _bare(qualifier).parts(f"{_XADES}SPURI")
        if _text(url) != granted.url:
            refuse("the policy's address is not the granted one")


def _check_place(element: XMLElement, granted: ProductionPlace) -> None:
    fields = (
        ("City", granted.city),
        ("StateOrProvince", granted.state),
        ("PostalCode", granted.postal_code),
        ("CountryName", granted.country),
    )
    said = [(f"{_XADES}{name}", value) for name, value in fields if value]
    parts = _bare(element).parts(*(name for name, _ in said))
    if [_text(part) for part in parts] != [value for _, value in said]:
        refuse("the place is not the granted one")


def _check_roles(element: XMLElement, claimed: tuple[str, ...], signatory: Signatory) -> None:
    """Claims: the granted attributes, then the claimed roles; proofs: their certificates."""
    certified = [
        one.attribute_certificate_der
        for one in signatory.asserted
        if isinstance(one, CertifiedAttribute)
    ]
    names = ["ClaimedRoles", *(["CertifiedRolesV2"] if certified else [])]
    claims, *proofs = _bare(element).parts(*(f"{_XADES}{one}" for one in names))
    expected = [*(one.attribute.describe() for one in signatory.asserted), *claimed]
    said = _bare(claims).parts(*[f"{_XADES}ClaimedRole"] * len(expected))
    if [_text(one) for one in said] != expected:
        refuse("the claimed roles are not the granted ones")
    for holder in proofs:
        roles = _bare(holder).parts(*[f"{_XADES}CertifiedRole"] * len(certified))
        for role, granted in zip(roles, certified, strict=True):
            (proof,) = _bare(role).parts(f"{_XADES}X509AttributeCertificate")
            if proof.decoded() != granted:
                refuse("the attribute certificates are not those of the granted attributes")
            check_holder(strict_der.parse(granted), signatory.certificate_der)


def _check_commitment(element: XMLElement, granted: CommitmentType) -> None:
    kind, scope = _bare(element).parts(f"{_XADES}CommitmentTypeId", f"{_XADES}AllSignedDataObjects")
    if _bare(scope).children or scope.text:
        refuse("the commitment is about something else")
    uri = _COMMITMENTS.get(granted)
    if uri is None:
        _check_oid(_bare(kind), COMMITMENT_OIDS[granted])
        return
    (identifier,) = _bare(kind).parts(f"{_XADES}Identifier")
    if _text(identifier) != uri:
        refuse("the commitment is not the granted one")


def _check_oid(holder: XMLElement, oid: str) -> None:
    (identifier,) = holder.parts(f"{_XADES}Identifier")
    identifier.expect(identifier.name, "Qualifier")
    if identifier.attributes["Qualifier"] != "OIDAsURN" or identifier.leaf() != f"urn:oid:{oid}":
        refuse("an object identifier is not the granted one")


def _check_digest(parent: XMLElement, expected: Digest) -> None:
    method, value = parent.parts(f"{_DS}DigestMethod", f"{_DS}DigestValue")
    algorithm = method.expect(method.name, "Algorithm").attributes["Algorithm"]
    said = value.decoded()
    if algorithm != _DIGESTS[expected.algorithm] or said != expected.value:
        refuse("a digest in the properties is not that of what was granted")


def _text(element: XMLElement) -> str:
    """Text of an element without attributes."""
    return element.expect(element.name).leaf()


def _bare(element: XMLElement) -> XMLElement:
    """The element back, when it has neither attributes nor text."""
    _check_bare(element)
    return element


def _check_bare(element: XMLElement) -> None:
    element.expect(element.name)
    if element.text:
        refuse("there is text where elements are expected")
