"""The SAM reads from the prepared PDF whether it certifies, and as what."""

import io
from dataclasses import replace

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from signer.domain.errors import IntegrityAlarmError
from signer.domain.signature_options import Certification, PDFOptions, Seal, SignatureOptions
from signer.domain.transaction import ItemKind
from signer.sam.documents import DocumentEvidence, Signatory, dtbsr_of
from tests.fixtures.documents import item_of


def options(**pdf):
    return SignatureOptions(pdf=PDFOptions(**pdf))


@pytest.fixture
def judged(trust, sign, pdf):
    """``judged(prepared options, granted options, change)``: the SAM's answer."""

    def judge(prepared, granted, change=lambda document: document, document=pdf):
        item = replace(item_of(ItemKind.PADES, document), options=options(**prepared))
        made = sign.prepare(trust.ec, item)
        evidence = DocumentEvidence(
            to_be_signed=made.to_be_signed, prepared_document=change(made.prepared_document)
        )
        signatory = Signatory(
            certificate_der=trust.ec.chain_der[0],
            key_algorithm=trust.ec.algorithm,
            granted=(),
            asserted=(),
        )
        return dtbsr_of(replace(item, options=options(**granted)), evidence, signatory)

    return judge


@pytest.mark.parametrize("level", [None, *Certification])
def test_what_was_granted_is_signed(judged, level):
    asked = {"certification": level, "reason": "(/TransformMethod /DocMDP) \\) acordo"}
    assert judged(asked, asked)


@pytest.mark.parametrize(
    ("prepared", "granted"),
    [
        pytest.param(Certification.FORMS, None, id="certified, not approved"),
        pytest.param(None, Certification.FORMS, id="approved, not certified"),
        pytest.param(Certification.FORMS_AND_COMMENTS, Certification.NO_CHANGES, id="wider"),
    ],
)
def test_another_meaning_than_the_granted_is_refused(judged, prepared, granted):
    with pytest.raises(IntegrityAlarmError, match="certification"):
        judged({"certification": prepared}, {"certification": granted})


def test_another_kind_of_signature_is_refused(judged):
    with pytest.raises(IntegrityAlarmError, match="another kind"):
        judged({}, {}, lambda pdf: pdf.replace(b"/ETSI.CAdES.detached", b"/adbe.pkcs7.detached"))


def test_a_pdf_whose_cross_references_are_streams_is_judged_too(judged, pdf):
    out = io.BytesIO()
    reader = PdfFileReader(io.BytesIO(pdf))
    copy_into_new_writer(reader, writer_kwargs={"stream_xrefs": True}).write(out)
    assert b"/Type /XRef" in out.getvalue()
    asked = {"certification": Certification.FORMS, "seal": Seal(), "reason": "Aprovação"}
    assert judged(asked, asked, document=out.getvalue())
    with pytest.raises(IntegrityAlarmError, match="certification"):
        judged(asked, {}, document=out.getvalue())
