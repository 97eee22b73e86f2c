"""Checks the signing input of a JSON Web Signature: header and payload are what was granted.

The header that the grant demands is written down here and compared as a whole, so that a
parameter too many, too few or different is refused (ETSI TS 119 182-1 V1.2.1, 5; RFC 7515, 5.1).
"""

from base64 import b64encode
from typing import Final
from urllib.parse import quote

from signer.domain import strict_der
from signer.domain.attribute import CertifiedAttribute
from signer.domain.commitments import COMMITMENT_OIDS
from signer.domain.errors import DocumentRefusedError, IntegrityAlarmError
from signer.domain.jws import JWS
from signer.domain.signature_options import (
    CommitmentType,
    Packaging,
    ProductionPlace,
    Serialisation,
    SignaturePolicy,
    SignedFile,
)
from signer.domain.strict_json import from_base64, from_base64url, parse_object, to_base64url
from signer.domain.transaction import ItemKind, SigningItem, files_digest
from signer.domain.values import Digest, DigestAlgorithm, SignatureAlgorithm
from signer.sam.cms_properties import check_imprint
from signer.sam.refusal import Signatory, refuse
from signer.sam.signed_attributes import check_holder

_BY_URI_HASH: Final = "http://uri.etsi.org/19182/ObjectIdByURIHash"
_ETSI_COMMITMENTS: Final = {
    CommitmentType.ORIGIN: "http://uri.etsi.org/01903/v1.2.2#ProofOfOrigin",
    CommitmentType.APPROVAL: "http://uri.etsi.org/01903/v1.2.2#ProofOfApproval",
    CommitmentType.CREATION: "http://uri.etsi.org/01903/v1.2.2#ProofOfCreation",
}
_FAMILIES: Final = {"RSA": "RS", "RSA_PSS": "PS", "ECDSA": "ES"}
_SHORT: Final = {one: f"S{one.name.removeprefix('SHA')}" for one in DigestAlgorithm}


def is_json_signature(item: SigningItem) -> bool:
    """Tell whether what is signed for ``item`` is a JWS signing input."""
    return item.kind in {ItemKind.JADES, ItemKind.JADES_DIGEST}


def check_signing_input(item: SigningItem, to_be_signed: bytes, signatory: Signatory) -> None:
    """Raises IntegrityAlarmError when the octets say anything that was not granted."""
    if tuple(one.attribute for one in signatory.asserted) != signatory.granted:
        refuse("the asserted attributes are not the granted ones")
    protected, dot, payload = to_be_signed.partition(b".")
    if not dot:
        refuse("the signing input has no payload")
    try:
        header = parse_object(from_base64url(protected.decode("ascii")))
        files, content = _granted_content(item)
        if payload != content:
            refuse("the payload is not the granted content")
        if item.options.properties.content_timestamp:
            stamped = strict_der.parse(_stamped(header))
            check_imprint(stamped, _stamped_content(item, files, content))
        _check_header(header, _expected(item, files, signatory), signatory.certificate_der)
    except (DocumentRefusedError, UnicodeDecodeError) as error:
        raise IntegrityAlarmError("document link: the signing input is malformed") from error
    for one in signatory.asserted:
        if isinstance(one, CertifiedAttribute):
            proof = strict_der.parse(one.attribute_certificate_der)
            check_holder(proof, signatory.certificate_der)


def _check_header(
    header: dict[str, object], expected: dict[str, object], certificate_der: bytes
) -> None:
    """Certificate and time are taken out of ``header``; the rest is compared as a whole."""
    chain = header.pop("x5c", None)
    if not isinstance(chain, list) or not chain or from_base64(chain[0]) != certificate_der:
        refuse("the signing certificate is not the credential's")
    if type(header.pop("iat", None)) is not int:
        refuse("the signing time is not a time")
    # Compared by identity too: to Python the number 0 equals false.
    if header != expected or header.get("b64") is not expected.get("b64"):
        refuse("the header does not say what was granted")


def _granted_content(item: SigningItem) -> tuple[tuple[SignedFile, ...], bytes]:
    """Files that ``sigD`` must name, or else the payload."""
    whole = item.kind is ItemKind.JADES
    if item.files:
        if not files_digest(item.digest.algorithm, item.files).matches(item.digest):
            refuse("the files are not those that were granted")
        files = item.files
    else:
        files = (
            SignedFile(name=item.name, media_type="", digest=item.digest, content=item.document),
        )
    for one in files:
        if (one.content is None) is whole:
            refuse("files were granted, but their content is missing or unexpected")
        if one.content is not None and not Digest.of(one.digest.algorithm, one.content).matches(
            one.digest
        ):
            refuse("the document is not the one that was granted")
    if item.options.packaging is not Packaging.ENVELOPING:
        return files, b""
    (document,) = (one.content for one in files)
    if document is None:
        refuse("an enveloping signature was granted over a digest")
    if item.options.parallel:
        return (), (JWS.parse(document).payload or "").encode()
    return (), to_base64url(document).encode()


