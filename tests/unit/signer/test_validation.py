"""What verification accepts, and everything it must not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import cms

from signer.domain.transaction import ItemKind, Level
from signer.domain.values import Digest, DigestAlgorithm
from signer.validation import (
    FileKind,
    Indication,
    RevocationData,
    RevocationRule,
    TrustPolicy,
    Verifier,
)
from signer.validation.verifier import kind_of
from tests.fixtures.documents import item_of

CONTENT = b"contrato"


@pytest.fixture
def policy(trust):
    return TrustPolicy(anchors=trust.anchors, data=RevocationData(crls=trust.crls()))


@pytest.fixture
def verifier(policy, clock):
    return Verifier(policy, clock)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("level", [Level.B_B, Level.B_T])
def test_what_we_sign_passes_at_the_level_asked(trust, sign, verifier, lawyer, pdf, kind, level):
    holder = trust.holder(kind)
    certified = trust.certify(holder, lawyer)
    cades = sign(holder, item_of(ItemKind.CADES, CONTENT, level), certified)
    pades = sign(holder, item_of(ItemKind.PADES, pdf, level), certified)
    for report in (verifier.verify_cades(cades, content=CONTENT), verifier.verify_pdf(pades)):
        assert report.has_passed, report
        (one,) = report.signatures
        assert one.level is level
        assert (one.timestamp_time is None) is (level is Level.B_B)
        assert one.certificate_serial == f"{holder.certificate.serial_number:x}"
        assert one.claimed_attributes == (lawyer.describe(),)
        assert one.certified_attributes[0].startswith("urn:chancela:ordem-exemplo:advogado (")


def test_a_second_signature_leaves_the_first_valid(trust, sign, verifier, pdf):
    first = sign(trust.rsa, item_of(ItemKind.PADES, pdf, Level.B_T))
    both = sign(trust.ec, item_of(ItemKind.PADES, first, Level.B_T))
    report = verifier.verify_pdf(both)
    assert report.has_passed, report
    assert len(report.signatures) == 2


def test_a_digest_alone_is_enough(trust, sign, verifier):
    made = sign(trust.ec, item_of(ItemKind.CADES_DIGEST, CONTENT))
    right, wrong = (DigestAlgorithm.SHA256.of(one) for one in (CONTENT, b"other"))
    assert verifier.verify_cades(made, digest=right).has_passed
    (one,) = verifier.verify_cades(made, digest=wrong).signatures
    assert (one.indication, one.sub_indication) == (Indication.TOTAL_FAILED, "HASH_FAILURE")
    assert verifier.verify_cades(made).problems


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda der: der[:-1], id="truncated"),
        pytest.param(lambda der: der + b"\x00", id="trailing byte"),
        pytest.param(lambda der: b"\x30\x82" + len(der).to_bytes(2, "big") + der, id="wrapped"),
        pytest.param(
            lambda der: der[:-5] + bytes([der[-5] ^ 1]) + der[-4:], id="signature altered"
        ),
        pytest.param(lambda der: der.replace(b"Advogada", b"Advogado"), id="attribute altered"),
        pytest.param(lambda _: b"", id="nothing"),
    ],
)
def test_a_spoilt_cms_never_passes(trust, sign, verifier, lawyer, spoil):
    certified = trust.certify(trust.rsa, lawyer)
    made = sign(trust.rsa, item_of(ItemKind.CADES, CONTENT), certified)
    assert spoil(made) != made
    assert not verifier.verify_cades(spoil(made), content=CONTENT).has_passed


def _incremental(pdf: bytes, body: bytes) -> bytes:
    """Save again with object 4, the page's text, replaced."""
    previous = int(pdf.rstrip().split(b"\n")[-2])
    at = len(pdf)
    pdf += b"4 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (len(body), body)
    return pdf + (
        b"xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size 12 /Root 1 0 R /Prev %d >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (at, previous, len(pdf))
    )


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda pdf: pdf.replace(b"(Contrato)", b"(Contrata)"), id="text altered"),
        pytest.param(lambda pdf: pdf[:-20], id="truncated"),
        pytest.param(lambda pdf: pdf + b"%% more\n%%EOF\n", id="bytes appended"),
        pytest.param(
            lambda pdf: _incremental(pdf, b"BT (Outro contrato) Tj ET"), id="incrementally saved"
        ),
        pytest.param(lambda pdf: pdf.replace(b"/ByteRange [0 ", b"/ByteRange [1 "), id="range"),
        pytest.param(lambda pdf: b"%PDF-1.7\n" + pdf, id="wrapped"),
    ],
)
def test_a_spoilt_pdf_never_passes(trust, sign, verifier, pdf, spoil):
    made = sign(trust.ec, item_of(ItemKind.PADES, pdf, Level.B_T))
    assert verifier.verify_pdf(made).has_passed
    assert spoil(made) != made
    assert not verifier.verify_pdf(spoil(made)).has_passed


def test_an_unsigned_pdf_does_not_pass(verifier, pdf):
    assert not verifier.verify_pdf(pdf).has_passed


