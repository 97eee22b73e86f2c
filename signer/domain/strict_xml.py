"""Reads XML in canonical form and nothing else: no DTD, comment, instruction or second spelling.

For octets that our own code wrote; what XML libraries may read in two ways is refused.
"""

import base64
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from signer.domain.errors import IntegrityAlarmError

_NAME: Final = r"[A-Za-z][A-Za-z0-9]*"
_OPENING: Final = re.compile(rf'<(?:({_NAME}):)?({_NAME})((?: [A-Za-z:0-9]+="[^"<>]*")*)>')
_ATTRIBUTE: Final = re.compile(r' ([A-Za-z:0-9]+)="([^"<>]*)"')
_TEXT: Final = re.compile(r"[^<>]*")
_ENTITY: Final = re.compile(r"&([^;]*);?")
_CHARACTERS: Final = MappingProxyType(
    {
        "amp": "&",
        "lt": "<",
        "gt": ">",
        "quot": '"',
        "#xD": "\r",
        "#x9": "\t",
        "#xA": "\n",
    }
)
_MAX_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class XMLElement:
    """An element with text or with elements, never both."""

    name: str
    """``{namespace}local``."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Unqualified ones; namespace declarations are not among them."""
    text: str = ""
    children: tuple["XMLElement", ...] = ()

    def expect(self, name: str, *attributes: str) -> "XMLElement":
        """The element back; raises IntegrityAlarmError for another name or other attributes."""
        if self.name != name or set(self.attributes) != set(attributes):
            raise IntegrityAlarmError("XML: an unexpected element or attribute")
        return self

    def parts(self, *names: str) -> tuple["XMLElement", ...]:
        """The children, which are of these names in this order, without text beside them."""
        if tuple(child.name for child in self.children) != names or (names and self.text):
            raise IntegrityAlarmError("XML: elements are missing or unexpected")
        return self.children

    def decoded(self) -> bytes:
        """The base64 text of an element without attributes and elements."""
        try:
            return base64.b64decode(self.expect(self.name).leaf(), validate=True)
        except ValueError as error:
            raise IntegrityAlarmError("XML: not base64") from error

    def leaf(self) -> str:
        """The text of an element without elements."""
        if self.children:
            raise IntegrityAlarmError("XML: elements where text is expected")
        return self.text


def parse(data: bytes) -> XMLElement:
    """The one element that ``data`` is; raises IntegrityAlarmError for anything else."""
    try:
        written = data.decode()
    except UnicodeDecodeError as error:
        raise IntegrityAlarmError("XML: not UTF-8") from error
    element, end = _element(written, 0, MappingProxyType({}), 0)
    if end != len(written):
        raise IntegrityAlarmError("XML: something follows the element")
    return element


def _element(
    written: str, at: int, spaces: MappingProxyType[str, str], depth: int
) -> tuple[XMLElement, int]:
    opening = _OPENING.match(written, at)
    if opening is None or depth > _MAX_DEPTH:
        raise IntegrityAlarmError("XML: not in canonical form")
    prefix, local, listed = opening.groups()
    attributes: dict[str, str] = {}
    declared = dict(spaces)
    found = _ATTRIBUTE.findall(listed)
    if len({name for name, _ in found}) != len(found):
        raise IntegrityAlarmError("XML: an attribute comes twice")
    for name, value in found:
        if name == "xmlns" or (":" in name and not name.startswith("xmlns:")):
            raise IntegrityAlarmError("XML: an attribute of an unexpected kind")
        target = declared if name.startswith("xmlns:") else attributes
        target[name.removeprefix("xmlns:")] = _resolved(value)
    if not prefix or prefix not in declared:
        raise IntegrityAlarmError("XML: an element without namespace")
    inner, children, at = MappingProxyType(declared), [], opening.end()
    text = _TEXT.match(written, at)
    said = text[0] if text else ""
    at += len(said)
    closing = f"</{prefix}:{local}>"
    while not written.startswith(closing, at):
        child, at = _element(written, at, inner, depth + 1)
        children.append(child)
    if said and children:
        raise IntegrityAlarmError("XML: text beside elements")
    name = f"{{{declared[prefix]}}}{local}"
    return XMLElement(name, attributes, _resolved(said), tuple(children)), at + len(closing)


def _resolved(written: str) -> str:
    def character(found: re.Match[str]) -> str:
        known = _CHARACTERS.get(found[1])
        if known is None or not found[0].endswith(";"):
            raise IntegrityAlarmError("XML: an unknown reference")
        return known

    return _ENTITY.sub(character, written)
