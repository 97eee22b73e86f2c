"""Reads JSON and base64 in one way only (RFC 8259; RFC 4648, 4 and 5; RFC 7515, 2).

What parsers understand differently is refused: names that come twice, NaN, lone surrogates,
padding where there is none, bits nobody decodes.
"""

import json
import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NoReturn

from signer.domain.errors import DocumentRefusedError

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def refuse(reason: str) -> NoReturn:
    """Raise DocumentRefusedError."""
    raise DocumentRefusedError(reason, field="document")


def parse_object(content: bytes) -> dict[str, object]:
    """One JSON object in UTF-8; raises DocumentRefusedError for everything else."""
    try:
        text = content.decode()
        value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
        # An escaped lone surrogate decodes to text that cannot be encoded again.
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        msg = "the JSON cannot be read"
        raise DocumentRefusedError(msg, field="document") from error
    if not isinstance(value, dict):
        refuse("the JSON is not an object")
    return value


def encode_object(value: dict[str, object]) -> bytes:
    """Compact UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def to_base64url(content: bytes) -> str:
    """Without padding."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def from_base64url(text: object) -> bytes:
    """Inverse of :func:`to_base64url`; raises DocumentRefusedError for any other form."""
    if not isinstance(text, str) or _BASE64URL.fullmatch(text) is None or len(text) % 4 == 1:
        refuse("a value is not base64url")
    content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64url(content) != text:
        refuse("a base64url value has bits that nobody reads")
    return content


def to_base64(content: bytes) -> str:
    """With padding."""
    return b64encode(content).decode()


def from_base64(text: object) -> bytes:
    """Inverse of :func:`to_base64`; raises DocumentRefusedError for any other form."""
    if not isinstance(text, str) or _BASE64.fullmatch(text) is None or len(text) % 4:
        refuse("a value is not base64")
    content = b64decode(text)
    if to_base64(content) != text:
        refuse("a base64 value has bits that nobody reads")
    return content


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        refuse("a name comes twice in a JSON object")
    return members


def _no_constant(name: str) -> NoReturn:
    refuse(f"{name} is not JSON")
