"""Appends to PDFs; runs only in the process of :mod:`signer.formats.pdf_child`.

Nothing is ever changed in place: what comes out is what stands after the last byte of the input.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from asn1crypto import crl, ocsp, x509  # type: ignore[import-untyped]  # ships no types
from pyhanko.pdf_utils.form_tools import get_single_field_annot
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import (
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    SigSeedValFlags,
    SigSeedValueSpec,
    enumerate_sig_fields,
)
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigIOSetup,
    SigMDPSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, PdfSignedData, SignatureObject
from pyhanko.sign.validation.dss import DocumentSecurityStore

from signer.formats.pdf_objects import PdfObject, dictionary, entry
from signer.formats.pdf_page import PageView
from signer.formats.pdf_reading import (
    RefusedError,
    check_author,
    check_signatures,
    notes,
    open_document,
    signed_fields,
    stored_certificates,
)
from signer.formats.pdf_requests import Box, DocumentNote, FieldRequest, SealRequest

_SERVED_SEEDS: Final = (
    SigSeedValFlags.FILTER
    | SigSeedValFlags.SUBFILTER
    | SigSeedValFlags.V
    | SigSeedValFlags.REASONS
    | SigSeedValFlags.DIGEST_METHOD
)
"""Demands of an empty field that are understood; any other mandatory one is refused."""
_SMALLEST: Final = 8.0
"""Points: a narrower or lower seal cannot be read."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What follows the document, and where in it the digits of /Contents are (end exclusive)."""

    content: bytes = field(repr=False)
    start: int = 0
    end: int = 0
    notes: tuple[DocumentNote, ...] = ()


def append_field(document: bytes, request: FieldRequest, logo: bytes) -> Appended:
    """A signature dictionary without its signature; raises RefusedError or what pyHanko raises."""
    stream, reader = open_document(document)
    check_author(reader)
    # A level that adds to the DSS must not fail when the signature is made already.
    stored_certificates(reader)
    earlier = signed_fields(reader)
    if request.certification and earlier:
        raise RefusedError("a PDF that is signed already cannot be certified")
    writer = IncrementalPdfFileWriter(stream, prev=reader)
    existing = _empty_field(reader, request)
    spec, seal = None, None
    if request.seal is not None:
        seal = _PlacedSeal(writer, request.seal, logo, existing)
        if existing is None:
            spec = SigFieldSpec(request.name, on_page=seal.page, box=seal.rectangle)  # type: ignore[arg-type]  # fractions of points are fine
    embedding = PdfCMSEmbedder(new_field_spec=spec).write_cms(
        request.name, writer, existing_fields_only=existing is not None
    )
    reference = next(embedding)
    if seal is not None:
        seal.draw(reference.get_object())
    placeholder = SignatureObject(
        timestamp=request.signing_time,
        subfilter=SigSeedSubFilter.PADES,
        reason=request.reason,
        location=request.location,
        contact_info=request.contact,
        bytes_reserved=2 * request.room,
    )
    appended = _written(document, embedding, placeholder, _permissions(request, existing))
    if earlier:
        check_signatures(PdfFileReader(stream, strict=True), earlier)
    return Appended(appended.content, appended.start, appended.end, notes(reader.root))


def append_archive(
    document: bytes,
    certificates: Sequence[bytes],
    ocsp_responses: Sequence[bytes],
    crls: Sequence[bytes],
    *,
    field_name: str,
    room: int,
) -> Appended:
    """New validation data in the DSS, then a document time-stamp without its token.

    No time-stamp when ``room`` is 0.  The validation data (DER) are listed without VRI: EN 319
    142-1, 5.4.2.3 leaves it open, and a VRI's key is a SHA-1.
    """
    stream, reader = open_document(document)
    earlier = signed_fields(reader)
    if certificates or ocsp_responses or crls:
        writer = IncrementalPdfFileWriter(stream, prev=reader)
        store = DocumentSecurityStore.supply_dss_in_writer(
            writer,
            None,
            certs=[x509.Certificate.load(one) for one in certificates],
            ocsps=[ocsp.OCSPResponse.load(one) for one in ocsp_responses],
            crls=[crl.CertificateList.load(one) for one in crls],
        )
        # Written also when the same data are there already, from an earlier signature: that they
        # hold for this one too is seen by their standing after it.
        writer.update_container(store.backing_pdf_object)
        writer.write_in_place()  # type: ignore[no-untyped-call]  # pyHanko left it out
    appended = Appended(stream.getvalue()[len(document) :])
    if room:
        embedding = PdfCMSEmbedder().write_cms(field_name, IncrementalPdfFileWriter(stream))
        next(embedding)
        placeholder = DocumentTimestamp(  # type: ignore[no-untyped-call]  # pyHanko left it out
            bytes_reserved=2 * room
        )
        appended = _written(document, embedding, placeholder, None)
    if not stream.getvalue().startswith(document):
        raise RefusedError("the PDF cannot be extended without changing it")
    check_signatures(PdfFileReader(stream, strict=True), earlier)
    return appended


def _written(
    document: bytes,
    embedding: Any,  # noqa: ANN401 - a generator of several protocols
    placeholder: PdfSignedData,
    permissions: SigMDPSetup | None,
) -> Appended:
    embedding.send(SigObjSetup(sig_placeholder=placeholder, mdp_setup=permissions))
    prepared, output = embedding.send(SigIOSetup(md_algorithm="sha256", in_place=True))
    signed: bytes = output.getvalue()
    if not signed.startswith(document):
        raise RefusedError("the PDF cannot be extended without changing it")
    size = len(document)
    return Appended(
        signed[size:],
        prepared.reserved_region_start + 1 - size,
        prepared.reserved_region_end - 1 - size,
    )


