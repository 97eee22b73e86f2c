"""The SAM signs only what was granted, whatever the formats hand it."""

from dataclasses import replace

import pytest

from signer.domain.attribute import ClaimedAttribute
from signer.domain.errors import IntegrityAlarmError
from signer.domain.strict_der import parse
from signer.domain.transaction import ItemKind
from signer.domain.values import DTBSR, DigestAlgorithm, KeyAlgorithm
from signer.formats import der
from signer.formats.cms import MESSAGE_DIGEST, SIGNING_TIME, attribute
from signer.sam.documents import DocumentEvidence, Signatory, dtbsr_of
from tests.fixtures.documents import item_of

DOCUMENT_KINDS = pytest.mark.parametrize(
    "kind", [ItemKind.CADES, ItemKind.CADES_DIGEST, ItemKind.PADES, ItemKind.PADES_DIGEST]
)


class Case:
    """A correct item with its evidence, to be spoilt by each test."""

    def __init__(self, trust, sign, lawyer, pdf, kind=ItemKind.PADES_DIGEST):
        self.trust = trust
        self.certified = trust.certify(trust.ec, lawyer)
        self.item = item_of(kind, pdf)
        prepared = sign.prepare(trust.ec, self.item, self.certified)
        self.evidence = DocumentEvidence(
            to_be_signed=prepared.to_be_signed, prepared_document=prepared.prepared_document
        )
        self.signatory = Signatory(
            certificate_der=trust.ec.chain_der[0],
            key_algorithm=trust.ec.algorithm,
            granted=(lawyer,),
            asserted=(self.certified,),
        )

    def check(self):
        return dtbsr_of(self.item, self.evidence, self.signatory)

    def with_attributes(self, change):
        """The signed attributes after ``change`` of the list of their encodings."""
        members = [one.encoded for one in parse(self.evidence.to_be_signed).child_set()]
        self.evidence = replace(self.evidence, to_be_signed=der.set_of(*change(members)))
        return self


@pytest.fixture
def case(trust, sign, lawyer, pdf):
    return Case(trust, sign, lawyer, pdf)


@pytest.fixture
def whole(trust, sign, lawyer, pdf):
    return Case(trust, sign, lawyer, pdf, ItemKind.PADES)


def refuses(case):
    with pytest.raises(IntegrityAlarmError):
        case.check()


@DOCUMENT_KINDS
@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_what_was_granted_is_digested_by_the_sam(trust, sign, lawyer, pdf, kind, algorithm):
    item = item_of(kind, pdf, algorithm=algorithm)
    certified = trust.certify(trust.rsa, lawyer)
    prepared = sign.prepare(trust.rsa, item, certified)
    dtbsr = dtbsr_of(
        item,
        DocumentEvidence(
            to_be_signed=prepared.to_be_signed, prepared_document=prepared.prepared_document
        ),
        Signatory(
            certificate_der=trust.rsa.chain_der[0],
            key_algorithm=KeyAlgorithm.RSA_3072,
            granted=(lawyer,),
            asserted=(certified,),
        ),
    )
    assert dtbsr == DTBSR.of(algorithm, prepared.to_be_signed)


def test_a_raw_digest_is_signed_as_it_is(case, pdf):
    case.item = item_of(ItemKind.RAW, pdf)
    assert case.check() == DTBSR(DigestAlgorithm.SHA256, case.item.digest.value)


def test_another_documents_attributes_are_refused(case, pdf):
    case.item = item_of(ItemKind.PADES_DIGEST, pdf + b"!")
    refuses(case)


def test_another_certificate_is_refused(case, trust):
    case.signatory = replace(case.signatory, certificate_der=trust.rsa.chain_der[0])
    refuses(case)


def test_another_key_algorithm_is_refused(case):
    case.signatory = replace(case.signatory, key_algorithm=KeyAlgorithm.RSA_3072)
    refuses(case)


def test_attributes_that_were_not_granted_are_refused(case):
    case.signatory = replace(case.signatory, granted=())
    refuses(case)
    case.signatory = replace(case.signatory, asserted=())
    refuses(case)


def test_granted_attributes_cannot_be_left_out(case):
    case.with_attributes(lambda all_: [one for one in all_ if b"Advogada" not in one])
    refuses(case)


def test_another_claimed_text_is_refused(case):
    case.with_attributes(lambda all_: [one.replace(b"12345L", b"99999L") for one in all_])
    refuses(case)


def test_a_certified_attribute_cannot_be_downgraded_to_a_claim(case, sign, lawyer, trust):
    prepared = sign.prepare(trust.ec, case.item, ClaimedAttribute(lawyer))
    case.evidence = replace(case.evidence, to_be_signed=prepared.to_be_signed)
    refuses(case)


