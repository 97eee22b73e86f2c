"""PAdES: fields, certification, seals, levels and extension, and what earlier signatures forbid."""

import io
from dataclasses import replace

import pytest
from asn1crypto import keys, x509
from cryptography.hazmat.primitives import serialization
from PIL import Image
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import sign_pdf
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    SigSeedValFlags,
    SigSeedValueSpec,
    append_signature_field,
)
from pyhanko.sign.signers.pdf_cms import SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signer.domain.errors import (
    DocumentRefusedError,
    InvalidRequestError,
    RevocationUnavailableError,
    TimestampUnavailableError,
)
from signer.domain.signature_options import (
    Certification,
    CommitmentType,
    Corner,
    PDFOptions,
    ProductionPlace,
    Seal,
    SignatureOptions,
    SignedProperties,
)
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import KeyAlgorithm
from signer.formats.client_material import ClientMaterial
from signer.formats.pades import PAdES, PAdESDigest
from signer.formats.pades_archive import level_of
from signer.formats.pdf_requests import DocumentNote
from tests.fixtures.long_term import cms_item
from tests.fixtures.pdfs import stream_object, write_pdf

ORDER = list(Level)
_ADOBE = SigSeedSubFilter.ADOBE_PKCS7_DETACHED


def item(document, level=Level.B_B, properties=None, **pdf):
    options = SignatureOptions(pdf=PDFOptions(**pdf), properties=properties or SignedProperties())
    return cms_item(document, level, ItemKind.PADES, options=options)


@pytest.fixture
def signed(long_term):
    """``signed(document, level, **PDF options)`` by a citizen with a P-256 key."""
    holder = long_term.holder()

    def made(document, level=Level.B_B, properties=None, **pdf):
        return long_term.made(holder, item(document, level, properties, **pdf))

    return made


@pytest.fixture
def elsewhere(long_term):
    """``elsewhere(document, **metadata)``: signed by pyHanko."""
    holder = long_term.holder(identity="elsewhere")
    key = holder.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    leaf, *issuers = (x509.Certificate.load(one) for one in holder.chain_der)
    signer = SimpleSigner(
        signing_cert=leaf,
        signing_key=keys.PrivateKeyInfo.load(key),
        cert_registry=SimpleCertificateStore.from_certs(issuers),
    )

    def made(document, new_field=None, **metadata):
        stated = {"field_name": "Elsewhere", "md_algorithm": "sha256"}
        stated |= {"subfilter": SigSeedSubFilter.PADES} | metadata
        writer = IncrementalPdfFileWriter(io.BytesIO(document))
        return sign_pdf(
            writer, PdfSignatureMetadata(**stated), signer=signer, new_field_spec=new_field
        ).getvalue()

    return made


def with_field(document, name="Aqui", **spec):
    stream = io.BytesIO(document)
    writer = IncrementalPdfFileWriter(stream)
    append_signature_field(writer, SigFieldSpec(name, **spec))
    writer.write_in_place()
    return stream.getvalue()


def field_of(document, name=None):
    """The last signature field, or the one of that name."""
    found = PdfFileReader(io.BytesIO(document)).embedded_signatures
    return next(one for one in reversed(found) if name in {None, one.field_name})


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.RSA_3072])
@pytest.mark.parametrize("level", ORDER)
def test_the_level_asked_is_the_level_made(long_term, pades, pdf, lawyer, level, algorithm):
    made = long_term.made(long_term.holder(algorithm), item(pdf, level), lawyer)
    assert made.startswith(pdf)
    assert level_of(pades.processes.signatures(made)) is level


