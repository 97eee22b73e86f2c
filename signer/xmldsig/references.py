"""What a ``ds:Reference`` leads to: dereferencing and transforms (XMLDSIG, 4.4.3)."""

import base64
import binascii
import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from signer.domain.values import Digest, DigestAlgorithm
from signer.xmldsig import names
from signer.xmldsig.canonical import CANONICALISATIONS, canonical
from signer.xmldsig.parsing import Element, parse, refuse, with_identifier
from signer.xmldsig.signature import SIGNATURE, XMLSignature, children, decoded, only, text_of

ContentSource = Callable[[str], bytes]
"""Asked with a reference's URI, percent-decoded; raises what its caller understands."""

_MAX_TRANSFORMS: Final = 5
_SHORT_POINTER: Final = re.compile(r"#(?!xpointer\()(.+)", re.DOTALL)
_FULL_POINTER: Final = re.compile(r"#xpointer\((?:/|id\((['\"])([^'\"]+)\1\))\)")
_WITHOUT: Final = frozenset(
    {
        (None, "not(ancestor-or-self::ds:Signature)"),
        ("subtract", "/descendant::ds:Signature"),
        ("subtract", "/descendant::*[name()='ds:Signature']"),
        ("subtract", "/*/ds:Signature"),
    }
)
"""Filter and expression, without white space."""


@dataclass(frozen=True, slots=True)
class _Nodes:
    """A node set: an element with what is in it, or its whole document."""

    element: Element
    document: bool
    comments: bool

    def canonical(self, algorithm: str, prefixes: tuple[str, ...] = ()) -> bytes:
        return canonical(
            self.element,
            algorithm,
            inclusive_prefixes=prefixes,
            document=self.document,
            comments=self.comments,
        )


def target_of(signature: XMLSignature, reference: Element) -> Element | None:
    """The element a reference names in the signature's own document; None for other content."""
    nodes = _dereference(signature, reference, None)
    return nodes.element if isinstance(nodes, _Nodes) else None


def octets(
    signature: XMLSignature,
    reference: Element,
    content: ContentSource,
    *,
    default: str = names.INCLUSIVE,
) -> bytes:
    """What is digested for ``reference``.

    ``default`` canonicalises what its transforms leave as nodes.  Raises DocumentRefusedError for
    an ambiguous or missing target, or a transform other than: enveloped-signature,
    canonicalisation, base64, and the XPath filters that leave out signatures.
    """
    result = _dereference(signature, reference, content)
    holder = only(reference, "Transforms", names.DS)
    transforms = [] if holder is None else children(holder)
    if len(transforms) > _MAX_TRANSFORMS:
        refuse("a reference has too many transforms")
    for transform in transforms:
        result = _transformed(signature, result, transform)
    return result.canonical(default) if isinstance(result, _Nodes) else result


def digest_of(reference: Element) -> Digest:
    """DigestMethod and DigestValue; raises DocumentRefusedError for algorithms not accepted."""
    method, value = (only(reference, name, names.DS) for name in ("DigestMethod", "DigestValue"))
    if method is None or value is None:
        refuse("a digest is missing")
    algorithm = names.DIGEST_OF_URI.get(method.get("Algorithm"))
    octets_given = decoded(value)
    if algorithm is None or len(octets_given) != algorithm.size:
        refuse("a digest algorithm is not accepted")
    return Digest(algorithm, octets_given)


def is_signed_properties(reference: Element) -> bool:
    """True for the reference whose Type says SignedProperties (EN 319 132-1, 4.4.2)."""
    return bool(reference.get("Type") == names.SIGNED_PROPERTIES_TYPE)


def digest_matches(content: bytes, expected: Digest) -> bool:
    """Compare in constant time."""
    algorithm: DigestAlgorithm = expected.algorithm
    return Digest.of(algorithm, content).matches(expected)


