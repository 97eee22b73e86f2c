"""Looks at PDFs nobody vouches for; runs only in the process of :mod:`signer.formats.pdf_child`."""

import io
from collections.abc import Iterator
from typing import Any, Final

from asn1crypto import cms  # type: ignore[import-untyped]  # ships no types
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.form_tools import enumerate_fields_in
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from signer.formats.pdf_objects import PdfObject, entry
from signer.formats.pdf_requests import DocumentNote

_TAIL: Final = 64
_NO_CHANGES: Final = 1
_READ_ONLY: Final = 1
_FORM_TYPES: Final = ("/Tx", "/Btn", "/Ch")


class RefusedError(Exception):
    """The cause, for people."""


def open_document(document: bytes) -> tuple[io.BytesIO, PdfFileReader]:
    """A reader of a PDF that may be signed; raises RefusedError or what pyHanko raises."""
    _check_frame(document)
    stream = io.BytesIO(document)
    reader = PdfFileReader(stream, strict=True)
    if reader.encrypted:
        raise RefusedError("the PDF is encrypted")
    root = reader.root
    if "/XFA" in (entry(root, "/AcroForm") or {}):
        raise RefusedError("the PDF is an XFA form, whose content is not fixed")
    _check_layers(root)
    return stream, reader


def _check_frame(document: bytes) -> None:
    """What every reader must agree on before anything is parsed."""
    if not document.startswith((b"%PDF-1.", b"%PDF-2.")):
        raise RefusedError("the file does not begin as a PDF")
    if not document[-_TAIL:].rstrip(b"\r\n \t\x00").endswith(b"%%EOF"):
        raise RefusedError("there are bytes after the end of the PDF, or its end is missing")
    if b"/XRefStm" in document:
        raise RefusedError("the PDF has hybrid cross-references, which readers see differently")


def _check_layers(root: PdfObject) -> None:
    """What is not shown cannot be seen before it is signed (ISO 32000-2, 8.11.4.3)."""
    shown = entry(entry(root, "/OCProperties") or {}, "/D") or {}
    if (entry(shown, "/BaseState") or "/ON") != "/ON" or len(entry(shown, "/OFF") or ()):
        raise RefusedError("the PDF has layers that are not shown")


def notes(root: PdfObject) -> tuple[DocumentNote, ...]:
    """What its signer should know of a PDF."""
    found = []
    names = entry(root, "/Names") or {}
    opens = entry(root, "/OpenAction")
    scripted = isinstance(opens, generic.DictionaryObject) and "/JS" in opens
    if scripted or "/JavaScript" in names or "/AA" in root:
        found.append(DocumentNote.JAVASCRIPT)
    if any(_open_fields(root)):
        found.append(DocumentNote.FORM_FIELDS)
    if "/OCProperties" in root:
        found.append(DocumentNote.LAYERS)
    if "/EmbeddedFiles" in names or "/AF" in root:
        found.append(DocumentNote.ATTACHMENTS)
    return tuple(found)


def _open_fields(root: PdfObject) -> Iterator[bool]:
    fields = entry(entry(root, "/AcroForm") or {}, "/Fields")
    if fields is None:
        return
    for kind in _FORM_TYPES:
        for _, _, reference in enumerate_fields_in(  # type: ignore[no-untyped-call]  # pyHanko left it out
            fields, refs_seen=set(), target_field_type=kind
        ):
            yield not int(entry(reference.get_object(), "/Ff") or 0) & _READ_ONLY


def signed_fields(reader: PdfFileReader) -> frozenset[str]:
    """Names of the fields that hold a signature or a document time-stamp."""
    return frozenset(name for name, _, _ in enumerate_sig_fields(reader, filled_status=True))


def signatures_of(reader: PdfFileReader, names: frozenset[str]) -> tuple[EmbeddedPdfSignature, ...]:
    """The signatures in these fields, in the order they were made."""
    found = [
        EmbeddedPdfSignature(reader, reference.get_object(), name)
        for name, _, reference in enumerate_sig_fields(reader, filled_status=True)
        if name in names
    ]
    return tuple(sorted(found, key=lambda one: one.signed_revision))


def check_author(reader: PdfFileReader) -> None:
    """Raises RefusedError when a certification forbids every further signature."""
    certification = entry(entry(reader.root, "/Perms") or {}, "/DocMDP")
    references = entry(certification or {}, "/Reference") or ()
    for position in range(len(references)):
        reference = references[position]
        if reference["/TransformMethod"] != "/DocMDP":
            continue
        parameters = entry(reference, "/TransformParams") or {}
        if int(entry(parameters, "/P") or 0) == _NO_CHANGES:
            raise RefusedError("a certification signature forbids every change of the PDF")


def check_signatures(reader: PdfFileReader, names: frozenset[str]) -> None:
    """Raises RefusedError when one of these signatures does not hold for what follows it."""
    for one in signatures_of(reader, names):
        if not _holds(one):
            raise RefusedError("the PDF was changed in a way an earlier signature does not allow")


def _holds(signature: EmbeddedPdfSignature) -> bool:
    """Covers its revision, matches it, and allows what came later; not yet who signed it."""
    signature.compute_integrity_info()  # type: ignore[no-untyped-call]  # pyHanko left it out
    summary = signature.summarise_integrity_info()
    if summary["coverage"] < SignatureCoverageLevel.ENTIRE_REVISION:
        return False
    signed = signature.signed_data["encap_content_info"]
    if signed["content_type"].native == "tst_info":
        expected = signed["content"].parsed["message_imprint"]["hashed_message"].native
    else:
        attributes = signature.signer_info["signed_attrs"]
        digests = [one for one in attributes if one["type"].native == "message_digest"]
        if len(digests) != 1:
            return False
        expected = digests[0]["values"][0].native
    matches: bool = signature.compute_digest() == expected
    return matches and summary["docmdp_ok"] is True


def list_signatures(document: bytes) -> tuple[dict[str, Any], tuple[bytes, ...]]:
    """What is signed in a PDF: descriptions, then each CMS and the certificates of its DSS.

    Raises RefusedError when one of the signatures does not hold.
    """
    _, reader = open_document(document)
    names = signed_fields(reader)
    check_signatures(reader, names)
    described, parts = [], []
    for one in signatures_of(reader, names):
        kind = str(one.sig_object_type)
        described.append({"field": one.field_name, "type": kind, "revision": one.signed_revision})
        # Without the zeros that fill /Contents up.
        parts.append(cms.ContentInfo.load(one.pkcs7_content).dump())
    header = {"signatures": described, "stored": _stored_revision(reader)}
    return header, (*parts, *stored_certificates(reader))


def _stored_revision(reader: PdfFileReader) -> int:
    """The revision in which revocation data were last put into the DSS; -1 without any."""
    store: PdfObject = entry(reader.root, "/DSS") or {}
    if not entry(store, "/OCSPs") and not entry(store, "/CRLs"):
        return -1
    raw = [reader.root.raw_get("/DSS")]
    raw += [store.raw_get(key) for key in ("/OCSPs", "/CRLs") if key in store]
    objects = [one for one in raw if isinstance(one, generic.IndirectObject)]
    # A store that is no object of its own changes with the catalogue.
    objects = objects or [reader.trailer_view.raw_get("/Root")]
    return max(int(reader.xrefs.get_last_change(one.reference)) for one in objects)


def stored_certificates(reader: PdfFileReader) -> tuple[bytes, ...]:
    """The certificates in the DSS (DER); raises whatever a broken one makes its readers raise."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return ()
    return tuple(one.dump() for one in store.load_certs())