def test_a_missing_answer_is_an_error_and_no_lower_level(long_term, pdf):
    class Silent:
        def collect(self, certificates, pool=()):
            del certificates, pool
            raise RevocationUnavailableError

    class Stopped:
        def stamp(self, digest):
            del digest
            raise TimestampUnavailableError

    holder = long_term.holder()
    with pytest.raises(RevocationUnavailableError):
        long_term.without(validation_data=Silent()).made(holder, item(pdf, Level.B_LT))
    with pytest.raises(TimestampUnavailableError):
        long_term.without(timestamps=Stopped()).made(holder, item(pdf, Level.B_LTA))


def test_what_a_dictionary_says_is_what_was_asked(signed, pdf):
    made = signed(pdf, reason="Aprovação\ndo orçamento", location="Évora", contact="a@b.pt")
    said = field_of(made).sig_object
    assert (said["/Reason"], said["/Location"]) == ("Aprovação do orçamento", "Évora")
    assert said["/ContactInfo"] == "a@b.pt"
    assert said["/SubFilter"] == "/ETSI.CAdES.detached"


def test_the_place_of_production_is_the_location(signed, pdf):
    place = SignedProperties(place=ProductionPlace(city="Évora", country="PT"))
    assert field_of(signed(pdf, properties=place)).sig_object["/Location"] == "Évora, PT"


def test_a_reason_and_a_commitment_exclude_each_other(signed, pdf):
    committed = SignedProperties(commitment=CommitmentType.APPROVAL)
    signed(pdf, properties=committed)
    with pytest.raises(InvalidRequestError, match="not both"):
        signed(pdf, properties=committed, reason="Aprovação")


def test_a_named_field_is_made_or_filled(signed, pdf):
    assert field_of(signed(pdf, field_name="Nova")).field_name == "Nova"
    made = signed(with_field(pdf), field_name="Aqui")
    found = PdfFileReader(io.BytesIO(made)).embedded_signatures
    assert [one.field_name for one in found] == ["Aqui"]
    assert len(PdfFileReader(io.BytesIO(made)).root["/AcroForm"]["/Fields"]) == 1


@pytest.mark.parametrize(
    ("prepared", "name", "cause"),
    [
        pytest.param(lambda pdf, sign: sign(pdf, field_name="A"), "A", "signed already", id="full"),
        pytest.param(lambda pdf, _: pdf, "a.b", "no dot", id="nested new one"),
        pytest.param(
            lambda *_: write_pdf(
                b"<< /FT /Tx /T (A) /V () >>", catalogue=b"/AcroForm << /Fields [5 0 R] >> "
            ),
            "A",
            "broken",
            id="text field",
        ),
        pytest.param(
            lambda pdf, _: with_field(
                pdf,
                "A",
                seed_value_dict=SigSeedValueSpec(
                    flags=SigSeedValFlags.SUBFILTER, subfilters=[_ADOBE]
                ),
            ),
            "A",
            "another kind",
            id="seeds",
        ),
    ],
)
def test_a_field_that_cannot_be_signed_is_refused(signed, pdf, prepared, name, cause):
    document = prepared(pdf, signed)
    with pytest.raises(DocumentRefusedError, match=cause):
        signed(document, field_name=name)


@pytest.mark.parametrize("level", list(Certification))
def test_a_certification_says_what_may_follow(signed, pades, pdf, level):
    made = signed(pdf, Level.B_LTA, certification=level)
    signature = PdfFileReader(io.BytesIO(made)).embedded_regular_signatures[0]
    assert signature.docmdp_level == MDPPerm(level)
    with pytest.raises(DocumentRefusedError, match="certifi"):
        signed(made, certification=level)
    if level is Certification.NO_CHANGES:
        with pytest.raises(DocumentRefusedError, match="certification"):
            signed(made)
    else:
        assert level_of(pades.processes.signatures(signed(made, Level.B_LTA))) is Level.B_LTA


def test_a_new_seal_on_a_certified_pdf_is_refused_but_not_in_its_authors_field(signed, pdf):
    open_field = with_field(pdf, box=(50, 50, 250, 120))
    certified = signed(open_field, certification=Certification.FORMS)
    with pytest.raises(DocumentRefusedError, match="earlier signature"):
        signed(certified, seal=Seal())
    signed(certified, seal=Seal(), field_name="Aqui")


