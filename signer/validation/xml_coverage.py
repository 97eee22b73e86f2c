"""What of an XML document a signature leaves unsigned (against signature wrapping)."""

from typing import Final

from signer.xmldsig import names
from signer.xmldsig.parsing import Element
from signer.xmldsig.references import is_signed_properties, target_of
from signer.xmldsig.signature import SIGNATURE, XMLSignature, children

_CONTAINER: Final = f"{{{names.ASIC}}}XAdESSignatures"
_IDENTIFIERS: Final = frozenset({"Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id"})


def uncovered(signature: XMLSignature) -> str | None:
    """Why a reader could take unsigned content for signed, or None.

    The document element is signed, or it holds nothing beside signatures and signed elements; and
    every Object of the signature is signed or holds its properties.  Raises DocumentRefusedError
    as dereferencing does.
    """
    targets = [
        target_of(signature, reference)
        for reference in signature.references
        if not is_signed_properties(reference)
    ]
    if any(reference.get("Type") == names.MANIFEST_TYPE for reference in signature.references):
        return "the files of a manifest are not verified"
    own = signature.qualifying_properties
    for holder in signature.objects:
        inside = children(holder)
        if holder in targets or (inside and all(one in targets for one in inside)):
            continue
        if own is None or inside != [own]:
            return "the signature carries an object that it does not sign"
    root = signature.element.getroottree().getroot()
    if root in targets or root is signature.element:
        return None
    if not _is_wrapper(root, targets):
        return "the document holds content that is not signed"
    return None


def _is_wrapper(root: Element, targets: list[Element | None]) -> bool:
    """Only signatures and signed elements, no text and no attributes of its own."""
    if (root.text or "").strip() or any((one.tail or "").strip() for one in root):
        return False
    if set(root.attrib) - _IDENTIFIERS and root.tag != _CONTAINER:
        return False
    return all(child.tag == SIGNATURE or child in targets for child in children(root))
