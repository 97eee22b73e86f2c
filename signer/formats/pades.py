"""PAdES at B-B and B-T (ETSI EN 319 142-1 V1.2.1): the CMS alone, or the whole PDF."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, final

from signer.domain.errors import (
    DocumentRefusedError,
    IntegrityAlarmError,
    InvalidRequestError,
    TimestampUnavailableError,
)
from signer.domain.transaction import Level, SigningItem
from signer.domain.values import Digest, SignatureValue
from signer.formats.cades import complete_cms, prepare_cms
from signer.formats.cms import template_for
from signer.formats.pdf_process import PdfIncrement, PdfProcesses
from signer.formats.port import Prepared, SigningIdentity, TrustServices

_SIGNATURE_ROOM: Final = 512
"""Bytes: the largest signature value, RSA-4096."""
_TIMESTAMP_ROOM: Final = 16 * 1024
"""Bytes: a token with its chain is 4 to 8 KiB; those of some authorities are larger."""
_ROUNDING: Final = 1024


@final
@dataclass(frozen=True, slots=True)
class PAdESDigest:
    """The CMS of a PAdES whose PDF stays at the client, from the digest of its ByteRange."""

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See the protocol; the client wrote ``signing_time`` into /M, it is not repeated here."""
        del signing_time, services
        return prepare_cms(item, identity, item.digest, signing_time=None)

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        del item
        return complete_cms(prepared, value, services)


@final
@dataclass(frozen=True, slots=True)
class PAdES:
    """An approval signature in a new invisible field, appended to the whole PDF."""

    processes: PdfProcesses
    size_limit: int = 20 * 1024 * 1024
    """Bytes of the largest PDF that is read."""

    def inspect(self, document: bytes) -> None:
        """Refuse now what could not be signed later: raises DocumentRefusedError."""
        self._append_field(document, room=_ROUNDING, signing_time=datetime.min)  # noqa: DTZ901 - thrown away

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        del services
        document, algorithm = item.document, item.digest.algorithm
        if document is None or not Digest.of(algorithm, document).matches(item.digest):
            msg = "the digest is not that of the PDF"
            raise InvalidRequestError(msg, field="document")
        # The size does not depend on the digest: the real one follows when the field is there.
        sized = prepare_cms(item, identity, item.digest, signing_time=None)
        increment = self._append_field(
            document, room=_contents_room(sized), signing_time=signing_time
        )
        digest = Digest(algorithm, _byte_range_digest(document, increment, algorithm.hash_name))
        prepared = prepare_cms(item, identity, digest, signing_time=None)
        return replace(
            prepared,
            original=document,
            increment=increment.appended,
            contents=(increment.contents_start, increment.contents_end),
        )

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See the protocol; raises TimestampUnavailableError when the token is too large."""
        del item
        if prepared.original is None:
            msg = "a whole PDF is completed with its original"
            raise IntegrityAlarmError(msg)
        digits = complete_cms(prepared, value, services).hex().encode()
        start, end = prepared.contents
        if len(digits) > end - start:
            msg = "the time-stamp token is larger than the room kept for it"
            raise TimestampUnavailableError(msg)
        return b"".join(
            (
                prepared.original,
                prepared.increment[:start],
                digits.ljust(end - start, b"0"),
                prepared.increment[end:],
            )
        )

    def _append_field(self, document: bytes, *, room: int, signing_time: datetime) -> PdfIncrement:
        if len(document) > self.size_limit:
            msg = f"the PDF is larger than {self.size_limit} bytes"
            raise DocumentRefusedError(msg, field="document")
        name = f"Signature-{secrets.token_hex(8)}"
        return self.processes.append_signature_field(document, name, room, signing_time)


def _contents_room(prepared: Prepared) -> int:
    """Bytes to keep free for the CMS."""
    size = len(
        template_for(prepared.certificates, prepared.algorithm).signed_data(
            prepared.to_be_signed, bytes(_SIGNATURE_ROOM)
        )
    )
    if prepared.level is not Level.B_B:
        size += _TIMESTAMP_ROOM
    return -(-size // _ROUNDING) * _ROUNDING


def _byte_range_digest(document: bytes, increment: PdfIncrement, hash_name: str) -> bytes:
    """Digest of everything except ``<…>`` of /Contents, the brackets included."""
    hashed = hashlib.new(hash_name, document)
    appended = memoryview(increment.appended)
    hashed.update(appended[: increment.contents_start - 1])
    hashed.update(appended[increment.contents_end + 1 :])
    return hashed.digest()
