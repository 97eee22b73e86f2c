"""Puts signatures into XML documents and takes documents apart again."""

import secrets

from lxml import etree  # type: ignore[import-untyped]  # the library has no types

from signer.xmldsig import names
from signer.xmldsig.parsing import Element, parse, refuse
from signer.xmldsig.signature import SIGNATURE

CONTAINER_ROOT = f"{{{names.ASIC}}}XAdESSignatures"


def with_last_child(root: Element, written: str) -> bytes:
    """The document of ``root`` (UTF-8) with ``written`` as last child of ``root``, byte for byte.

    Adding it as a tree would let libxml2 exchange its namespace prefixes for those of the
    document, which its signature value does not survive.
    """
    mark = f"signature-{secrets.token_hex(16)}"
    place = etree.ProcessingInstruction(mark, "here")
    root.append(place)
    before, found, after = serialised(root, declaration=True).partition(f"<?{mark} here?>".encode())
    root.remove(place)
    if not found:
        refuse("the XML cannot be extended")
    return before + written.encode() + after


def serialised(root: Element, *, declaration: bool = False) -> bytes:
    """The document of ``root`` in UTF-8."""
    return bytes(etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=declaration))


def signatures_in(root: Element) -> tuple[Element, ...]:
    """All ds:Signature of a document that are in no other (no countersignatures)."""
    return tuple(
        one
        for one in root.iter(SIGNATURE)
        if not any(above.tag == SIGNATURE for above in one.iterancestors())
    )


def container_document(*signatures: str) -> bytes:
    """``asic:XAdESSignatures`` (EN 319 162-1 V1.1.1, 4.3.3.2) around written signatures."""
    inside = "".join(signatures)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<asic:XAdESSignatures xmlns:asic="{names.ASIC}">{inside}</asic:XAdESSignatures>'
    ).encode()


def container_root(document: bytes) -> Element:
    """Root of a signature file of a container; raises DocumentRefusedError for another kind."""
    root = parse(document)
    if root.tag != CONTAINER_ROOT or any(one.tag != SIGNATURE for one in root):
        refuse("the container's signature file holds something else")
    return root
