"""Reads small DER requests strictly, and the few forms the protocols here add to the writer.

A reader walks one level; every length is checked against what is really there, and only definite,
minimal lengths pass (ITU-T X.690, 10.1).
"""

from datetime import datetime
from typing import Final

from signer.formats.der import tlv

_LONG_FORM: Final = 0x80
_MAX_LENGTH_OCTETS: Final = 4
_HIGH_TAG: Final = 0x1F


class MalformedDERError(ValueError):
    """Not the DER that was expected; never leaves this package."""


class Reader:
    """Elements of one constructed value, in order."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = len(data)

    def next_tag(self) -> int | None:
        """Tag of the next element, or None at the end."""
        return self._data[self._at] if self._at < self._end else None

    def raw(self, tag: int) -> bytes:
        """The next element with its header, which must have ``tag``."""
        start = self._at
        self._content(tag)
        return self._data[start : self._at]

    def content(self, tag: int) -> bytes:
        """Contents of the next element, which must have ``tag``."""
        return self._content(tag)

    def inside(self, tag: int) -> "Reader":
        """Go into the next element, which must have ``tag``."""
        return Reader(self._content(tag))

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != self._end:
            raise MalformedDERError("trailing data")

    def _content(self, tag: int) -> bytes:
        data, at = self._data, self._at
        if at + 2 > self._end or data[at] != tag or tag & _HIGH_TAG == _HIGH_TAG:
            raise MalformedDERError(f"expected tag {tag:#04x}")
        length = data[at + 1]
        at += 2
        if length >= _LONG_FORM:
            octets = length - _LONG_FORM
            if not 1 <= octets <= _MAX_LENGTH_OCTETS or at + octets > self._end:
                raise MalformedDERError("length")
            length = int.from_bytes(data[at : at + octets], "big")
            if length < _LONG_FORM or data[at] == 0:
                raise MalformedDERError("length is not minimal")
            at += octets
        if at + length > self._end:
            raise MalformedDERError("element is cut off")
        self._at = at + length
        return data[at : self._at]


def read_integer(content: bytes) -> int:
    """Contents of an INTEGER, of at most 64 octets."""
    if not 1 <= len(content) <= 64:  # noqa: PLR2004 - no protocol here needs longer ones
        raise MalformedDERError("integer")
    if len(content) > 1 and (content[0], content[1] >> 7) in {(0, 0), (0xFF, 1)}:
        raise MalformedDERError("integer is not minimal")
    return int.from_bytes(content, "big", signed=True)


def explicit(number: int, *parts: bytes) -> bytes:
    """A constructed context tag around other elements."""
    return tlv(0xA0 | number, *parts)


def implicit(number: int, content: bytes) -> bytes:
    """A primitive context tag in place of a primitive type's own."""
    return tlv(0x80 | number, content)


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in whole seconds (RFC 5280, 4.1.2.5.2); ``moment`` is in UTC."""
    return tlv(0x18, f"{moment:%Y%m%d%H%M%SZ}".encode())


def enumerated(value: int) -> bytes:
    """ENUMERATED below 128."""
    return tlv(0x0A, bytes((value,)))


def bit_string(content: bytes) -> bytes:
    """BIT STRING of whole octets."""
    return tlv(0x03, b"\x00", content)


def named_bit(number: int) -> bytes:
    """BIT STRING with one named bit set, without trailing zero bits (X.690, 11.2.2)."""
    octets = bytearray(number // 8 + 1)
    octets[-1] = 0x80 >> number % 8
    return tlv(0x03, bytes((7 - number % 8,)), bytes(octets))
