"""Which new PINs are allowed: length, no commonest ones, nothing from the person's own data."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from signer.domain.account import Account, PINKind
from signer.domain.errors import PINPolicyError
from signer.domain.values import Secret

SHORTEST: Final = 4
LONGEST: Final = 8
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_BLOCKS: Final = (2, 3, 4)
_YEARS: Final = range(1900, 2050)

# Lines and figures on a telephone keypad, well-known numbers, and words spelt on the keys.
_FAMILIAR: Final = frozenset(
    """
    2580 0852 1470 0741 3690 0963 1590 1397 7913 1379 9731 1478 7896 3698 1236 7412 9632 4569 6541
    5683 5283 4567 7410 8520 9630 2486 1357 2468 0246 1350 1342 0007 1007 1100 1004 2001 1020 3040
    147258 258369 147369 159357 159753 357159 753159 789456 456123 123789 741852 852963 963852
    852456 456852 321654 123654 654123 987321 789123 147852 258456 102030 203040 010203 102938
    112358 314159 271828 141592 135790 246810 135791 147896 369852 951753 159951 753951 142536
    123698 147963 321456 741963 100200 200100 121314 101112 111213 131415 192837 918273 520131
    14725836 15935728 12369874 78945612 74108520 10203040 31415926 27182818 24681012 13579246
    12332112 98741236 14789632 1593572 3141592 7418529 1472583 7894561 1029384 10293847
    """.split()  # noqa: SIM905 - ten lines instead of a hundred
)


@cache
def commonest() -> frozenset[str]:
    """The PINs people choose first, of 4 to 8 digits: drawn up by rules and a list of our own."""
    found = set(_FAMILIAR)
    for length in range(SHORTEST, LONGEST + 1):
        found.update(_runs(length))
        found.update(_repeated(length))
    found.update(str(year) for year in _YEARS)
    return frozenset(found)


def _runs(length: int) -> Iterator[str]:
    """Steps of -2 to 2 round the clock, each digit once or doubled, and mirrored in the middle."""
    for start in range(10):
        for step in (-2, -1, 0, 1, 2):
            line = [str((start + step * place) % 10) for place in range(length)]
            yield "".join(line)
            yield "".join(digit * 2 for digit in line)[:length]
            half = line[: (length + 1) // 2]
            yield "".join(half + half[::-1][length % 2 :])


def _repeated(length: int) -> Iterator[str]:
    """Two or more equal blocks of two digits, or of three, or of four."""
    for size in _BLOCKS:
        if length % size == 0 and length > size:
            for block in range(10**size):
                yield f"{block:0{size}d}" * (length // size)


@dataclass(frozen=True, slots=True, kw_only=True)
class PINPolicy:
    """Lengths come from settings; both are within 4 to 8 digits."""

    signature_minimum: int = 6
    authentication_minimum: int = SHORTEST
    maximum: int = LONGEST

    def demand(
        self,
        kind: PINKind,
        pin: Secret,
        account: Account,
        *,
        field: str,
        other_than: Secret | None = None,
    ) -> None:
        """Raise PINPolicyError, naming ``field``, when the PIN is not allowed.

        ``other_than`` is a PIN it must differ from.
        """
        digits = pin.reveal()
        shortest = (
            self.signature_minimum if kind is PINKind.SIGNATURE else self.authentication_minimum
        )
        if not _DIGITS.fullmatch(digits) or not shortest <= len(digits) <= self.maximum:
            raise PINPolicyError(f"use {shortest} to {self.maximum} digits", field=field)
        if digits in commonest():
            raise PINPolicyError("this is one of the first PINs anybody would try", field=field)
        if _is_personal(digits, account):
            raise PINPolicyError("this comes from your birth date, phone or document", field=field)
        if other_than is not None and pin == other_than:
            raise PINPolicyError("this must differ from the other PIN", field=field)


def _is_personal(digits: str, account: Account) -> bool:
    born = account.identity.birth_date
    day, month, year = f"{born.day:02d}", f"{born.month:02d}", f"{born.year:04d}"
    dates = {
        first + second + written
        for first, second in ((day, month), (month, day))
        for written in (year, year[2:], "")
    }
    dates |= {
        written + first + second
        for first, second in ((day, month), (month, day))
        for written in (year, year[2:])
    }
    dates |= {year, month + year, year + month}
    number = re.sub(r"\D", "", account.identity.document.number)
    return digits in dates or digits in account.phone or digits in number
