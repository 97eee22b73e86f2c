"""Hostile and broken PDFs are refused with a cause and cost no other document anything."""

import io
import os
import signal
import threading
import zlib

import pytest
from asn1crypto import keys, x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign import sign_pdf
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.signers.pdf_cms import SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata

from signer.domain.errors import DocumentRefusedError, UnavailableError
from signer.domain.transaction import Level
from signer.formats import pdf_process
from signer.formats.pades import PAdES
from signer.formats.pdf_process import PdfLimits, PdfProcesses
from tests.fixtures.pdfs import HEADER, stream_object, write_pdf

BOMB = zlib.compress(bytes(200 * 1024 * 1024), 9)


def _cross_reference_stream(entries: bytes, content: bytes) -> bytes:
    """A PDF whose cross-references are in a stream."""
    head = HEADER + b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    return head + b"2 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        stream_object(content, b"/Type /XRef /Size 3 /Root 1 0 R " + entries),
        len(head),
    )


def _looping() -> bytes:
    document = write_pdf()
    start = document.index(b"xref\n0")
    return document.replace(b"/Root 1 0 R", b"/Prev %d /Root 1 0 R" % start)


def _encrypted() -> bytes:
    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(write_pdf(trailer=b"/ID [<00> <00>] "))))
    writer.encrypt(owner_pass="owner", user_pass="user")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _pages_in_a_loop() -> bytes:
    return write_pdf(pages=b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>")


HOSTILE = {
    "nothing": (b"", "does not begin"),
    "not a PDF": (b"PK\x03\x04" + bytes(100), "does not begin"),
    "something before the header": (b"\n" + write_pdf(), "does not begin"),
    "8 MB of garbage": (HEADER + os.urandom(8 << 20) + b"%%EOF", "broken"),
    "header and end only": (HEADER + b"startxref\n0\n%%EOF", "broken"),
    "trailing bytes": (write_pdf() + b"<script>", "after the end"),
    "truncated": (write_pdf()[:-40], "after the end"),
    "wrong startxref": (write_pdf().replace(b"startxref\n", b"startxref\n9"), "broken"),
    "hybrid cross-references": (write_pdf(trailer=b"/XRefStm 9 "), "hybrid"),
    "cross-reference loop": (_looping(), "broken|time"),
    "page tree loop": (_pages_in_a_loop(), "broken|nested"),
    "20,000 nested arrays": (
        write_pdf(catalogue=b"/AcroForm " + b"[" * 20_000 + b"]" * 20_000),
        "nested",
    ),
    "20,000 nested dictionaries": (
        write_pdf(trailer=b"/X " + b"<</X " * 20_000 + b"0" + b">>" * 20_000),
        "nested|broken",
    ),
    "flate bomb as cross-references": (
        _cross_reference_stream(b"/W [1 4 2] /Filter /FlateDecode ", BOMB),
        "unpacks|memory|broken",
    ),
    "stacked flate bomb": (
        _cross_reference_stream(
            b"/W [1 4 2] /Filter [/FlateDecode /FlateDecode] ", zlib.compress(BOMB, 9)
        ),
        "unpacks|memory|broken",
    ),
    "encrypted": (_encrypted(), "encrypted"),
    "XFA form": (write_pdf(catalogue=b"/AcroForm << /Fields [] /XFA [] >> "), "XFA"),
    "no pages": (write_pdf(pages=b"<< /Type /Pages /Kids [] /Count 0 >>"), "broken"),
}


@pytest.mark.parametrize(("document", "cause"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pdf_is_refused_and_the_next_is_signed(pades, document, cause, pdf):
    with pytest.raises(DocumentRefusedError, match=cause) as refusal:
        pades.inspect(document)
    assert refusal.value.field == "document"
    pades.inspect(pdf)


@pytest.mark.parametrize("document", [one for one, _ in HOSTILE.values()], ids=HOSTILE)
def test_a_hostile_pdf_is_not_extended_either(pades, sign, document):
    with pytest.raises(DocumentRefusedError):
        pades.extend(document, Level.B_LTA, sign.documents.services)


@pytest.fixture
def limited():
    """``limited(seconds=1)``: one process at a time with these limits."""
    made = []

    def make(**limits):
        made.append(PdfProcesses(size=1, limits=PdfLimits(**limits)))
        return made[-1]

    yield make
    for processes in made:
        processes.close()


SLOW = HEADER + b"(" * 20_000_000 + b"startxref\n9\n%%EOF"
"""Seconds of searching, in a file just below the size limit."""


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({"seconds": 2, "cpu_seconds": 1000}, id="wall clock"),
        pytest.param({"seconds": 1000, "cpu_seconds": 1}, id="processor"),
    ],
)
def test_each_limit_of_time_refuses_the_document_and_spares_the_next(pdf, limited, limits):
    processes = limited(**limits)
    PAdES(processes).inspect(pdf)
    with pytest.raises(DocumentRefusedError, match="more time than is allowed"):
        PAdES(processes).inspect(SLOW)
    PAdES(processes).inspect(pdf)


def _behind(pdf, size):
    return pdf + bytes(size) + b"%%EOF"


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        pytest.param(lambda pdf: _behind(pdf, 1 << 29), "takes more memory", id="as it comes"),
        pytest.param(HOSTILE["stacked flate bomb"][0], "unpacks to more", id="as it unpacks"),
    ],
)
def test_the_limit_of_memory_refuses_the_document_and_spares_the_next(
    pdf, limited, document, cause
):
    processes = limited(seconds=1000, cpu_seconds=1000, memory=400 << 20)
    given = document(pdf) if callable(document) else document
    with pytest.raises(DocumentRefusedError, match=cause):
        PAdES(processes, size_limit=1 << 30).inspect(given)
    PAdES(processes).inspect(pdf)


