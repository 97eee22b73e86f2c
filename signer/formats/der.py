"""Encodes the few DER forms that signatures are built of (ITU-T X.690)."""

from datetime import datetime
from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
_LONG_FORM: Final = 0x80
_LAST_UTC_TIME_YEAR: Final = 2049


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element with a single-byte ``tag``; ``parts`` are its contents, already encoded."""
    content = b"".join(parts)
    length = len(content)
    if length < _LONG_FORM:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, _LONG_FORM | size)) + length.to_bytes(size, "big") + content


def sequence(*elements: bytes) -> bytes:
    """SEQUENCE or SEQUENCE OF."""
    return tlv(SEQUENCE, *elements)


def set_of(*elements: bytes, tag: int = SET) -> bytes:
    """SET OF, sorted as X.690 11.6 demands; ``tag`` for an IMPLICIT one."""
    return tlv(tag, *sorted(elements))


def octet_string(value: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, value)


def utf8_string(value: str) -> bytes:
    """UTF8String."""
    return tlv(0x0C, value.encode())


def integer(value: int) -> bytes:
    """INTEGER, non-negative."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def object_identifier(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, *(_base_128(arc) for arc in (first * 40 + second, *rest)))


def _base_128(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(0x80 | arc & 0x7F)
    return bytes(reversed(groups))


def time(moment: datetime) -> bytes:
    """``Time`` of RFC 5652 11.3: UTCTime until 2049, GeneralizedTime after; whole seconds.

    ``moment`` is in UTC.
    """
    if moment.year <= _LAST_UTC_TIME_YEAR:
        return tlv(0x17, f"{moment:%y%m%d%H%M%SZ}".encode())
    return tlv(0x18, f"{moment:%Y%m%d%H%M%SZ}".encode())