def test_an_approval_cannot_become_a_certification(signed, pdf):
    with pytest.raises(DocumentRefusedError, match="cannot be certified"):
        signed(signed(pdf), certification=Certification.FORMS)


def test_fields_that_an_earlier_signature_locked_stay_as_they_are(signed, elsewhere, pdf):
    lock = FieldMDPSpec(FieldMDPAction.INCLUDE, fields=["Aqui"])
    document = with_field(with_field(pdf), "Outra", field_mdp_spec=lock)
    locked = elsewhere(document, field_name="Outra")
    with pytest.raises(DocumentRefusedError, match="earlier signature"):
        signed(locked, field_name="Aqui")
    signed(locked, field_name="Livre")


def test_the_lock_of_a_field_is_kept_in_its_signature(signed, pdf):
    lock = FieldMDPSpec(FieldMDPAction.ALL)
    document = with_field(pdf, field_mdp_spec=lock, doc_mdp_update_value=MDPPerm.NO_CHANGES)
    made = signed(document, field_name="Aqui")
    assert field_of(made).fieldmdp.action is FieldMDPAction.ALL
    with pytest.raises(DocumentRefusedError, match="earlier signature"):
        signed(made)


def _resaved(document, body=b"BT (Outro contrato) Tj ET"):
    """Saved again with object 4, the page's text, replaced."""
    previous = int(document.rstrip().split(b"\n")[-2])
    at = len(document)
    document += b"4 0 obj\n%b\nendobj\n" % stream_object(body)
    return document + (
        b"xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size 40 /Root 1 0 R /Prev %d >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (at, previous, len(document))
    )


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_resaved, id="incrementally saved"),
        pytest.param(lambda pdf: pdf.replace(b"(Contrato)", b"(Contrata)"), id="altered"),
    ],
)
def test_nothing_is_added_to_a_pdf_whose_signature_does_not_hold(
    signed, long_term, pades, pdf, spoil
):
    spoilt = spoil(signed(pdf, Level.B_T))
    with pytest.raises(DocumentRefusedError, match="earlier signature"):
        signed(spoilt)
    with pytest.raises(DocumentRefusedError, match="earlier signature"):
        pades.extend(spoilt, Level.B_LTA, long_term.services)


@pytest.mark.parametrize("start", ["elsewhere", *ORDER])
@pytest.mark.parametrize("wanted", ORDER)
def test_a_signed_pdf_is_raised_or_renewed_but_never_lowered(
    signed, elsewhere, long_term, pades, pdf, start, wanted
):
    document = elsewhere(pdf) if start == "elsewhere" else signed(pdf, start)
    present = Level.B_B if start == "elsewhere" else start
    rises = ORDER.index(wanted) > ORDER.index(present) or present is wanted is Level.B_LTA
    if not rises:
        with pytest.raises(InvalidRequestError, match="already"):
            pades.extend(document, wanted, long_term.services)
        return
    raised = pades.extend(document, wanted, long_term.services)
    assert raised.startswith(document)
    found = pades.processes.signatures(raised)
    assert level_of(found) is wanted
    if present is wanted:
        assert len(found.signatures) == 3


def test_a_pdf_without_signatures_is_not_extended(long_term, pades, pdf):
    with pytest.raises(DocumentRefusedError, match="no signature"):
        pades.extend(pdf, Level.B_T, long_term.services)


def test_a_later_signature_makes_the_level_that_of_the_lowest(signed, pades, pdf):
    both = signed(signed(pdf, Level.B_LTA), Level.B_B)
    assert level_of(pades.processes.signatures(both)) is Level.B_B


