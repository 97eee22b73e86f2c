"""Verification of PDFs at every level, over time, and of everything that must not pass."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from signer.domain.signature_options import Certification, PDFOptions, Seal, SignatureOptions
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import Digest, KeyAlgorithm
from signer.ports import TimestampToken
from signer.validation import Indication, RevocationData, TrustPolicy, Verifier
from tests.fixtures.long_term import cms_item
from tests.fixtures.pdfs import stream_object, write_pdf
from tests.fixtures.pki import citizen_account

FORM = b"/AcroForm << /Fields [5 0 R] >> "
TEXT_FIELD = b"<< /FT /Tx /T (Valor) /V (100) /Subtype /Widget /Rect [0 0 0 0] /P 3 0 R >>"


@pytest.fixture
def signed(long_term):
    """By one citizen with a key of each kind, whose certificates end after ten days."""
    account = citizen_account(long_term.pki.clock, valid_for=timedelta(days=10))
    brief = replace(long_term, account=account)
    holders = {one: brief.holder(one) for one in (KeyAlgorithm.P_256, KeyAlgorithm.RSA_3072)}

    def made(document, level=Level.B_B, algorithm=KeyAlgorithm.P_256, held=(), **pdf):
        options = SignatureOptions(pdf=PDFOptions(**pdf))
        item = cms_item(document, level, ItemKind.PADES, options=options)
        return brief.made(holders[algorithm], item, *held)

    made.holders = holders
    return made


@pytest.fixture
def offline(long_term):
    """Knows the anchor and nothing else."""
    return Verifier(TrustPolicy(anchors=(long_term.anchor,)), long_term.pki.clock)


@pytest.fixture
def informed(long_term):
    """Also has the lists of today."""

    def verifier():
        lists = (long_term.pki.hierarchy.root_crl_der, long_term.pki.crl().current())
        policy = TrustPolicy(anchors=(long_term.anchor,), data=RevocationData(crls=lists))
        return Verifier(policy, long_term.pki.clock)

    return verifier


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.RSA_3072])
@pytest.mark.parametrize("level", list(Level))
def test_every_level_is_recognised(signed, offline, informed, lawyer, pdf, level, algorithm):
    made = signed(pdf, level, algorithm, held=(lawyer,))
    report = informed().verify_pdf(made)
    assert report.has_passed, report
    (one,) = report.signatures
    assert one.level is level
    assert one.certified_attributes
    assert offline.verify_pdf(made).has_passed is (level in {Level.B_LT, Level.B_LTA})


def test_an_archive_carries_a_signature_past_a_revocation(signed, informed, long_term, pdf):
    made = {level: signed(pdf, level) for level in (Level.B_B, Level.B_LTA)}
    long_term.pki.clock.advance(hours=1)
    certificate = signed.holders[KeyAlgorithm.P_256].chain_der[0]
    long_term.pki.ca.set_status(certificate, "revoked", reason="keyCompromise")
    long_term.pki.clock.advance(days=2)
    report = informed().verify_pdf(made[Level.B_LTA])
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA
    (one,) = informed().verify_pdf(made[Level.B_B]).signatures
    assert (one.indication, one.sub_indication) == (
        Indication.INDETERMINATE,
        "REVOKED_NO_POE",
    )


def test_an_archived_signature_outlives_its_certificate(signed, informed, long_term, pdf):
    archived, plain = signed(pdf, Level.B_LTA), signed(pdf)
    long_term.pki.clock.advance(days=11)
    report = informed().verify_pdf(archived)
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA
    assert not informed().verify_pdf(plain).has_passed


def test_a_renewed_archive_passes(signed, informed, long_term, pades, pdf):
    made = signed(pdf, Level.B_LTA)
    long_term.pki.clock.advance(days=11)
    renewed = pades.extend(made, Level.B_LTA, long_term.services)
    long_term.pki.clock.advance(days=1)
    report = informed().verify_pdf(renewed)
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA


@pytest.mark.parametrize("level", [Level.B_T, Level.B_LT, Level.B_LTA])
def test_an_extended_signature_has_the_level_of_its_parts(
    signed, informed, long_term, pades, pdf, level
):
    raised = pades.extend(signed(pdf), level, long_term.services)
    report = informed().verify_pdf(raised)
    assert report.has_passed, report
    assert report.signatures[0].level is level
    assert report.signatures[0].timestamp_time is not None


def test_each_of_several_signatures_has_its_own_level(signed, informed, pdf):
    both = signed(signed(pdf, Level.B_LTA), Level.B_T, KeyAlgorithm.RSA_3072, seal=Seal())
    report = informed().verify_pdf(both)
    assert report.has_passed, report
    assert [one.level for one in report.signatures] == [Level.B_LTA, Level.B_T]


def test_a_time_stamp_over_something_else_proves_nothing(signed, long_term, offline, pades, pdf):
    class Confused:
        def stamp(self, digest: Digest) -> TimestampToken:
            other = Digest.of(digest.algorithm, b"other" + digest.value)
            return long_term.pki.tsa.stamp(other)

    right = signed(pdf, Level.B_LT)
    assert offline.verify_pdf(right).has_passed
    confused = replace(long_term.services, timestamps=Confused())
    wrong = pades.extend(right, Level.B_LTA, confused)
    assert not offline.verify_pdf(wrong).has_passed


def _saved_again(document, change):
    stream = io.BytesIO(document)
    writer = IncrementalPdfFileWriter(stream)
    change(writer)
    writer.write_in_place()
    return stream.getvalue()


def _other_text(writer):
    page = writer.find_page_for_modification(0)[0].get_object()
    page["/Contents"] = writer.add_object(
        generic.StreamObject(stream_data=b"BT (Outro contrato) Tj ET")
    )
    writer.update_container(page)


def _annotation(writer):
    page = writer.find_page_for_modification(0)[0]
    note = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/FreeText"),
            generic.pdf_name("/Rect"): generic.ArrayObject(
                generic.FloatObject(one) for one in (70, 750, 300, 790)
            ),
            generic.pdf_name("/Contents"): generic.pdf_string("pago"),
            generic.pdf_name("/DA"): generic.pdf_string("/Helv 12 Tf"),
        }
    )
    writer.register_annotation(page, writer.add_object(note))


def _visible_field(writer):
    append_signature_field(writer, SigFieldSpec("Tapa", box=(70, 750, 300, 790)))


def _empty_store(writer):
    store = writer.root["/DSS"]
    for key in ("/OCSPs", "/CRLs"):
        store[key] = generic.ArrayObject()
    writer.update_container(store)


def _filled_in(writer):
    field = writer.root["/AcroForm"]["/Fields"][0]
    field[generic.pdf_name("/V")] = generic.pdf_string("900")
    writer.update_container(field)


def _alone(**pdf):
    return lambda signed, level=Level.B_LTA: signed(write_pdf(), level, **pdf)


@pytest.mark.parametrize(
    ("make", "change"),
    [
        pytest.param(_alone(), _other_text, id="text replaced"),
        pytest.param(_alone(), _annotation, id="annotation over the text"),
        pytest.param(
            _alone(certification=Certification.FORMS_AND_COMMENTS),
            _annotation,
            id="annotation over a certified text",
        ),
        pytest.param(
            _alone(certification=Certification.FORMS), _visible_field, id="field over the text"
        ),
        pytest.param(
            _alone(certification=Certification.NO_CHANGES), _visible_field, id="DocMDP broken"
        ),
        pytest.param(
            lambda signed: signed(write_pdf(TEXT_FIELD, catalogue=FORM), Level.B_T),
            _filled_in,
            id="field filled in",
        ),
    ],
)
def test_a_document_changed_later_never_passes(signed, informed, make, change):
    made = make(signed)
    assert informed().verify_pdf(made).has_passed
    report = informed().verify_pdf(_saved_again(made, change))
    assert not report.has_passed
    assert report.problems or any(one.problems for one in report.signatures)


def test_a_form_is_filled_in_after_a_certification_that_allows_it(signed, informed):
    certified = signed(
        write_pdf(TEXT_FIELD, catalogue=FORM), Level.B_T, certification=Certification.FORMS
    )
    filled = signed(_saved_again(certified, _filled_in), Level.B_T, KeyAlgorithm.RSA_3072)
    assert informed().verify_pdf(filled).has_passed
    approved = signed(write_pdf(TEXT_FIELD, catalogue=FORM), Level.B_T)
    filled = signed(_saved_again(approved, _filled_in), Level.B_T, KeyAlgorithm.RSA_3072)
    first, second = informed().verify_pdf(filled).signatures
    assert first.indication is Indication.INDETERMINATE
    assert second.indication is Indication.TOTAL_PASSED


def test_without_its_validation_data_a_level_is_lost(signed, offline, pdf):
    emptied = _saved_again(signed(pdf, Level.B_LT), _empty_store)
    assert not offline.verify_pdf(emptied).has_passed


@pytest.mark.parametrize("level", [Level.B_T, Level.B_LTA])
def test_an_object_swapped_in_by_a_later_table_never_passes(signed, informed, pdf, level):
    made = signed(pdf, level)
    hidden = b"4 0 obj\n%b\nendobj\n" % stream_object(b"BT (Devo 1.000.000) Tj ET")
    previous = int(made.rstrip().split(b"\n")[-2])
    at = len(made)
    size = int(PdfFileReader(io.BytesIO(made)).trailer["/Size"])
    swapped = made + hidden
    swapped += b"xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size %d /Root 1 0 R /Prev %d >>\n" % (
        at,
        size,
        previous,
    )
    swapped += b"startxref\n%d\n%%%%EOF\n" % (at + len(hidden))
    assert not informed().verify_pdf(swapped).has_passed