def _expected(
    item: SigningItem, files: tuple[SignedFile, ...], signatory: Signatory
) -> dict[str, object]:
    """Every header parameter but x5c, iat and adoTst."""
    chosen, digest = item.options.properties, item.digest.algorithm
    algorithm = SignatureAlgorithm.of(signatory.key_algorithm, digest, pss=item.options.pss)
    family, _, _ = algorithm.name.rpartition("_")
    compact = item.options.serialisation is Serialisation.COMPACT
    expected: dict[str, object] = {
        "alg": f"{_FAMILIES[family]}{digest.name.removeprefix('SHA')}",
        "typ": "jose" if compact else "jose+json",
        "x5t#S256": to_base64url(DigestAlgorithm.SHA256.of(signatory.certificate_der)),
    }
    if chosen.commitment is not None:
        identifier = _ETSI_COMMITMENTS.get(chosen.commitment)
        identifier = identifier or f"urn:oid:{COMMITMENT_OIDS[chosen.commitment]}"
        expected["srCms"] = [{"commId": {"id": identifier}}]
    if chosen.place is not None:
        expected["sigPl"] = _place(chosen.place)
    texts = [*(one.describe() for one in signatory.granted), *chosen.claimed_roles]
    if texts:
        expected["srAts"] = _attributes(texts, signatory)
    if chosen.policy is not None:
        expected["sigPId"] = _policy(chosen.policy)
    if files:
        expected |= {"sigD": _reference(files), "b64": False, "crit": ["sigD", "b64"]}
    return expected


def _reference(files: tuple[SignedFile, ...]) -> dict[str, object]:
    """The one algorithm of all digests is that of the first."""
    types = [one.media_type for one in files]
    described: dict[str, object] = {
        "mId": _BY_URI_HASH,
        "pars": [quote(one.name) for one in files],
        "hashM": _SHORT[files[0].digest.algorithm],
        "hashV": [to_base64url(one.digest.value) for one in files],
    }
    if {one.digest.algorithm for one in files} != {files[0].digest.algorithm}:
        refuse("the digests of the files are of several algorithms")
    return described | ({"ctys": types} if all(types) else {})


def _attributes(texts: list[str], signatory: Signatory) -> dict[str, object]:
    proofs = [
        {"x509AttrCert": {"val": b64encode(one.attribute_certificate_der).decode()}}
        for one in signatory.asserted
        if isinstance(one, CertifiedAttribute)
    ]
    claims: dict[str, object] = {
        "claimed": [{"mediaType": "text/plain", "encoding": "utf-8", "qVals": texts}]
    }
    return claims | ({"certified": proofs} if proofs else {})


def _place(place: ProductionPlace) -> dict[str, object]:
    parts = (
        ("addressCountry", place.country),
        ("addressLocality", place.city),
        ("addressRegion", place.state),
        ("postalCode", place.postal_code),
    )
    return {name: text for name, text in parts if text}


def _policy(policy: SignaturePolicy) -> dict[str, object]:
    described: dict[str, object] = {
        "id": {"id": f"urn:oid:{policy.oid}"},
        "digAlg": _SHORT[policy.digest.algorithm],
        "digVal": to_base64url(policy.digest.value),
    }
    return described | ({"sigPQuals": [{"spURI": policy.url}]} if policy.url else {})


def _stamped(header: dict[str, object]) -> bytes:
    """Take the one content time-stamp token (DER) out of the header."""
    match header.pop("adoTst", None):
        case {"tstTokens": [{"val": str(value), **more}], **others}:
            alone = not more and not others
        case _:
            alone, value = False, ""
    if not alone:
        refuse("the content time-stamp is missing or not alone")
    return from_base64(value)


def _stamped_content(item: SigningItem, files: tuple[SignedFile, ...], payload: bytes) -> Digest:
    algorithm = item.digest.algorithm
    if not files:
        return Digest.of(algorithm, payload)
    contents = [one.content for one in files if one.content is not None]
    if len(contents) == len(files):
        return Digest.of(algorithm, b"".join(contents))
    if len(files) > 1:
        refuse("a content time-stamp over several files needs the files")
    return files[0].digest
