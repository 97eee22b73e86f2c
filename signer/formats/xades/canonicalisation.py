"""Writes XML that is its own exclusive canonical form (Exclusive XML Canonicalization 1.0).

What is signed is written once and stands in the result byte for byte: no tree, no second encoder.
"""

from base64 import b64encode
from typing import Final

from signer.domain.errors import InvalidRequestError
from signer.xmldsig import names

DS: Final = f'xmlns:ds="{names.DS}"'
XADES: Final = f'xmlns:xades="{names.XADES}"'
XADES141: Final = f'xmlns:xades141="{names.XADES141}"'

_CONTROL: Final = frozenset(map(chr, (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)))
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_ATTRIBUTE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)


def text(value: str) -> str:
    """Character data; raises InvalidRequestError for what XML 1.0 cannot hold."""
    return _checked(value).translate(_TEXT)


def attribute(value: str) -> str:
    """An attribute value without its quotes; raises InvalidRequestError as :func:`text`."""
    return _checked(value).translate(_ATTRIBUTE)


def base64(value: bytes) -> str:
    """Base64 without line breaks."""
    return b64encode(value).decode("ascii")


def element(name: str, content: str, *attributes: str) -> str:
    """``<name attributes>content</name>``; attributes are ``a="b"``, namespaces first, sorted."""
    opening = " ".join((name, *attributes))
    return f"<{opening}>{content}</{name}>"


def digest(algorithm_uri: str, value: bytes, declaration: str = "") -> str:
    """DigestMethod and DigestValue; ``declaration`` where no parent of them is in ``ds``."""
    space = f" {declaration}" if declaration else ""
    return (
        f'<ds:DigestMethod{space} Algorithm="{algorithm_uri}"></ds:DigestMethod>'
        f"<ds:DigestValue{space}>{base64(value)}</ds:DigestValue>"
    )


def _checked(value: str) -> str:
    if not _CONTROL.isdisjoint(value):
        raise InvalidRequestError("a text holds a character that XML cannot hold")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError("a text is not Unicode") from error
    return value
