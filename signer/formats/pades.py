"""PAdES from B-B to B-LTA (ETSI EN 319 142-1 V1.2.1): the CMS alone, or the whole PDF."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, final

from signer.country import SealStyle
from signer.domain.errors import DocumentRefusedError, IntegrityAlarmError, InvalidRequestError
from signer.domain.signature_options import PDFOptions, SignatureOptions, SignedFile
from signer.domain.transaction import Level, SigningItem
from signer.domain.values import Digest, SignatureValue
from signer.formats.cades import complete_cms, content_timestamp, prepare_cms
from signer.formats.client_material import ClientMaterial
from signer.formats.cms import template_for
from signer.formats.pades_archive import (
    TIMESTAMP_ROOM,
    PdfArchive,
    byte_range_digest,
    collected,
    filled,
    new_field_name,
)
from signer.formats.pdf_process import PdfIncrement, PdfProcesses
from signer.formats.pdf_requests import DocumentNote, FieldRequest
from signer.formats.port import Prepared, SigningIdentity, TrustServices
from signer.formats.seal_text import seal_request

_SIGNATURE_ROOM: Final = 512
"""Bytes: the largest signature value, RSA-4096."""
_ROUNDING: Final = 1024
_ARCHIVED: Final = frozenset({Level.B_LT, Level.B_LTA})


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
        del signing_time
        if item.options.pdf != PDFOptions() or item.options.properties.place is not None:
            msg = "what a PDF itself says is said by who holds it"
            raise InvalidRequestError(msg, field="options.pdf")
        stamp = content_timestamp(item, item.digest, services)
        return _prepare(item, identity, item.digest, content_timestamp=stamp)

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See the protocol; beyond B-T the encoded :class:`ClientMaterial`."""
        del item
        signature = complete_cms(prepared, value, services)
        if prepared.level not in _ARCHIVED:
            return signature
        material = collected((signature,), (), services)
        return ClientMaterial(cms_der=signature, material=material).to_bytes()


@final
@dataclass(frozen=True, slots=True)
class PAdES:
    """A signature appended to the whole PDF: approval or certification, visible or not."""

    processes: PdfProcesses
    size_limit: int = 20 * 1024 * 1024
    """Bytes of the largest PDF that is read."""
    seal: SealStyle | None = None
    """How visible seals look; None refuses them."""

    def inspect(
        self, document: bytes, options: PDFOptions | None = None
    ) -> tuple[DocumentNote, ...]:
        """Refuse now what could not be signed later: raises DocumentRefusedError.

        Gives what the signer should know of the document.  A seal is not tried.
        """
        options = options or PDFOptions()
        request = FieldRequest(
            name=options.field_name or new_field_name(),
            room=_ROUNDING,
            signing_time=datetime.min,  # noqa: DTZ901 - thrown away
            reason=_one_line(options.reason),
            certification=options.certification or 0,
        )
        return self._append(document, request, b"").notes

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        document, algorithm = item.document, item.digest.algorithm
        if document is None or not Digest.of(algorithm, document).matches(item.digest):
            msg = "the digest is not that of the PDF"
            raise InvalidRequestError(msg, field="document")
        # The size does not depend on the digest: the real one follows when the field is there.
        room = _contents_room(item, _prepare(item, identity, item.digest))
        request = self._field(item, identity, signing_time, room)
        seal = item.options.pdf.seal
        increment = self._append(document, request, b"" if seal is None else seal.logo)
        digest = byte_range_digest(document, increment, algorithm)
        stamp = content_timestamp(item, digest, services)
        return replace(
            _prepare(item, identity, digest, content_timestamp=stamp),
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
        """See the protocol; TimestampUnavailableError also when a token is too large."""
        if prepared.original is None:
            msg = "a whole PDF is completed with its original"
            raise IntegrityAlarmError(msg)
        del item
        signature = complete_cms(prepared, value, services)
        increment = PdfIncrement(prepared.increment, *prepared.contents)
        signed = filled(prepared.original, increment, signature)
        if prepared.level not in _ARCHIVED:
            return signed
        return PdfArchive(self.processes).raised(
            signed, (signature,), prepared.level, prepared.algorithm.digest, services
        )

    def extend(
        self,
        signed: bytes,
        level: Level,
        services: TrustServices,
        detached: tuple[SignedFile, ...] = (),
    ) -> bytes:
        """See :class:`~signer.formats.port.Extender`."""
        self._check_size(signed)
        return PdfArchive(self.processes).extend(signed, level, services, detached)

    def _field(
        self, item: SigningItem, identity: SigningIdentity, signing_time: datetime, room: int
    ) -> FieldRequest:
        pdf, properties = item.options.pdf, item.options.properties
        if pdf.reason and properties.commitment is not None:
            # EN 319 142-1, 6.3: /Reason is not used beside a commitment type.
            msg = "a PDF signature has a reason or a commitment type, not both"
            raise InvalidRequestError(msg, field="options.pdf.reason")
        if pdf.seal is not None and self.seal is None:
            raise InvalidRequestError("seals are not served here", field="options.pdf.seal")
        reason, location = _one_line(pdf.reason), _location(item.options)
        seal = None
        if pdf.seal is not None and self.seal is not None:
            seal = seal_request(
                self.seal, pdf.seal, identity, signing_time, reason=reason, location=location
            )
        return FieldRequest(
            name=pdf.field_name or new_field_name(),
            room=room,
            signing_time=signing_time,
            digest=item.digest.algorithm.name,
            reason=reason,
            location=location,
            contact=_one_line(pdf.contact),
            certification=pdf.certification or 0,
            seal=seal,
        )

    def _append(self, document: bytes, request: FieldRequest, logo: bytes) -> PdfIncrement:
        self._check_size(document)
        return self.processes.append_field(document, request, logo)

    def _check_size(self, document: bytes) -> None:
        if len(document) > self.size_limit:
            msg = f"the PDF is larger than {self.size_limit} bytes"
            raise DocumentRefusedError(msg, field="document")


def _prepare(
    item: SigningItem,
    identity: SigningIdentity,
    byte_range: Digest,
    *,
    content_timestamp: bytes | None = None,
) -> Prepared:
    """The CMS itself never goes beyond B-T: validation data and archive stand in the PDF."""
    return prepare_cms(
        item,
        identity,
        byte_range,
        signing_time=None,
        content_timestamp=content_timestamp,
        with_place=False,
        levels=frozenset(Level),
    )


def _contents_room(item: SigningItem, prepared: Prepared) -> int:
    """Bytes to keep free for the CMS, its time-stamps not yet there."""
    size = len(
        template_for(prepared.certificates, prepared.algorithm).signed_data(
            prepared.to_be_signed, bytes(_SIGNATURE_ROOM)
        )
    )
    tokens = (item.level is not Level.B_B) + item.options.properties.content_timestamp
    size += TIMESTAMP_ROOM * tokens
    return -(-size // _ROUNDING) * _ROUNDING


def _location(options: SignatureOptions) -> str:
    """/Location is where a PDF says the place of production (EN 319 142-1, 6.3)."""
    place = options.properties.place
    if place is None or options.pdf.location:
        return _one_line(options.pdf.location)
    parts = (place.city, place.state, place.postal_code, place.country)
    return _one_line(", ".join(one for one in parts if one))


def _one_line(text: str) -> str:
    """Without control characters: what a signature dictionary says is one line."""
    if "/ByteRange" in text:
        # Whoever looks for the signed range in the bytes, as the SAM does, would find two.
        raise InvalidRequestError("this text cannot stand in a PDF", field="options.pdf")
    return " ".join(text.split())
