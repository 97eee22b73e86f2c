"""Makes names given by others safe to show in a line of text to a person."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

NAME_LENGTH: Final = 44
"""Characters of a document list that desktop programs show beside the code."""

_ELLIPSIS: Final = "..."
_QUOTES: Final = {'"', "\u201e"}
_FILE_SUFFIXES: Final = frozenset(
    {
        *("pdf", "xml", "xades", "p7s", "p7m", "asice", "asics", "json", "txt", "csv", "html"),
        *("doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf", "eml"),
        *("png", "jpg", "jpeg", "tif", "tiff", "dwg", "ifc"),
    }
)
"""No suffix here is a top-level domain."""
_DOT_BEFORE_LETTERS: Final = re.compile(r"\.(?=[^\W\d_]{2})")
_ORDINALS: Final = re.compile("([\u00ba\u00aa])")
"""As in "n.\u00ba 3": programs show them so, and people compare."""
_LINK_MARKS: Final = re.compile(r"://|//|\bwww\.", re.IGNORECASE)


def shown(name: str, limit: int = NAME_LENGTH) -> str:
    """One line of at most ``limit`` characters that cannot pose as other text or as a link.

    Control, format (bidirectional overrides, zero width) and line characters become spaces or
    vanish, quotation marks become apostrophes, and what phones turn into links is broken up:
    a dot before letters stays only in a file's suffix.  Longer text is cut and ends in ``...``.
    """
    parts = _ORDINALS.split(name)
    plain = "".join(
        part if _ORDINALS.fullmatch(part) else unicodedata.normalize("NFKC", part) for part in parts
    )
    flat = "".join(_visible(character) for character in plain)
    flat = _LINK_MARKS.sub(" ", flat)
    flat = _DOT_BEFORE_LETTERS.sub(lambda dot: _dot(flat, dot.end()), flat)
    flat = " ".join(flat.split())
    if len(flat) <= limit:
        return flat
    return flat[: limit - len(_ELLIPSIS)].rstrip() + _ELLIPSIS


def joined(names: Sequence[str], limit: int = NAME_LENGTH) -> str:
    """Names of several documents in one piece of at most ``limit`` characters."""
    line = ", ".join(part for part in (shown(name, limit) for name in names) if part)
    return line if len(line) <= limit else line[: limit - len(_ELLIPSIS)] + _ELLIPSIS


def masked_email(address: str) -> str:
    """``a•••@example.pt``: enough to recognise one's own address."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Pi", "Pf"} or character in _QUOTES:
        return "'"
    if category in {"Cc", "Zl", "Zp", "Zs"}:
        return " "
    return "" if category.startswith("C") else character


def _dot(text: str, end: int) -> str:
    """A dot stays before the suffix that ends a word, when that is a file's."""
    following = re.match(r"[^\W_]+", text[end:])
    word = following.group() if following else ""
    ends_here = text[end + len(word) : end + len(word) + 1] in {"", " ", ",", ")", "'"}
    return "." if ends_here and word.lower() in _FILE_SUFFIXES else ". "
