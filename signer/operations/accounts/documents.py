"""What the country profile says about identity documents, and the check digits it names."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, Self

from signer.domain.account import DocumentType, IdentityDocument
from signer.domain.errors import ConfigurationError

_CIVIL_DIGITS: Final = 8
_CARD_LENGTH: Final = 12
_NINE: Final = 9


def civil_check_holds(number: str) -> bool:
    """Portuguese civil identification number of 8 digits with its check digit: modulus 11.

    Weights run from 9 to 2, then 1; a check value of 10 is written as 0.
    """
    digits = [int(digit) for digit in number]
    total = sum(weight * digit for weight, digit in zip(range(9, 1, -1), digits[:-1], strict=True))
    check = -total % 11
    return digits[-1] == (0 if check == 10 else check)  # noqa: PLR2004 - the modulus, minus one


def card_check_holds(number: str) -> bool:
    """Portuguese citizen card, 12 characters: modulus 10 over doubled places, letters from 10.

    Its first nine digits are the civil number with its own check digit.
    """
    total = 0
    for place, character in enumerate(reversed(number)):
        value = int(character, 36)
        if place % 2:
            value *= 2
            value -= _NINE if value > _NINE else 0
        total += value
    return total % 10 == 0 and civil_check_holds(number[:9])


def _bi(number: str) -> str | None:
    if len(number) <= _CIVIL_DIGITS:
        return number.zfill(_CIVIL_DIGITS)
    return number[:_CIVIL_DIGITS] if civil_check_holds(number) else None


def _card(number: str) -> str | None:
    return number if len(number) == _CARD_LENGTH and card_check_holds(number) else None


def _plain(number: str) -> str | None:
    return number


_CHECKS: Final[Mapping[str, Callable[[str], str | None]]] = MappingProxyType(
    {"pt-civil": _bi, "pt-card": _card, "none": _plain}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRule:
    """One kind of document."""

    pattern: re.Pattern[str]
    """Of the number in capitals, without spaces, dots and dashes."""
    check: str
    country: str
    """The only issuer; empty when any country will do."""


@dataclass(frozen=True, slots=True)
class DocumentRules:
    """The documents a country accepts for registration."""

    rules: Mapping[DocumentType, DocumentRule]

    @classmethod
    def load(cls, code: str) -> Self:
        """Read the ``documents`` tables of ``signer/profiles/<code>.toml``.

        Raises ConfigurationError when the profile is missing or names an unknown check.
        """
        file = resources.files("signer") / "profiles" / f"{code.lower()}.toml"
        try:
            content: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigurationError(f"there is no country profile {code.lower()!r}") from error
        rules = {}
        for name, entry in content.get("documents", {}).items():
            if entry["check"] not in _CHECKS:
                raise ConfigurationError(f"documents.{name}: unknown check {entry['check']!r}")
            rules[DocumentType(name)] = DocumentRule(
                pattern=re.compile(entry["pattern"], re.ASCII),
                check=entry["check"],
                country=entry.get("country", ""),
            )
        if not rules:
            raise ConfigurationError(f"country profile {code.lower()!r} accepts no document")
        return cls(MappingProxyType(rules))

    def normalised(self, kind: DocumentType, number: str) -> str | None:
        """The one spelling of a number, or None when form or check digit is wrong."""
        rule = self.rules[kind]
        compact = re.sub(r"[\s.\-]", "", number).upper()
        if not rule.pattern.fullmatch(compact):
            return None
        return _CHECKS[rule.check](compact)

    def identity_key(self, document: IdentityDocument) -> str:
        """What must be unique: a citizen card stands for the civil number it contains."""
        if document.type is DocumentType.CC:
            return f"{DocumentType.BI}{document.country}-{document.number[:_CIVIL_DIGITS]}"
        return document.key