def test_no_anchors_trust_nobody(trust, sign, policy, clock):
    made = sign(trust.ec, item_of(ItemKind.CADES, CONTENT))
    report = Verifier(replace(policy, anchors=()), clock).verify_cades(made, content=CONTENT)
    assert not report.has_passed


@pytest.mark.parametrize(
    ("rule", "data", "passes"),
    [
        pytest.param(RevocationRule.HARD_FAIL, "good", True, id="hard, good"),
        pytest.param(RevocationRule.HARD_FAIL, "none", False, id="hard, unknown"),
        pytest.param(RevocationRule.HARD_FAIL, "revoked", False, id="hard, revoked"),
        pytest.param(RevocationRule.SOFT_FAIL, "good", True, id="soft, good"),
        pytest.param(RevocationRule.SOFT_FAIL, "none", True, id="soft, unknown"),
        pytest.param(RevocationRule.SOFT_FAIL, "revoked", False, id="soft, revoked"),
    ],
)
def test_revocation_follows_the_rule(trust, sign, clock, rule, data, passes):
    made = sign(trust.ec, item_of(ItemKind.CADES, CONTENT))
    crls = {"good": trust.crls(), "none": (), "revoked": trust.crls(trust.ec)}[data]
    policy = TrustPolicy(anchors=trust.anchors, revocation=rule, data=RevocationData(crls=crls))
    report = Verifier(policy, clock).verify_cades(made, content=CONTENT)
    assert report.has_passed is passes, report


def test_a_source_is_asked_for_every_certificate_below_the_anchor(trust, sign, clock):
    asked = []

    def source(certificate, issuer):
        asked.append((certificate, issuer))
        return RevocationData(crls=trust.crls())

    made = sign(trust.ec, item_of(ItemKind.CADES, CONTENT))
    policy = TrustPolicy(anchors=trust.anchors, source=source)
    assert Verifier(policy, clock).verify_cades(made, content=CONTENT).has_passed
    leaf, ca, root = trust.ec.chain_der
    assert set(asked) == {(leaf, ca), (ca, root)}


@pytest.mark.parametrize("flaw", ["other holder", "unknown authority", "expired"])
def test_a_bad_attribute_certificate_is_a_problem_though_the_signature_is_good(
    trust, sign, verifier, lawyer, flaw
):
    certified = {
        "other holder": lambda: trust.certify(trust.rsa, lawyer),
        "unknown authority": lambda: trust.certify(trust.ec, lawyer, issuer=trust.rsa),
        "expired": lambda: trust.certify(trust.ec, lawyer, valid_for=timedelta(minutes=-1)),
    }[flaw]()
    made = sign(trust.ec, item_of(ItemKind.CADES, CONTENT), certified)
    report = verifier.verify_cades(made, content=CONTENT)
    (one,) = report.signatures
    assert one.indication is Indication.TOTAL_PASSED
    assert one.certified_attributes == ()
    assert one.problems
    assert not report.has_passed


def test_an_attribute_certificate_that_expired_later_still_counts_with_a_timestamp(
    trust, sign, policy, clock, lawyer
):
    certified = trust.certify(trust.ec, lawyer, valid_for=timedelta(hours=1))
    for level, passes in ((Level.B_T, True), (Level.B_B, False)):
        made = sign(trust.ec, item_of(ItemKind.CADES, CONTENT, level), certified)
        clock.advance(hours=2)
        report = Verifier(policy, clock).verify_cades(made, content=CONTENT)
        clock.advance(hours=-2)
        assert report.has_passed is passes, report


def test_a_timestamp_over_something_else_gives_no_level_t(trust, sign, verifier, clock):
    made = sign(trust.ec, item_of(ItemKind.CADES, CONTENT, Level.B_T))
    (signer_info,) = cms.ContentInfo.load(made)["content"]["signer_infos"]
    right = signer_info["unsigned_attrs"][0]["values"][0].dump()
    other = b""
    while len(other) != len(right):  # its serial number is now and then a byte shorter
        other = sign.tsa.token(Digest.of(DigestAlgorithm.SHA256, b"other"), clock.now())
    (one,) = verifier.verify_cades(made.replace(right, other), content=CONTENT).signatures
    assert one.level is Level.B_B
    assert one.indication is not Indication.TOTAL_PASSED


def test_a_timestamp_is_verified_with_its_content(verifier, tsa):
    token = tsa.stamp(Digest.of(DigestAlgorithm.SHA256, CONTENT)).der
    assert verifier.verify_timestamp(token, CONTENT).indication is Indication.TOTAL_PASSED
    assert verifier.verify_timestamp(token, b"other").indication is not Indication.TOTAL_PASSED
    assert verifier.verify_timestamp(b"x", CONTENT).indication is Indication.TOTAL_FAILED


def test_kinds_are_told_from_content(trust, sign, tsa, pdf):
    assert kind_of(pdf) is FileKind.PDF
    assert kind_of(sign(trust.ec, item_of(ItemKind.CADES, CONTENT))) is FileKind.CMS
    stamp = tsa.stamp(Digest.of(DigestAlgorithm.SHA256, CONTENT)).der
    assert kind_of(stamp) is FileKind.TIMESTAMP
    assert kind_of(b"text") is FileKind.UNKNOWN
