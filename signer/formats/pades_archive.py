"""Raises signed PDFs to B-T, B-LT and B-LTA, ours and others' (ETSI EN 319 142-1 V1.2.1, 6.3).

Always by appending: a PDF made elsewhere gets its time from a document time-stamp, because its
/Contents cannot grow.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from signer.domain.errors import (
    DocumentRefusedError,
    IntegrityAlarmError,
    InvalidRequestError,
    TimestampUnavailableError,
)
from signer.domain.signature_options import SignedFile
from signer.domain.transaction import Level
from signer.domain.values import Digest, DigestAlgorithm
from signer.formats.certificate_fields import attribute_issuers, named_certificate
from signer.formats.cms import SIGNATURE_TIME_STAMP
from signer.formats.cms_attributes import CONTENT_TIME_STAMP
from signer.formats.cms_parts import SignedDataParts, SignerParts
from signer.formats.pdf_process import PdfIncrement, PdfProcesses, SignedPdf
from signer.formats.port import TrustServices
from signer.formats.signer_attributes import SIGNER_ATTRIBUTES_V2
from signer.ports import ValidationMaterial

TIMESTAMP_ROOM: Final = 16 * 1024
"""Bytes: a token with its chain is 4 to 8 KiB; those of some authorities are larger."""
ORDER: Final = (Level.B_B, Level.B_T, Level.B_LT, Level.B_LTA)
_DIGEST: Final = DigestAlgorithm.SHA256
"""Of time-stamps over PDFs whose own algorithm is not ours to choose."""


@final
@dataclass(frozen=True, slots=True)
class PdfArchive:
    """Validation data and document time-stamps for signed PDFs.

    Raises TimestampUnavailableError or RevocationUnavailableError when something cannot be had,
    InvalidRequestError when a certificate is revoked.
    """

    processes: PdfProcesses

    def raised(
        self,
        document: bytes,
        signatures: Iterable[bytes],
        level: Level,
        digest: DigestAlgorithm,
        services: TrustServices,
    ) -> bytes:
        """A PDF at B-T at ``level`` (B-LT or B-LTA); ``signatures`` are what it holds (CMS)."""
        document = self._with_store(document, collected(signatures, (), services))
        if level is Level.B_LTA:
            document = self._stamped(document, digest, services)
        return document

    def extend(
        self,
        signed: bytes,
        level: Level,
        services: TrustServices,
        detached: tuple[SignedFile, ...] = (),
    ) -> bytes:
        """See :class:`~signer.formats.port.Extender`; a PDF has no detached content.

        Also refused when a signature inside does not hold for what follows it.
        """
        if detached:
            raise InvalidRequestError("a PDF has no detached content", field="files")
        found = self.processes.signatures(signed)
        present = level_of(found)
        if level is Level.B_B or (level is present and level is not Level.B_LTA):
            raise InvalidRequestError(f"the PDF has level {present} already", field="level")
        if ORDER.index(level) < ORDER.index(present):
            raise InvalidRequestError(f"the PDF has level {present} already", field="level")
        if present is Level.B_B:
            signed = self._stamped(signed, _DIGEST, services)
            found = self.processes.signatures(signed)
        if level is not Level.B_T and present is not Level.B_LT:
            # What an archive time-stamp covers is protected: only its own authority is asked.
            wanted = found.signatures[-1:] if present is Level.B_LTA else found.signatures
            messages = [one.cms_der for one in wanted]
            material = collected(messages, found.certificates, services)
            signed = self._with_store(signed, material)
        if level is Level.B_LTA:
            signed = self._stamped(signed, _DIGEST, services)
        return signed

    def _with_store(self, document: bytes, material: ValidationMaterial) -> bytes:
        return document + self.processes.append_archive(document, material).appended

    def _stamped(self, document: bytes, digest: DigestAlgorithm, services: TrustServices) -> bytes:
        increment = self.processes.append_archive(
            document, ValidationMaterial(), field_name=new_field_name(), room=TIMESTAMP_ROOM
        )
        token = services.timestamps.stamp(byte_range_digest(document, increment, digest))
        return filled(document, increment, token.der)


def new_field_name() -> str:
    """A field name that no document has."""
    return f"Signature-{secrets.token_hex(8)}"


def byte_range_digest(
    document: bytes, increment: PdfIncrement, algorithm: DigestAlgorithm
) -> Digest:
    """Digest of everything except ``<…>`` of /Contents, the brackets included."""
    hashed = hashlib.new(algorithm.hash_name, document)
    appended = memoryview(increment.appended)
    hashed.update(appended[: increment.contents_start - 1])
    hashed.update(appended[increment.contents_end + 1 :])
    return Digest(algorithm, hashed.digest())


def filled(document: bytes, increment: PdfIncrement, content: bytes) -> bytes:
    """The whole file, ``content`` in /Contents; raises TimestampUnavailableError if too large."""
    digits = content.hex().encode()
    room = increment.contents_end - increment.contents_start
    if len(digits) > room:
        msg = "the time-stamp token is larger than the room kept for it"
        raise TimestampUnavailableError(msg)
    return b"".join(
        (
            document,
            increment.appended[: increment.contents_start],
            digits.ljust(room, b"0"),
            increment.appended[increment.contents_end :],
        )
    )


def level_of(found: SignedPdf) -> Level:
    """The level whose parts are there for every signature; verification says if they are right.

    Raises DocumentRefusedError for a PDF without signatures.
    """
    signatures = [one for one in found.signatures if not one.is_timestamp]
    if not signatures:
        raise DocumentRefusedError("the PDF has no signature", field="document")
    stamped = max((one.revision for one in found.signatures if one.is_timestamp), default=-1)
    for one in signatures:
        if one.revision > stamped and not _tokens(_signer(one.cms_der)):
            return Level.B_B
    if found.stored_revision <= signatures[-1].revision:
        return Level.B_T
    return Level.B_LTA if stamped > found.stored_revision else Level.B_LT


def collected(
    messages: Iterable[bytes], further: tuple[bytes, ...], services: TrustServices
) -> ValidationMaterial:
    """Validation data for everybody behind these CMS (DER): signers, authorities of time and role.

    ``further`` are certificates (DER) that may lie on a path.
    """
    entities: list[bytes] = []
    pool: list[bytes] = []
    for message in messages:
        named, seen = _entities(message)
        entities += named
        pool += seen
    return services.validation_data.collect(
        tuple(dict.fromkeys(entities)), tuple(dict.fromkeys((*pool, *further)))
    )


def _entities(message: bytes) -> tuple[list[bytes], list[bytes]]:
    """Certificates whose paths matter, and all certificates around them."""
    parts = SignedDataParts.parse(message)
    signer = parts.signers[0]
    tokens = [SignedDataParts.parse(one) for one in _tokens(signer)]
    pool = [one for holder in (parts, *tokens) for one in holder.x509_certificates]
    try:
        named = [
            named_certificate(one.sid, pool)
            for one in (signer, *(token.signers[0] for token in tokens))
        ]
        if attributes := signer.signed(SIGNER_ATTRIBUTES_V2):
            named += attribute_issuers(attributes, pool)
    except (IntegrityAlarmError, ValueError, IndexError) as error:
        raise DocumentRefusedError("a certificate cannot be read", field="document") from error
    found = [one for one in named if one is not None]
    if len(found) < len(named):
        msg = "the certificate of a signer or time-stamp is not in the file"
        raise DocumentRefusedError(msg, field="document")
    return found, pool


def _signer(message: bytes) -> SignerParts:
    return SignedDataParts.parse(message).signers[0]


def _tokens(signer: SignerParts) -> tuple[bytes, ...]:
    """Time-stamp tokens (DER) around a signature."""
    signed = signer.signed(CONTENT_TIME_STAMP)
    return (*((signed,) if signed else ()), *signer.unsigned_values(SIGNATURE_TIME_STAMP))