def _empty_field(reader: PdfFileReader, request: FieldRequest) -> PdfObject:
    """The existing field of that name, or None; raises RefusedError if it cannot be signed."""
    for name, value, reference in enumerate_sig_fields(reader):
        if name != request.name:
            continue
        if value is not None:
            raise RefusedError(f"the field {request.name!r} is signed already")
        found = reference.get_object()
        if "/SV" in found:
            seeds = SigSeedValueSpec.from_pdf_object(  # type: ignore[no-untyped-call]  # pyHanko left it out
                found["/SV"]
            )
            _check_seeds(seeds, request)
        return found
    if "." in request.name:
        raise RefusedError("the name of a new field has no dot")
    return None


def _check_seeds(seeds: SigSeedValueSpec, request: FieldRequest) -> None:
    """What the form's author demands of this field (ISO 32000-2, 12.7.5.5)."""
    demanded = seeds.flags
    digests = [one.replace("-", "").upper() for one in seeds.digest_methods or ()]
    refused = (
        demanded & ~_SERVED_SEEDS
        or (
            demanded & SigSeedValFlags.SUBFILTER
            and SigSeedSubFilter.PADES not in (seeds.subfilters or ())
        )
        or (demanded & SigSeedValFlags.REASONS and request.reason not in (seeds.reasons or [""]))
        or (demanded & SigSeedValFlags.DIGEST_METHOD and request.digest not in digests)
    )
    if refused:
        raise RefusedError(f"the field {request.name!r} demands another kind of signature")


def _permissions(request: FieldRequest, existing: PdfObject) -> SigMDPSetup | None:
    """What may be changed after this signature: by certification, or as the field's author set."""
    lock, permitted = None, None
    if existing is not None and "/Lock" in existing:
        lock = FieldMDPSpec.from_pdf_object(existing["/Lock"])
        if "/P" in existing["/Lock"]:
            permitted = MDPPerm(int(existing["/Lock"]["/P"]))
    if request.certification:
        wanted = MDPPerm(request.certification)
        permitted = wanted if permitted is None else min(wanted, permitted)
    elif lock is None:
        return None
    return SigMDPSetup(
        md_algorithm="sha256",
        certify=bool(request.certification),
        field_lock=lock,
        docmdp_perms=permitted,
    )


class _PlacedSeal:
    """A seal that knows its page and rectangle."""

    def __init__(
        self,
        writer: IncrementalPdfFileWriter,
        request: SealRequest,
        logo: bytes,
        existing: PdfObject,
    ) -> None:
        # The font machinery is slow to load and not needed for most signatures.
        from signer.formats.pdf_seal import Seal, box_of  # noqa: PLC0415 - see above

        self._writer = writer
        self._seal = Seal(writer, request, logo)
        if existing is None:
            count = int(writer.root["/Pages"]["/Count"])
            self.page = request.page - 1 if request.page > 0 else count + request.page
            if not 0 <= self.page < count:
                raise RefusedError(f"the PDF has no page {request.page}")
            found = writer.find_page_for_modification(  # type: ignore[no-untyped-call]  # as above
                self.page
            )
            page = found[0].get_object()
            self._view = PageView.of(page)
            shown = request.box or self._in_corner(request, page)
            self._check_box(shown)
            self.rectangle = self._view.to_user_space(shown)
        else:
            self.page = 0
            annotation = get_single_field_annot(existing)
            page = entry(annotation, "/P") or writer.root["/Pages"]["/Kids"][0]
            self._view = PageView.of(page)
            self.rectangle = box_of(annotation)
        if min(self._view.shown_size(self.rectangle)) < _SMALLEST:
            raise RefusedError("the place of the seal is too small to be seen")

    def draw(self, signature_field: PdfObject) -> None:
        """Give the field's widget its appearance."""
        annotation = get_single_field_annot(signature_field)
        appearance = self._seal.appearance(*self._view.shown_size(self.rectangle), self._view)
        annotation[pdf_name("/AP")] = dictionary({"/N": appearance})
        self._writer.update_container(annotation)

    def _in_corner(self, request: SealRequest, page: PdfObject) -> Box:
        """In the corner asked, beside the seals that are there."""
        wide, high = self._view.size
        width = min(request.width, wide - 2 * request.margin)
        height = self._seal.natural_height(width)
        left = request.margin
        if request.corner.endswith("right"):
            left = wide - request.margin - width
        bottom, step = request.margin, height + request.margin
        if request.corner.startswith("top"):
            bottom, step = high - request.margin - height, -step
        taken = _seals_of(page)
        while 0 <= bottom <= high - height:
            shown = (left, bottom, left + width, bottom + height)
            if not any(_overlap(self._view.to_user_space(shown), one) for one in taken):
                return shown
            bottom += step
        raise RefusedError("there is no room for a further seal in this corner")

    def _check_box(self, shown: Box) -> None:
        wide, high = self._view.size
        left, bottom, right, top = shown
        if not (0 <= left < right <= wide and 0 <= bottom < top <= high):
            raise RefusedError("the seal is not inside the page")


def _seals_of(page: PdfObject) -> list[Box]:
    from signer.formats.pdf_seal import box_of  # noqa: PLC0415 - loaded only with seals

    if "/Annots" not in page:
        return []
    annotations = page["/Annots"]
    found = [annotations[position] for position in range(len(annotations))]
    return [box_of(one) for one in found if "/FT" in one and one["/FT"] == "/Sig"]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
