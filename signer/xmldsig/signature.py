"""A ``ds:Signature`` read strictly: every part where the standards put it, and only there."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final, Self

from signer.xmldsig import names
from signer.xmldsig.parsing import Element, refuse

_DS: Final = f"{{{names.DS}}}"
_XADES: Final = f"{{{names.XADES}}}"
SIGNATURE: Final = f"{_DS}Signature"
QUALIFYING_PROPERTIES: Final = f"{_XADES}QualifyingProperties"
_MAX_REFERENCES: Final = 1000
_MAX_INSIDE: Final = 50
"""References into the signature's own document, each of which is a search."""
_MAX_COPIES: Final = 4
"""Transforms for each of which the document is copied."""
_COPYING: Final = frozenset({names.ENVELOPED, names.XPATH, names.FILTER2})


@dataclass(frozen=True, slots=True)
class XMLSignature:
    """The parts of one signature; elements keep their place in the document.

    No part is searched for by descent: what is elsewhere in the document is never taken for it.
    """

    element: Element
    signed_info: Element
    canonicalisation: str
    """Of SignedInfo: algorithm URI."""
    method: str
    """Signature algorithm URI."""
    references: tuple[Element, ...]
    value: Element
    key_info: Element | None
    objects: tuple[Element, ...]

    @classmethod
    def of(cls, element: Element) -> Self:
        """Read; raises DocumentRefusedError for a part missing, twice, unknown or misplaced."""
        if element.tag != SIGNATURE:
            refuse("this is not an XML signature")
        parts = children(element)
        tags = [part.tag for part in parts]
        fixed = 3 if f"{_DS}KeyInfo" in tags else 2
        expected = [f"{_DS}SignedInfo", f"{_DS}SignatureValue", f"{_DS}KeyInfo"][:fixed]
        if tags[:fixed] != expected or any(tag != f"{_DS}Object" for tag in tags[fixed:]):
            refuse("the parts of the signature are not those of XML-DSig")
        info = children(parts[0])
        canonicalisation, method, *references = [part.tag for part in info] or [None, None]
        if (
            canonicalisation != f"{_DS}CanonicalizationMethod"
            or method != f"{_DS}SignatureMethod"
            or not 1 <= len(references) <= _MAX_REFERENCES
            or any(tag != f"{_DS}Reference" for tag in references)
        ):
            refuse("the parts of SignedInfo are not those of XML-DSig")
        if children(info[0]):
            refuse("the canonicalisation of SignedInfo has parameters")
        _demand_affordable(info[2:])
        return cls(
            element=element,
            signed_info=parts[0],
            canonicalisation=info[0].get("Algorithm", ""),
            method=info[1].get("Algorithm", ""),
            references=tuple(info[2:]),
            value=parts[1],
            key_info=parts[2] if fixed == 3 else None,  # noqa: PLR2004 - with KeyInfo
            objects=tuple(parts[fixed:]),
        )

    @property
    def qualifying_properties(self) -> Element | None:
        """The one QualifyingProperties in an Object, its Target being this signature.

        Raises DocumentRefusedError when there are several or another is the target.
        """
        found = [
            child
            for holder in self.objects
            for child in children(holder)
            if child.tag == QUALIFYING_PROPERTIES
        ]
        if not found:
            return None
        if len(found) > 1 or found[0].get("Target") != f"#{self.element.get('Id')}":
            refuse("the qualifying properties are not this signature's own")
        return found[0]

    @property
    def signed_properties(self) -> Element | None:
        """SignedProperties of the qualifying properties, or None."""
        return self._qualifying("SignedProperties")

    @property
    def unsigned_properties(self) -> Element | None:
        """UnsignedSignatureProperties, or None."""
        holder = self._qualifying("UnsignedProperties")
        return None if holder is None else only(holder, "UnsignedSignatureProperties")

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """DER of ds:X509Certificate in KeyInfo, in order."""
        if self.key_info is None:
            return ()
        return tuple(
            decoded(certificate)
            for data in children(self.key_info)
            if data.tag == f"{_DS}X509Data"
            for certificate in children(data)
            if certificate.tag == f"{_DS}X509Certificate"
        )

    def _qualifying(self, name: str) -> Element | None:
        qualifying = self.qualifying_properties
        return None if qualifying is None else only(qualifying, name)


def _demand_affordable(references: list[Element]) -> None:
    """Refuse what would cost a verifier much more than the document is long."""
    inside = sum(one.get("URI", "")[:1] in {"", "#"} for one in references)
    transforms = [each(one, "Transforms", "Transform", namespace=names.DS) for one in references]
    copies = sum(one.get("Algorithm") in _COPYING for listed in transforms for one in listed)
    if inside > _MAX_INSIDE or copies > _MAX_COPIES:
        refuse("the signature has too many references into its own document")


def children(element: Element) -> list[Element]:
    """Child elements, without comments and processing instructions."""
    return [child for child in element if isinstance(child.tag, str)]


def only(parent: Element, name: str, namespace: str = names.XADES) -> Element | None:
    """The one child of that name or None; raises DocumentRefusedError for several."""
    found = [child for child in children(parent) if child.tag == f"{{{namespace}}}{name}"]
    if len(found) > 1:
        refuse(f"{name} comes twice")
    return found[0] if found else None


def each(parent: Element | None, *path: str, namespace: str = names.XADES) -> list[Element]:
    """All elements at a path of child names, in order; none below None."""
    found = [] if parent is None else [parent]
    for name in path:
        tag = f"{{{namespace}}}{name}"
        found = [child for one in found for child in children(one) if child.tag == tag]
    return found


def text_of(element: Element) -> str:
    """The text of an element that holds text only; raises DocumentRefusedError for others.

    A comment inside is refused too: programs differ in whether text ends there.
    """
    if len(element):
        refuse("an element has parts where text is expected")
    return (element.text or "").strip()


def decoded(element: Element) -> bytes:
    """The base64 text of an element; raises DocumentRefusedError when it is not base64."""
    try:
        return base64.b64decode("".join(text_of(element).split()), validate=True)
    except (binascii.Error, ValueError):
        refuse("an element does not hold base64")