@pytest.mark.parametrize("level", ORDER)
def test_a_client_that_keeps_its_pdf_gets_what_the_level_needs(long_term, pdf, level):
    made = long_term.made(long_term.holder(), cms_item(pdf, level, ItemKind.PADES_DIGEST))
    if level in {Level.B_B, Level.B_T}:
        assert made.startswith(b"\x30\x82")
        return
    material = ClientMaterial.from_bytes(made)
    assert material.cms_der.startswith(b"\x30\x82")
    assert material.material.certificates
    assert material.material.ocsp_responses
    assert ClientMaterial.from_bytes(material.to_bytes()) == material


def test_a_pdf_that_stays_away_says_its_own_reason(long_term, pdf):
    asked = replace(
        cms_item(pdf, kind=ItemKind.PADES_DIGEST),
        options=SignatureOptions(pdf=PDFOptions(reason="Aprovação")),
    )
    with pytest.raises(InvalidRequestError, match="who holds it"):
        PAdESDigest().prepare(
            asked, long_term.holder().identity(), long_term.pki.clock.now(), long_term.services
        )


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("corner", list(Corner))
def test_a_seal_stands_in_its_corner_of_the_page_as_shown(signed, turned, corner):
    document = write_pdf().replace(
        b"/MediaBox [0 0 595 842]",
        b"/MediaBox [0 0 595 842] /CropBox [95 42 495 742] /Rotate %d" % turned,
    )
    made = signed(_rebuilt(document), seal=Seal(corner=corner))
    widget = field_of(made).sig_field
    left, bottom, right, top = (float(one) for one in widget["/Rect"])
    middle = ((left + right) / 2 - 95, (bottom + top) / 2 - 42)
    wide, high = 400, 700
    x, y = {
        0: middle,
        90: (middle[1], wide - middle[0]),
        180: (wide - middle[0], high - middle[1]),
        270: (high - middle[1], middle[0]),
    }[turned]
    shown = (high, wide) if turned in {90, 270} else (wide, high)
    assert (x > shown[0] / 2) is corner.endswith("right")
    assert (y > shown[1] / 2) is corner.startswith("top")
    assert (right - left > top - bottom) is (turned in {0, 180})


def _rebuilt(document):
    """The same objects with right offsets."""
    start = document.index(b"xref\n0")
    body = bytearray()
    offsets = {}
    for line in document[:start].splitlines(keepends=True):
        if line.endswith(b" 0 obj\n"):
            offsets[int(line.split()[0])] = len(body)
        body += line
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    table += b"".join(b"%010d 00000 n \n" % offsets[one] for one in sorted(offsets))
    return (
        bytes(body)
        + table
        + (
            b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
            % (len(offsets) + 1, len(body))
        )
    )


def test_seals_in_one_corner_do_not_lie_on_each_other(signed, pdf):
    document = pdf
    for _ in range(3):
        document = signed(document, seal=Seal())
    boxes = [
        [float(side) for side in one.sig_field["/Rect"]]
        for one in PdfFileReader(io.BytesIO(document)).embedded_signatures
    ]
    assert boxes[0][3] < boxes[1][1] < boxes[1][3] < boxes[2][1]


@pytest.mark.parametrize(
    ("seal", "cause"),
    [
        pytest.param(Seal(page=2), "no page 2", id="page"),
        pytest.param(Seal(page=-2), "no page -2", id="page from the end"),
        pytest.param(Seal(box=(500, 10, 700, 80)), "not inside", id="outside"),
        pytest.param(Seal(box=(10, 10, 60, 20)), "too small", id="too small for its text"),
        pytest.param(Seal(box=(10, 10, 13, 12)), "too small", id="invisible"),
        pytest.param(Seal(logo=b"\x89PNG\r\n\x1a\n" + bytes(40)), "no PNG", id="broken logo"),
        pytest.param(Seal(logo=b"GIF89a" + bytes(40)), "no PNG", id="another image"),
    ],
)
def test_a_seal_that_cannot_be_shown_is_refused(signed, pdf, seal, cause):
    with pytest.raises(DocumentRefusedError, match=cause):
        signed(pdf, seal=seal)


