"""Turns BER of others into the DER this package reads: definite, shortest lengths, whole strings.

What is DER already comes out unchanged, so signatures over it still verify.  Sets keep their order.
"""

from typing import Final

from signer.formats import der

_CONSTRUCTED: Final = 0x20
_MULTI_BYTE_TAG: Final = 0x1F
_INDEFINITE: Final = 0x80
_LONG_FORM: Final = 0x80
_OCTET_STRING: Final = 0x04
_MAX_DEPTH: Final = 64
_MAX_LENGTH_OCTETS: Final = 8


def definite(data: bytes) -> bytes:
    """The one element that ``data`` is; raises ValueError for anything else."""
    encoded, end = _element(data, 0, 0)
    if end != len(data):
        raise ValueError("bytes follow the element")
    return encoded


def _element(data: bytes, at: int, depth: int) -> tuple[bytes, int]:
    """One element from ``at``, encoded anew, and where it ends."""
    if depth > _MAX_DEPTH or at + 2 > len(data):
        raise ValueError("nested too deep, or cut off")
    tag = data[at]
    if tag & _MULTI_BYTE_TAG == _MULTI_BYTE_TAG:
        raise ValueError("a tag of several bytes")
    length, at = _length(data, at + 1)
    if length is not None and at + length > len(data):
        raise ValueError("cut off")
    if not tag & _CONSTRUCTED:
        if length is None:
            raise ValueError("a primitive element of indefinite length")
        return der.tlv(tag, data[at : at + length]), at + length
    parts: list[bytes] = []
    end = None if length is None else at + length
    while at != end:
        if end is None and data[at : at + 2] == b"\x00\x00":
            at += 2
            break
        part, at = _element(data, at, depth + 1)
        parts.append(part)
        if end is not None and at > end:
            raise ValueError("an element is longer than what holds it")
    if tag == _OCTET_STRING | _CONSTRUCTED:
        return der.octet_string(b"".join(_octets(part) for part in parts)), at
    return der.tlv(tag, *parts), at


def _octets(part: bytes) -> bytes:
    if part[0] != _OCTET_STRING:
        raise ValueError("an OCTET STRING of other parts")
    size = part[1]
    return part[2:] if size < _LONG_FORM else part[2 + (size & 0x7F) :]


def _length(data: bytes, at: int) -> tuple[int | None, int]:
    """The length, None for indefinite, and where the contents begin."""
    first = data[at]
    if first < _LONG_FORM:
        return first, at + 1
    if first == _INDEFINITE:
        return None, at + 1
    octets = first & 0x7F
    if octets > _MAX_LENGTH_OCTETS or at + 1 + octets > len(data):
        raise ValueError("a length that is not possible")
    return int.from_bytes(data[at + 1 : at + 1 + octets], "big"), at + 1 + octets
