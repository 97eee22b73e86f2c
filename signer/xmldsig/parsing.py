"""The one XML parser: no DTD, no entity, no network, no depth, no identifier used twice."""

from collections import Counter
from typing import Any, Final, NoReturn, TypeAlias

from lxml import etree  # type: ignore[import-untyped]  # the library has no types

from signer.domain.errors import DocumentRefusedError

Element: TypeAlias = Any
"""``lxml.etree._Element``, which has no types."""

SIZE_LIMIT: Final = 20 * 1024 * 1024
"""Bytes of the largest document that is read."""

_IDENTIFIERS: Final = etree.XPath(
    "//@*[local-name() = 'Id' or local-name() = 'ID' or local-name() = 'id']"
)
_BY_IDENTIFIER: Final = etree.XPath(
    "//*[@*[local-name() = 'Id' or local-name() = 'ID' or local-name() = 'id'] = $value]"
)
_CROWDED: Final = etree.XPath("boolean(//*[count(@*) > 500])")
"""libxml2 canonicalises in time that grows with their square."""


def parse(data: bytes, *, limit: int = SIZE_LIMIT) -> Element:
    """Root element of ``data``.

    Raises DocumentRefusedError for what is too large or malformed, has a DOCTYPE (so no entity
    exists), is nested deeper than 256 elements, has a text longer than 10 MB (libxml2's own
    limits), or uses one identifier twice.
    """
    if len(data) > limit:
        refuse(f"the XML is larger than {limit} bytes")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_blank_text=False,
        remove_comments=False,
        remove_pis=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        msg = "the XML cannot be read"
        raise DocumentRefusedError(msg, field="document") from error
    information = root.getroottree().docinfo
    if information.doctype or information.internalDTD is not None:
        refuse("XML with a DOCTYPE is not read")
    if _CROWDED(root):
        refuse("an element of the XML has too many attributes")
    seen = Counter(_IDENTIFIERS(root))
    if seen and max(seen.values()) > 1:
        refuse("an identifier is used twice in the XML")
    return root


def with_identifier(root: Element, value: str) -> Element:
    """The one element of the document whose Id, ID, id or xml:id is ``value``.

    Raises DocumentRefusedError when there is none or more than one.
    """
    found = _BY_IDENTIFIER(root, value=value)
    if len(found) != 1:
        refuse("a reference leads to no element, or to several")
    return found[0]


def refuse(reason: str) -> NoReturn:
    """Raise DocumentRefusedError for the document."""
    raise DocumentRefusedError(reason, field="document")
