"""PDFs of every level, sealed and not, before programs that others wrote."""

import re
import shutil
import subprocess

import pytest

from signer.domain.signature_options import (
    Certification,
    Corner,
    PDFOptions,
    Seal,
    SignatureOptions,
)
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import KeyAlgorithm
from tests.fixtures.long_term import cms_item
from tests.fixtures.pdfs import stream_object, write_pdf

pytestmark = pytest.mark.interop


@pytest.fixture
def signed(long_term):
    holder = long_term.holder(KeyAlgorithm.RSA_3072)

    def made(document, level=Level.B_B, held=(), **pdf):
        options = SignatureOptions(pdf=PDFOptions(**pdf))
        item = cms_item(document, level, ItemKind.PADES, options=options)
        return long_term.made(holder, item, *held)

    return made


def _output(*command):
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="pdfsig not installed")
@pytest.mark.parametrize("level", list(Level))
def test_pdfsig_accepts_every_level_and_sees_what_is_covered(
    signed, long_term, pades, pdf, tmp_path, level
):
    first = signed(pdf, level, certification=Certification.FORMS, reason="Aprovação")
    both = signed(first, level)
    if level is Level.B_LTA:
        both = pades.extend(both, Level.B_LTA, long_term.services)
    (tmp_path / "signed.pdf").write_bytes(both)
    seen = _output("pdfsig", "-nocert", tmp_path / "signed.pdf")
    assert seen.count("Signature is Valid") == 2, seen
    # After a signature at B-LT its validation data follow.
    assert ("  - Total document signed" in seen) is (level is not Level.B_LT)
    (tmp_path / "spoilt.pdf").write_bytes(both.replace(b"(Contrato)", b"(Contrata)"))
    assert "Signature is Valid" not in _output("pdfsig", "-nocert", tmp_path / "spoilt.pdf")


@pytest.mark.skipif(shutil.which("qpdf") is None, reason="qpdf not installed")
@pytest.mark.parametrize("level", list(Level))
def test_qpdf_finds_no_fault(signed, pdf, tmp_path, level):
    (tmp_path / "signed.pdf").write_bytes(signed(pdf, level, seal=Seal()))
    assert "No syntax or stream encoding errors" in _output(
        "qpdf", "--check", tmp_path / "signed.pdf"
    )


def _turned(turned):
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /CropBox [95 42 495 742]"
    page += b" /Rotate %d /Contents 6 0 R >>" % turned
    return write_pdf(page, stream_object(b""), pages=b"<< /Type /Pages /Kids [5 0 R] /Count 1 >>")


_LINE = re.compile(
    r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]+)</word>'
)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext not installed")
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("corner", [Corner.TOP_LEFT, Corner.BOTTOM_RIGHT])
def test_a_seal_is_read_upright_and_with_its_accents(signed, lawyer, tmp_path, turned, corner):
    made = signed(
        _turned(turned),
        held=(lawyer,),
        seal=Seal(corner=corner),
        reason="Aprovação da cessão de créditos às 9h: «não há ónus»",
        location="Évora",
    )
    (tmp_path / "sealed.pdf").write_bytes(made)
    seen = _output("pdftotext", "-bbox", "-cropbox", tmp_path / "sealed.pdf", "-")
    lines = {text: tuple(map(float, box)) for *box, text in _LINE.findall(seen)}
    for text in ("Maria João", "BI12345678", "Advogada", "cessão de créditos às", "não há ónus"):
        assert any(text in line for line in lines), seen
    left, top, right, bottom = next(box for line, box in lines.items() if "Aprovação" in line)
    assert right - left > bottom - top
    heights = [box[1] for box in lines.values()]
    assert heights == sorted(heights)
    assert next(iter(lines)).startswith("Assinado por")
    wide, high = (700, 400) if turned in {90, 270} else (400, 700)
    assert (left > wide - 260) is (corner is Corner.BOTTOM_RIGHT)
    assert (top > high / 2) is (corner is Corner.BOTTOM_RIGHT)


@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="pdffonts not installed")
def test_the_font_of_a_seal_is_embedded_as_a_subset(signed, tmp_path):
    (tmp_path / "sealed.pdf").write_bytes(signed(_turned(0), seal=Seal()))
    seen = _output("pdffonts", tmp_path / "sealed.pdf")
    assert re.search(r"[A-Z]{6}\+DejaVuSansMono\S* +CID TrueType +Identity-H +yes yes yes", seen)