def _end(processes, how):
    child = processes._idle.get()  # noqa: SLF001 - the test plays the kernel
    child._process.send_signal(how)  # noqa: SLF001 - as above
    processes._idle.put(child)  # noqa: SLF001 - as above
    return child._process  # noqa: SLF001 - as above


def test_a_process_that_ended_while_idle_is_replaced_unseen(pdf, limited):
    processes = limited()
    PAdES(processes).inspect(pdf)
    _end(processes, signal.SIGKILL).wait()
    PAdES(processes).inspect(pdf)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_process_that_ends_over_a_document_within_its_limits_is_our_fault(pdf, limited, how):
    processes = limited()
    processes.warm()
    process = _end(processes, signal.SIGSTOP)  # takes the document and does not begin
    timer = threading.Timer(
        0.5, lambda: (process.send_signal(how), process.send_signal(signal.SIGCONT))
    )
    timer.start()
    with pytest.raises(UnavailableError) as fault:
        PAdES(processes).inspect(pdf)
    assert type(fault.value) is UnavailableError
    timer.join()
    PAdES(processes).inspect(pdf)


def test_a_process_that_cannot_even_start_is_our_fault(pdf, limited, monkeypatch):
    monkeypatch.setattr(pdf_process, "_MODULE", "signer.formats.no_such_module")
    with pytest.raises(UnavailableError):
        PAdES(limited()).inspect(pdf)


def test_a_child_gets_no_environment(monkeypatch):
    monkeypatch.setenv("CHANCELA_HSM_SAM_PIN", "canary")
    processes = PdfProcesses(size=1)
    try:
        processes.warm()
        child = processes._idle.get()  # noqa: SLF001 - to read its environment
        processes._idle.put(child)  # noqa: SLF001 - as above
        pid = child._process.pid  # noqa: SLF001 - as above
        with open(f"/proc/{pid}/environ", "rb") as environment:  # noqa: PTH123 - procfs
            assert b"canary" not in environment.read()
    finally:
        processes.close()


@pytest.mark.parametrize("level", list(MDPPerm)[:3])
def test_a_certified_pdf_is_signed_only_if_its_author_allows_it(trust, pades, pdf, level):
    key = trust.ec.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certified = sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf)),
        PdfSignatureMetadata(
            field_name="Author", certify=True, docmdp_permissions=level, md_algorithm="sha256"
        ),
        signer=SimpleSigner(
            signing_cert=x509.Certificate.load(trust.ec.chain_der[0]),
            signing_key=keys.PrivateKeyInfo.load(key),
            cert_registry=None,
        ),
    ).getvalue()
    if level is MDPPerm.NO_CHANGES:
        with pytest.raises(DocumentRefusedError, match="certification"):
            pades.inspect(certified)
    else:
        pades.inspect(certified)