def _picture(*size):
    out = io.BytesIO()
    Image.new("RGBA", size, (200, 30, 30, 128)).save(out, "PNG")
    return out.getvalue()


def test_a_logo_is_inside_the_seal(signed, pdf):
    made = signed(pdf, seal=Seal(logo=_picture(80, 40)))
    appearance = field_of(made).sig_field["/AP"]["/N"]
    assert appearance["/Resources"]["/XObject"]["/Logo"]["/Width"] == 80
    with pytest.raises(DocumentRefusedError, match="too many pixels"):
        signed(pdf, seal=Seal(logo=_picture(4000, 4000)))


def test_a_seal_in_an_existing_field_keeps_its_place(signed, pdf):
    made = signed(with_field(pdf, box=(50, 50, 250, 120)), seal=Seal(), field_name="Aqui")
    assert [int(one) for one in field_of(made).sig_field["/Rect"]] == [50, 50, 250, 120]
    with pytest.raises(DocumentRefusedError, match="too small"):
        signed(with_field(pdf), seal=Seal(), field_name="Aqui")


def test_without_a_style_there_are_no_seals(long_term, pades, pdf):
    plain = replace(long_term, formats={ItemKind.PADES: PAdES(pades.processes)})
    with pytest.raises(InvalidRequestError, match="not served"):
        plain.made(long_term.holder(), item(pdf, seal=Seal()))


def test_layers_that_are_not_shown_are_refused(pades):
    group = b"<< /Type /OCG /Name (Termos) >>"
    for shown in (b"/OFF [5 0 R]", b"/BaseState /OFF"):
        catalogue = b"/OCProperties << /OCGs [5 0 R] /D << %b >> >> " % shown
        with pytest.raises(DocumentRefusedError, match="layers"):
            pades.inspect(write_pdf(group, catalogue=catalogue))
    catalogue = b"/OCProperties << /OCGs [5 0 R] /D << /ON [5 0 R] >> >> "
    assert pades.inspect(write_pdf(group, catalogue=catalogue)) == (DocumentNote.LAYERS,)


@pytest.mark.parametrize(
    ("catalogue", "note"),
    [
        pytest.param(
            b"/OpenAction << /S /JavaScript /JS (app.alert) >> ", DocumentNote.JAVASCRIPT, id="open"
        ),
        pytest.param(
            b"/Names << /JavaScript << /Names [] >> >> ", DocumentNote.JAVASCRIPT, id="named"
        ),
        pytest.param(
            b"/Names << /EmbeddedFiles << /Names [] >> >> ", DocumentNote.ATTACHMENTS, id="files"
        ),
        pytest.param(b"/AcroForm << /Fields [5 0 R] >> ", DocumentNote.FORM_FIELDS, id="form"),
    ],
)
def test_what_a_signer_should_know_is_noted(pades, catalogue, note):
    field = b"<< /FT /Tx /T (A) /V () >>"
    assert pades.inspect(write_pdf(field, catalogue=catalogue)) == (note,)
    assert pades.inspect(write_pdf(field)) == ()


@pytest.mark.parametrize(
    "store",
    [
        pytest.param(b"/DSS << /Certs [5 0 R] >> ", id="no certificate"),
        pytest.param(b"/DSS << /OCSPs [5 0 R] >> ", id="no answer"),
        pytest.param(b"/DSS << /CRLs [5 0 R] >> ", id="no list"),
        pytest.param(b"/DSS << /Certs [1 0 R] >> ", id="no stream"),
    ],
)
def test_a_broken_dss_is_refused_before_anything_is_signed(signed, store):
    document = write_pdf(stream_object(b"nonsense"), catalogue=store)
    with pytest.raises(DocumentRefusedError, match="broken"):
        signed(document, Level.B_LT)
