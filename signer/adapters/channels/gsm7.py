"""Writes a text in the alphabet of a plain SMS (3GPP TS 23.038, 6.2.1), letter by letter."""

import unicodedata
from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_NEAREST: Final = {
    "€": "E", "ç": "c", "[": "(", "]": ")", "{": "(", "}": ")", "\\": "/", "|": "/", "~": "-",
    "^": "'", "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": ".", "«": '"',  # noqa: RUF001 - the characters meant
    "»": '"', "•": "*", "º": "o", "ª": "a", "œ": "o", "Œ": "O", "\u00a0": " ",
}  # fmt: skip


def to_gsm7(text: str) -> str:
    """Same length, every character in the basic table: accents it lacks go, others become ``?``.

    The extension table is avoided because its characters count twice.
    """
    return "".join(_letter(character) for character in unicodedata.normalize("NFC", text))


def _letter(character: str) -> str:
    if character in _BASIC:
        return character
    if character in _NEAREST:
        return _NEAREST[character]
    plain = unicodedata.normalize("NFKD", character)[0]
    return plain if plain in _BASIC else "?"