def _dereference(
    signature: XMLSignature, reference: Element, content: ContentSource | None
) -> _Nodes | bytes:
    uri = reference.get("URI")
    if uri is None:
        refuse("a reference without URI is not read")
    root = signature.element.getroottree().getroot()
    if uri == "":
        return _Nodes(root, document=True, comments=False)
    if short := _SHORT_POINTER.fullmatch(uri):
        return _Nodes(with_identifier(root, short[1]), document=False, comments=False)
    if full := _FULL_POINTER.fullmatch(uri):
        if full[2] is None:
            return _Nodes(root, document=True, comments=True)
        return _Nodes(with_identifier(root, full[2]), document=False, comments=True)
    if uri.startswith("#"):
        refuse("a reference's pointer is of an unknown kind")
    return b"" if content is None else content(unquote(uri))


def _transformed(
    signature: XMLSignature, data: _Nodes | bytes, transform: Element
) -> _Nodes | bytes:
    algorithm = transform.get("Algorithm", "")
    if algorithm in CANONICALISATIONS:
        return _as_nodes(data).canonical(algorithm, _inclusive_prefixes(transform))
    if algorithm == names.ENVELOPED:
        return _without_own(signature, data)
    if algorithm == names.BASE64:
        return _decoded(data)
    if algorithm not in {names.XPATH, names.FILTER2}:
        refuse("a transform is not one we accept")
    return _without_any(data, transform)


def _as_nodes(data: _Nodes | bytes) -> _Nodes:
    return _Nodes(parse(data), document=True, comments=True) if isinstance(data, bytes) else data


def _inclusive_prefixes(transform: Element) -> tuple[str, ...]:
    holder = only(transform, "InclusiveNamespaces", names.EXCLUSIVE)
    return () if holder is None else tuple(holder.get("PrefixList", "").split())


def _decoded(data: _Nodes | bytes) -> bytes:
    """The base64 transform (XMLDSIG, 6.6.2): of an element, the text in it."""
    text = str(data.element.xpath("string()")).encode() if isinstance(data, _Nodes) else data
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        refuse("a reference does not lead to base64")


def _without_own(signature: XMLSignature, data: _Nodes | bytes) -> _Nodes:
    """The enveloped-signature transform (XMLDSIG, 6.6.4): without this signature."""
    if isinstance(data, bytes):
        refuse("the enveloped signature is not in what is signed")
    path: list[int] = []
    node = signature.element
    while node is not data.element:
        parent = node.getparent()
        if parent is None:
            refuse("the enveloped signature is not in what is signed")
        path.append(parent.index(node))
        node = parent
    if not path:
        refuse("the enveloped signature is all that is signed")
    reduced = _copied(data)
    node = reduced.element
    for index in reversed(path):
        node = node[index]
    _removed(node)
    return reduced


def _without_any(data: _Nodes | bytes, transform: Element) -> _Nodes:
    """The XPath filters in use beside the enveloped transform: without any signature.

    One of XMLDSIG (6.6.3) and what others write for it in XML-Signature XPath Filter 2.0.
    """
    space = names.DS if transform.get("Algorithm") == names.XPATH else names.FILTER2
    expression = only(transform, "XPath", space)
    if (
        isinstance(data, bytes)
        or expression is None
        or len(children(transform)) != 1
        or expression.nsmap.get("ds") != names.DS
        or (expression.get("Filter"), "".join(text_of(expression).split())) not in _WITHOUT
    ):
        refuse("an XPath filter is not one we accept")
    reduced = _copied(data)
    root = reduced.element.getroottree().getroot()
    at_top = text_of(expression).startswith("/*/")
    for found in list(root.iterchildren(SIGNATURE) if at_top else root.iter(SIGNATURE)):
        if found is reduced.element:
            refuse("the signature is all that is signed")
        if found.getparent() is not None:
            _removed(found)
    return reduced


def _copied(data: _Nodes) -> _Nodes:
    """A copy to cut in; its place in the document matters only to inclusive canonicalisation."""
    tree = copy.deepcopy(data.element.getroottree())
    path: list[int] = []
    node = data.element
    while (parent := node.getparent()) is not None:
        path.append(parent.index(node))
        node = parent
    node = tree.getroot()
    for index in reversed(path):
        node = node[index]
    return replace(data, element=node)


def _removed(element: Element) -> None:
    """Take an element out and leave the text after it."""
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    if element.tail:
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)
