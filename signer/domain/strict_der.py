"""Reads DER and nothing else: no BER lengths, no trailing bytes, no surprises (ITU-T X.690)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from signer.domain.errors import IntegrityAlarmError

SEQUENCE: Final = 0x30
SET: Final = 0x31
INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
UTF8_STRING: Final = 0x0C
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18

_MULTI_BYTE_TAG: Final = 0x1F
_LONG_FORM: Final = 0x80
_CONTINUED: Final = 0x80
_MAX_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its single-byte tag, its contents, and all its bytes."""

    tag: int
    content: bytes
    encoded: bytes

    def expect(self, tag: int) -> "Element":
        """Give the element back; raises IntegrityAlarmError when its tag is another."""
        if self.tag != tag:
            msg = f"DER: expected tag {tag:#04x}, found {self.tag:#04x}"
            raise IntegrityAlarmError(msg)
        return self

    def dotted(self) -> str:
        """Dotted form of an OBJECT IDENTIFIER."""
        arcs, value = [], 0
        for octet in self.expect(OBJECT_IDENTIFIER).content:
            value = value << 7 | octet & 0x7F
            if octet < _CONTINUED:
                arcs.append(value)
                value = 0
        if not arcs:
            msg = "DER: an empty OBJECT IDENTIFIER"
            raise IntegrityAlarmError(msg)
        first = min(arcs[0] // 40, 2)
        return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))

    def children(self, tag: int) -> tuple["Element", ...]:
        """Elements inside, the element itself being of ``tag``."""
        return tuple(_elements(self.expect(tag).content))

    def child_set(self, tag: int = SET) -> tuple["Element", ...]:
        """Members of a SET OF; raises IntegrityAlarmError unless ordered and distinct."""
        members = self.children(tag)
        encodings = [member.encoded for member in members]
        if any(left >= right for left, right in pairwise(encodings)):
            msg = "DER: a SET OF is not in ascending order"
            raise IntegrityAlarmError(msg)
        return members


def parse(data: bytes) -> Element:
    """The one element that ``data`` is; raises IntegrityAlarmError for anything else."""
    elements = tuple(_elements(data))
    if len(elements) != 1:
        msg = "DER: expected exactly one element"
        raise IntegrityAlarmError(msg)
    return elements[0]


def _elements(data: bytes) -> Iterator[Element]:
    at = 0
    while at < len(data):
        start, tag = at, data[at]
        if tag & _MULTI_BYTE_TAG == _MULTI_BYTE_TAG or at + 1 >= len(data):
            msg = "DER: truncated, or a tag of several bytes"
            raise IntegrityAlarmError(msg)
        length, at = _length(data, at + 1)
        if at + length > len(data):
            msg = "DER: truncated"
            raise IntegrityAlarmError(msg)
        content = data[at : at + length]
        at += length
        yield Element(tag, content, data[start:at])


def _length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first < _LONG_FORM:
        return first, at + 1
    size = first & 0x7F
    field = data[at + 1 : at + 1 + size]
    length = int.from_bytes(field, "big")
    minimal = len(field) == size and 0 < size <= _MAX_LENGTH_BYTES and field[0] != 0
    if not minimal or length < _LONG_FORM:
        msg = "DER: indefinite or not the shortest length"
        raise IntegrityAlarmError(msg)
    return length, at + 1 + size
