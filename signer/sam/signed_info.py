"""Checks XAdES: SignedInfo refers to what was granted, and to properties that say what was granted.

Deliberately apart from :mod:`signer.formats`, which makes what is checked here.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from signer.domain import strict_xml
from signer.domain.strict_xml import XMLElement
from signer.domain.transaction import SigningItem
from signer.domain.values import Digest, DigestAlgorithm
from signer.sam.refusal import Signatory, refuse
from signer.sam.signed_properties import check_properties

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SIGNED_PROPERTIES: Final = "http://uri.etsi.org/01903#SignedProperties"
_DIGESTS: Final = {
    DigestAlgorithm.SHA256: "http://www.w3.org/2001/04/xmlenc#sha256",
    DigestAlgorithm.SHA384: "http://www.w3.org/2001/04/xmldsig-more#sha384",
    DigestAlgorithm.SHA512: "http://www.w3.org/2001/04/xmlenc#sha512",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedReference:
    """What one reference to data must be."""

    digest: Digest
    media_type: str | None = None
    """None: any."""
    name: str | None = None
    """Detached: the file's name.  None: inside the document, by ``uri``."""
    uri: str = ""
    """``""`` the document itself, ``"#"`` an Object of the signature."""
    transforms: tuple[str, ...] = ()


def check_signed_info(
    item: SigningItem,
    signed_info: bytes,
    signed_properties: bytes,
    signatory: Signatory,
    expected: tuple[ExpectedReference, ...],
) -> None:
    """Raises IntegrityAlarmError for anything that was not granted, or is missing."""
    info = strict_xml.parse(signed_info).expect(f"{DS}SignedInfo")
    canonicalisation, method, *references = info.parts(
        f"{DS}CanonicalizationMethod",
        f"{DS}SignatureMethod",
        *(f"{DS}Reference" for _ in (*expected, "properties")),
    )
    _check_algorithm(canonicalisation, _EXCLUSIVE)
    _check_algorithm(method, _method_uri(item, signatory))
    identifiers = [
        _check_data(reference, one) for reference, one in zip(references, expected, strict=False)
    ]
    if len(set(identifiers)) != len(expected):
        refuse("two references have the same identifier")
    about = references[-1].expect(f"{DS}Reference", "Type", "URI")
    if about.attributes["Type"] != _SIGNED_PROPERTIES:
        refuse("the last reference is not to the signed properties")
    digest = Digest.of(item.digest.algorithm, signed_properties)
    _check_digest(about, (_EXCLUSIVE,), digest)
    properties = strict_xml.parse(signed_properties)
    if about.attributes["URI"] != f"#{properties.attributes.get('Id')}":
        refuse("the reference leads to other properties")
    formats = [(name, one.media_type) for name, one in zip(identifiers, expected, strict=True)]
    check_properties(item, properties, signatory, formats)


def _method_uri(item: SigningItem, signatory: Signatory) -> str:
    """The signature algorithm that the device will use (RFC 9231, 2.3)."""
    digest = item.digest.algorithm.hash_name
    if not signatory.key_algorithm.is_rsa:
        return f"http://www.w3.org/2001/04/xmldsig-more#ecdsa-{digest}"
    if item.options.pss:
        return f"http://www.w3.org/2007/05/xmldsig-more#{digest}-rsa-MGF1"
    return f"http://www.w3.org/2001/04/xmldsig-more#rsa-{digest}"


def _check_algorithm(element: XMLElement, expected: str) -> None:
    method = element.expect(element.name, "Algorithm")
    if method.parts() or method.leaf() or method.attributes["Algorithm"] != expected:
        refuse("an algorithm is not the one in use")


def _check_data(reference: XMLElement, expected: ExpectedReference) -> str:
    """The reference's Id, when it leads to what was granted."""
    kind = ("Type",) if expected.uri == "#" else ()
    reference.expect(f"{DS}Reference", "Id", "URI", *kind)
    uri = reference.attributes["URI"]
    if expected.name is not None:
        # Only an absolute URI may be the name itself; a percent sign would be read another way.
        right = unquote(uri) == expected.name or (uri == expected.name and ":" in uri)
        right = right and bool(uri) and not uri.startswith("#")
    elif expected.uri == "#":
        right = len(uri) > 1 and uri.startswith("#") and uri.isascii()
        right = right and reference.attributes["Type"] == f"{DS[1:-1]}Object"
    else:
        right = uri == expected.uri
    if not right:
        refuse("a reference leads to something that was not granted")
    _check_digest(reference, expected.transforms, expected.digest)
    return reference.attributes["Id"]


def _check_digest(reference: XMLElement, transforms: tuple[str, ...], expected: Digest) -> None:
    before = (f"{DS}Transforms",) if transforms else ()
    *listed, method, value = reference.parts(*before, f"{DS}DigestMethod", f"{DS}DigestValue")
    _check_algorithm(method, _DIGESTS[expected.algorithm])
    if value.decoded() != expected.value:
        refuse("a reference's digest is not the granted one")
    for holder in listed:
        steps = holder.expect(f"{DS}Transforms").parts(*(f"{DS}Transform" for _ in transforms))
        for element, algorithm in zip(steps, transforms, strict=True):
            _check_algorithm(element, algorithm)
