"""Canonical octets of elements and documents (Canonical XML 1.0 and 1.1, Exclusive 1.0)."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lxml import etree  # type: ignore[import-untyped]  # the library has no types

from signer.xmldsig import names
from signer.xmldsig.parsing import Element, refuse

_XML: Final = "{http://www.w3.org/XML/1998/namespace}"


@dataclass(frozen=True, slots=True)
class _Method:
    exclusive: bool
    comments: bool
    version_11: bool = False


_METHODS: Final = MappingProxyType(
    {
        names.EXCLUSIVE: _Method(exclusive=True, comments=False),
        names.EXCLUSIVE_WITH_COMMENTS: _Method(exclusive=True, comments=True),
        names.INCLUSIVE: _Method(exclusive=False, comments=False),
        names.INCLUSIVE_WITH_COMMENTS: _Method(exclusive=False, comments=True),
        names.INCLUSIVE_11: _Method(exclusive=False, comments=False, version_11=True),
        names.INCLUSIVE_11_WITH_COMMENTS: _Method(exclusive=False, comments=True, version_11=True),
    }
)
CANONICALISATIONS: Final = frozenset(_METHODS)


def canonical(
    element: Element,
    algorithm: str = names.EXCLUSIVE,
    *,
    inclusive_prefixes: tuple[str, ...] = (),
    document: bool = False,
    comments: bool = True,
) -> bytes:
    """Octets of an element where it stands, or of its whole ``document``.

    ``comments`` False leaves them out whatever the algorithm says (XMLDSIG, 4.4.3.3).  Raises
    DocumentRefusedError for unknown algorithms and for what libxml2 cannot canonicalise.
    """
    method = _METHODS.get(algorithm)
    if method is None:
        refuse("the XML is canonicalised in an unknown way")
    node = element.getroottree() if document else element
    if not method.exclusive and not document:
        node = _standing_alone(element, version_11=method.version_11)
    try:
        return bytes(
            etree.tostring(
                node,
                method="c14n",
                exclusive=method.exclusive,
                with_comments=method.comments and comments,
                inclusive_ns_prefixes=list(inclusive_prefixes) if method.exclusive else None,
            )
        )
    except (etree.LxmlError, ValueError):
        refuse("the XML cannot be canonicalised")


def _standing_alone(element: Element, *, version_11: bool) -> Element:
    """A copy as root that declares every namespace in scope and has the inherited xml attributes.

    Serialising gives the namespaces in scope to the outermost element, which copying would not.
    """
    if element.getparent() is None:
        return element
    copy = etree.fromstring(etree.tostring(element, with_tail=False, encoding="UTF-8"))
    inherited: dict[str, str] = {}
    for ancestor in element.iterancestors():
        for name, value in ancestor.attrib.items():
            if name.startswith(_XML):
                inherited.setdefault(name, value)
    if version_11:
        inherited.pop(f"{_XML}id", None)
        if f"{_XML}base" in inherited:
            refuse("xml:base is not joined for Canonical XML 1.1")
    for name, value in inherited.items():
        if name not in copy.attrib:
            copy.set(name, value)
    return copy
