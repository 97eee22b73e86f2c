"""A PDF that stays here: only the digest of its ByteRange travels, a CMS comes back."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from signer.domain.errors import InvalidRequestError
from signer.formats.pdf_process import PdfProcesses
from signer.formats.pdf_requests import FieldRequest

ROOM_BYTES = 32 * 1024
"""Kept for the CMS: chain, attribute certificates, and a time-stamp."""


@dataclass(frozen=True, slots=True)
class OwnPDF:
    """The file with an empty signature field at its end."""

    original: bytes = field(repr=False)
    appended: bytes = field(repr=False)
    contents: tuple[int, int]
    """Offsets of the hexadecimal digits of /Contents in ``appended``, end exclusive."""

    @classmethod
    def prepare(cls, original: bytes, at: datetime) -> Self:
        """Append the field; raises DocumentRefusedError."""
        processes = PdfProcesses(size=1)
        try:
            field = FieldRequest(
                name=f"Signature-{secrets.token_hex(8)}", room=ROOM_BYTES, signing_time=at
            )
            increment = processes.append_field(original, field)
        finally:
            processes.close()
        return cls(original, increment.appended, (increment.contents_start, increment.contents_end))

    def digest(self) -> bytes:
        """SHA-256 of everything except ``<…>`` of /Contents (ISO 32000-2, 12.8.1)."""
        start, end = self.contents
        hashed = hashlib.sha256(self.original)
        hashed.update(self.appended[: start - 1])
        hashed.update(self.appended[end + 1 :])
        return hashed.digest()

    def completed(self, cms_der: bytes) -> bytes:
        """The signed file; raises InvalidRequestError when the CMS is larger than its room."""
        start, end = self.contents
        digits = cms_der.hex().encode()
        if len(digits) > end - start:
            raise InvalidRequestError("the signature is larger than the room kept for it")
        filled = digits.ljust(end - start, b"0")
        return self.original + self.appended[:start] + filled + self.appended[end:]
