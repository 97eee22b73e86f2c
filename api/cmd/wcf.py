"""Writes answers as WCF does, byte for byte: some clients split the text instead of parsing it.

Envelope prefix ``s``, operation elements in the default namespace, ``a`` for members of data
contracts, ``i`` for xsi; every member is present, in schema order, nil when it has no value.
"""

import base64
from collections.abc import Sequence
from typing import Final

from api.cmd.envelope import INSTANCE, SERVICE, SOAP, STRUCTURES, FaultCode

_DISPATCHER: Final = (
    "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher"
)
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})


def escaped(text: str) -> str:
    """Character data; a carriage return survives every parser as ``&#xD;``."""
    return text.translate(_ESCAPES)


def member(name: str, value: str | bytes | None) -> str:
    """``<a:name>…</a:name>``; bytes become base64, None is nil."""
    if value is None:
        return f'<a:{name} i:nil="true"/>'
    text = base64.b64encode(value).decode() if isinstance(value, bytes) else escaped(value)
    return f"<a:{name}>{text}</a:{name}>"


def structure(name: str, members: Sequence[str]) -> str:
    """A member that has members itself."""
    return f"<a:{name}>{''.join(members)}</a:{name}>"


def text_answer(operation: str, text: str | None) -> bytes:
    """The answer of an operation whose result is a string."""
    result = f"{operation}Result"
    if text is None:
        inner = f'<{result} i:nil="true" xmlns:i="{INSTANCE}"/>'
    else:
        inner = f"<{result}>{escaped(text)}</{result}>"
    return _envelope(_response(operation, inner))


def structured_answer(operation: str, members: Sequence[str]) -> bytes:
    """The answer of an operation whose result is a data contract."""
    result = f"{operation}Result"
    inner = f'<{result} xmlns:a="{STRUCTURES}" xmlns:i="{INSTANCE}">{"".join(members)}</{result}>'
    return _envelope(_response(operation, inner))


def fault_answer(code: FaultCode, text: str, locale: str) -> bytes:
    """A fault; it never carries a ``detail``."""
    prefix, name = code.value
    declared = f' xmlns:a="{_DISPATCHER}"' if prefix == "a" else ""
    return _envelope(
        f"<s:Fault><faultcode{declared}>{prefix}:{name}</faultcode>"
        f'<faultstring xml:lang="{locale}">{escaped(text)}</faultstring></s:Fault>'
    )


def _response(operation: str, inner: str) -> str:
    return f'<{operation}Response xmlns="{SERVICE}">{inner}</{operation}Response>'


def _envelope(body: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'.encode()
