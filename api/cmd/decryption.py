"""Opens the fields that SCMD clients encrypt to our published certificate."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from signer.domain.values import Secret

_TEXT: Final = re.compile(rb"[0-9+ ]{4,32}")
"""Phone numbers, PINs and codes: noise of a key the field was not encrypted to never looks so."""
_NOTHING: Final = b""


class CipherKeys(Protocol):
    """The active keys in the HSM."""

    @property
    def sizes(self) -> frozenset[int]:
        """Ciphertext lengths in bytes."""
        ...

    def decrypt_all(self, ciphertext: bytes) -> tuple[bytes, ...]:
        """One candidate per active key, noise where the padding is wrong.

        Raises QSCDUnavailableError.
        """
        ...


@dataclass(frozen=True, slots=True)
class FieldDecryption:
    """The ``Decryption`` of the CMD doors: every field by every key, whatever comes out."""

    keys: CipherKeys

    @property
    def sizes(self) -> frozenset[int]:
        """Ciphertext lengths in bytes that the active keys take."""
        return self.keys.sizes

    def decrypt(self, ciphertexts: Sequence[bytes]) -> tuple[Secret | None, ...]:
        """Each field's text, None for what no active key opens.

        Padding that is wrong, a key that is not ours and text that is no number all give None:
        whoever calls goes on as with a wrong PIN or code.  Raises QSCDUnavailableError.
        """
        return tuple(_chosen(self.keys.decrypt_all(one)) for one in ciphertexts)


def _chosen(candidates: Sequence[bytes]) -> Secret | None:
    """The candidate that reads as a field; all are looked at."""
    chosen = _NOTHING
    for candidate in candidates:
        if _TEXT.fullmatch(candidate):
            chosen = candidate
    return Secret(chosen.decode("ascii")) if chosen else None
