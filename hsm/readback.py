"""Reads key attributes back from a token, nested templates included, and compares.

python-pkcs11 cannot read array attributes, so this asks the module itself.
"""

import ctypes
from collections.abc import Mapping
from typing import Final

from pkcs11 import Attribute

from hsm.keys import AttributeValue, Template
from signer.domain.errors import ConfigurationError

CKR_OK: Final = 0
_ULONG_BYTES: Final = ctypes.sizeof(ctypes.c_ulong)
_UNAVAILABLE: Final = ctypes.c_ulong(-1).value
_BYTE_ORDER: Final = "little"
"""Of CK_ULONG on every platform we run on; PKCS#11 gives integers in the host's order."""

Encoded = str | dict[str, str]
"""Hex of an attribute's bytes, or attribute name to hex for a nested template."""


class RawAttribute(ctypes.Structure):
    """CK_ATTRIBUTE."""

    _fields_ = (
        ("type", ctypes.c_ulong),
        ("value", ctypes.c_void_p),
        ("length", ctypes.c_ulong),
    )


class AttributeReader:
    """Reads attributes of objects in one session."""

    def __init__(self, library: ctypes.CDLL, session: int) -> None:
        self._library = library
        self._session = ctypes.c_ulong(session)

    def _ask(self, handle: int, attributes: "ctypes.Array[RawAttribute]", name: str) -> None:
        value = self._library.C_GetAttributeValue(
            self._session, ctypes.c_ulong(handle), attributes, ctypes.c_ulong(len(attributes))
        )
        if value != CKR_OK or any(a.length == _UNAVAILABLE for a in attributes):
            msg = f"attribute {name} cannot be read (PKCS#11 error {value:#x})"
            raise ConfigurationError(msg)

    def read(self, handle: int, attribute: Attribute) -> bytes:
        """The attribute's bytes; raises ConfigurationError naming it when it cannot be read."""
        one = (RawAttribute * 1)(RawAttribute(attribute, None, 0))
        self._ask(handle, one, attribute.name)
        buffer = ctypes.create_string_buffer(max(1, one[0].length))
        one[0].value = ctypes.addressof(buffer)
        self._ask(handle, one, attribute.name)
        return buffer.raw[: one[0].length]

    def read_template(self, handle: int, attribute: Attribute) -> dict[Attribute, bytes]:
        """A nested template: first its length, then its types and sizes, then its values."""
        outer = (RawAttribute * 1)(RawAttribute(attribute, None, 0))
        self._ask(handle, outer, attribute.name)
        inner = (RawAttribute * (outer[0].length // ctypes.sizeof(RawAttribute)))()
        outer[0].value = ctypes.addressof(inner)
        self._ask(handle, outer, attribute.name)
        buffers = [ctypes.create_string_buffer(max(1, one.length)) for one in inner]
        for one, buffer in zip(inner, buffers, strict=True):
            one.value = ctypes.addressof(buffer)
        self._ask(handle, outer, attribute.name)
        return {
            Attribute(one.type): buffer.raw[: one.length]
            for one, buffer in zip(inner, buffers, strict=True)
        }

    def snapshot(self, handle: int, template: Template) -> dict[str, Encoded]:
        """Everything the template names, as the token has it now."""
        found: dict[str, Encoded] = {}
        for attribute, value in template.items():
            if isinstance(value, Mapping):
                nested = self.read_template(handle, attribute)
                found[attribute.name] = {k.name: v.hex() for k, v in sorted(nested.items())}
            else:
                found[attribute.name] = self.read(handle, attribute).hex()
        return found


def encode(value: AttributeValue) -> bytes:
    """The bytes of one plain attribute value as PKCS#11 stores it."""
    match value:
        case bool():
            return bytes([value])
        case int():
            return value.to_bytes(_ULONG_BYTES, _BYTE_ORDER)
        case bytes():
            return value
        case str():
            return value.encode()
        case tuple():
            return b"".join(v.to_bytes(_ULONG_BYTES, _BYTE_ORDER) for v in value)
        case _:
            msg = "a nested template has no plain bytes"
            raise TypeError(msg)


def expected(template: Template) -> dict[str, Encoded]:
    """What :meth:`AttributeReader.snapshot` must give for a key made from this template."""
    wanted: dict[str, Encoded] = {}
    for attribute, value in template.items():
        if isinstance(value, Mapping):
            nested = {k.name: encode(v).hex() for k, v in sorted(value.items())}
            wanted[attribute.name] = nested
        else:
            wanted[attribute.name] = encode(value).hex()
    return wanted


def refuse_deviations(
    key: str, wanted: Mapping[str, Encoded], found: Mapping[str, Encoded]
) -> None:
    """Raise ConfigurationError naming the key and every attribute that differs."""
    names = sorted(n for n in wanted.keys() | found.keys() if wanted.get(n) != found.get(n))
    if names:
        msg = f"key {key} deviates in {', '.join(names)}; do not use this token"
        raise ConfigurationError(msg)