def test_the_attribute_certificate_of_somebody_else_is_refused(case, sign, lawyer, trust):
    others = trust.certify(trust.rsa, lawyer)
    prepared = sign.prepare(trust.ec, case.item, others)
    case.evidence = replace(case.evidence, to_be_signed=prepared.to_be_signed)
    case.signatory = replace(case.signatory, asserted=(others,))
    refuses(case)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda all_: [*all_, attribute("1.2.3", b"\x05\x00")], id="unknown attribute"),
        pytest.param(
            lambda all_: [*all_, attribute(MESSAGE_DIGEST, der.octet_string(bytes(32)))],
            id="second message-digest",
        ),
        pytest.param(
            lambda all_: [*all_, attribute(SIGNING_TIME, der.utf8_string("now"))],
            id="signing-time that is none",
        ),
        pytest.param(
            lambda all_: [
                one.replace(
                    der.object_identifier("1.2.840.113549.1.7.1"),
                    der.object_identifier("1.2.840.113549.1.7.2"),
                )
                for one in all_
            ],
            id="content-type not id-data",
        ),
        pytest.param(
            lambda all_: [one for one in all_ if der.object_identifier(MESSAGE_DIGEST) not in one],
            id="no message-digest",
        ),
        pytest.param(lambda all_: all_[:1], id="certificate missing"),
        pytest.param(lambda _: [], id="nothing"),
        pytest.param(lambda all_: [*all_, b"\x30\x00"], id="empty attribute"),
    ],
)
def test_anything_else_in_the_signed_attributes_is_refused(case, change):
    refuses(case.with_attributes(change))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data + b"\x00", id="trailing byte"),
        pytest.param(lambda data: data[:-1], id="truncated"),
        pytest.param(lambda data: b"\xa0" + data[1:], id="tagged as in SignerInfo"),
        pytest.param(lambda _: b"", id="nothing"),
    ],
)
def test_signed_attributes_are_strict_der(case, spoil):
    case.evidence = replace(case.evidence, to_be_signed=spoil(case.evidence.to_be_signed))
    refuses(case)


def test_the_prepared_pdf_begins_with_the_granted_one(whole):
    prepared = whole.evidence.prepared_document
    spoilt = prepared[:20] + b"X" + prepared[21:]
    whole.evidence = replace(whole.evidence, prepared_document=spoilt)
    refuses(whole)
    whole.evidence = replace(whole.evidence, prepared_document=None)
    refuses(whole)


def test_the_original_must_be_the_granted_one(whole, pdf):
    whole.item = replace(whole.item, document=pdf + b"\n")
    refuses(whole)
    whole.item = replace(whole.item, document=None)
    refuses(whole)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda pdf: pdf.replace(b"/ByteRange", b"/ByteRanqe"), id="no ByteRange"),
        pytest.param(lambda pdf: pdf + b"/ByteRange [0 1 2 3]", id="two ByteRanges"),
        pytest.param(lambda pdf: pdf + b"\n", id="bytes after the range"),
        pytest.param(lambda pdf: pdf.replace(b"<0000", b"<0001"), id="filled already"),
        pytest.param(lambda pdf: pdf.replace(b"/Contents <", b"/Contentz <"), id="other entry"),
        pytest.param(
            lambda pdf: pdf.replace(b"ETSI.CAdES.detached", b"ETSI.CAdES.detachee"),
            id="another digest",
        ),
    ],
)
def test_the_byte_range_covers_all_but_the_new_contents(whole, spoil):
    before = whole.evidence.prepared_document
    spoilt = spoil(before)
    assert spoilt != before
    whole.evidence = replace(whole.evidence, prepared_document=spoilt)
    refuses(whole)


def test_a_file_that_is_not_the_granted_one_is_refused(trust, sign, lawyer, pdf):
    case = Case(trust, sign, lawyer, pdf, ItemKind.CADES)
    case.item = replace(case.item, document=pdf + b"\n")
    refuses(case)


def test_another_certificate_is_refused_without_attributes_too(trust, sign, lawyer, pdf):
    case = Case(trust, sign, lawyer, pdf)
    prepared = sign.prepare(trust.ec, case.item)
    case.evidence = replace(case.evidence, to_be_signed=prepared.to_be_signed)
    case.signatory = replace(case.signatory, granted=(), asserted=())
    case.check()
    case.signatory = replace(case.signatory, certificate_der=trust.authority.chain_der[0])
    refuses(case)


def test_a_certificate_named_by_another_digest_is_refused(trust, sign, lawyer, pdf):
    case = Case(trust, sign, lawyer, pdf)
    case.item = item_of(ItemKind.PADES_DIGEST, pdf, algorithm=DigestAlgorithm.SHA512)
    prepared = sign.prepare(trust.ec, case.item, case.certified)
    case.evidence = replace(case.evidence, to_be_signed=prepared.to_be_signed)
    case.check()
    oids = [der.object_identifier(DigestAlgorithm[name].value) for name in ("SHA512", "SHA384")]
    certificate = der.object_identifier("1.2.840.113549.1.9.16.2.47")
    case.with_attributes(
        lambda all_: [one.replace(*oids) if certificate in one else one for one in all_]
    )
    refuses(case)


def test_signer_attributes_without_claims_are_refused(case):
    kind = "0.4.0.19122.1.1"
    case.with_attributes(
        lambda all_: [
            attribute(kind, der.sequence()) if der.object_identifier(kind) in one else one
            for one in all_
        ]
    )
    refuses(case)


def test_a_claim_of_another_type_is_refused(case):
    types = [der.object_identifier(oid) for oid in ("2.5.4.12", "2.5.4.13")]
    case.with_attributes(lambda all_: [one.replace(*types) for one in all_])
    refuses(case)
