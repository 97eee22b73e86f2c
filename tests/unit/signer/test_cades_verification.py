"""What verification says about long-term CAdES, offline, later, and after somebody's hand."""

from dataclasses import replace

import pytest
from asn1crypto import cms

from signer.domain.signature_options import Packaging, SignatureOptions, SignedFile
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import Digest, DigestAlgorithm, KeyAlgorithm
from signer.formats.archive_timestamp import ARCHIVE_TIME_STAMP_V3
from signer.formats.cades import CAdESExtender
from signer.formats.cms_parts import Attribute, SignedDataParts
from signer.validation import Indication, RevocationRule, TrustPolicy, Verifier
from tests.fixtures.long_term import cms_item

CONTENT = b"contrato"
LONG = [Level.B_LT, Level.B_LTA]
ENVELOPING = SignatureOptions(packaging=Packaging.ENVELOPING)
BESIDE = (
    SignedFile(
        name="contrato",
        media_type="text/plain",
        digest=Digest.of(DigestAlgorithm.SHA256, CONTENT),
        content=CONTENT,
    ),
)


@pytest.fixture
def offline(long_term, clock):
    return Verifier(TrustPolicy(anchors=(long_term.anchor,)), clock)


def renewed(long_term, signed):
    return CAdESExtender().extend(signed, Level.B_LTA, long_term.services, BESIDE)


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.RSA_3072])
@pytest.mark.parametrize("level", LONG)
def test_a_long_term_signature_passes_offline_at_its_level(
    long_term, offline, lawyer, algorithm, level
):
    made = long_term.made(long_term.holder(algorithm), cms_item(CONTENT, level), lawyer)
    report = offline.verify_cades(made, content=CONTENT)
    assert report.has_passed, report
    (one,) = report.signatures
    assert one.level is level
    assert one.timestamp_time is not None
    assert offline.verify_cades(made, digest=DigestAlgorithm.SHA256.of(CONTENT)).has_passed


@pytest.mark.parametrize("level", [Level.B_B, Level.B_T])
def test_lower_levels_do_not_pass_offline(long_term, offline, level):
    made = long_term.made(long_term.holder(), cms_item(CONTENT, level))
    (one,) = offline.verify_cades(made, content=CONTENT).signatures
    assert one.indication is Indication.INDETERMINATE
    assert one.level is Level.B_B  # a time-stamp that cannot be judged proves no level


@pytest.mark.parametrize("level", LONG)
def test_a_long_term_signature_passes_after_its_signer_was_revoked(
    long_term, offline, clock, level
):
    holder = long_term.holder()
    made = long_term.made(holder, cms_item(CONTENT, level))
    clock.advance(days=1)
    long_term.pki.ca.set_status(holder.chain_der[0], "revoked")
    assert offline.verify_cades(made, content=CONTENT).has_passed


@pytest.mark.parametrize("level", LONG)
def test_a_long_term_signature_passes_after_its_signers_certificate_ended(
    long_term, offline, clock, level
):
    made = long_term.made(long_term.holder(), cms_item(CONTENT, level))
    clock.advance(days=1200)
    report = offline.verify_cades(made, content=CONTENT)
    assert report.has_passed, report
    assert report.signatures[0].level is level


def test_a_renewed_signature_passes_with_both_archive_time_stamps(long_term, offline, clock):
    made = long_term.made(long_term.holder(), cms_item(CONTENT, Level.B_LTA))
    clock.advance(days=100)
    made = renewed(long_term, made)
    clock.advance(days=100)
    report = offline.verify_cades(made, content=CONTENT)
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA


def test_parallel_signatures_are_reported_each_at_its_level(long_term, offline):
    first = long_term.made(long_term.holder(), cms_item(CONTENT, Level.B_LT, options=ENVELOPING))
    both = long_term.made(
        long_term.holder(KeyAlgorithm.RSA_3072, "c2"),
        cms_item(first, Level.B_LTA, options=SignatureOptions(parallel=True)),
    )
    report = offline.verify_cades(both)
    assert report.has_passed, report
    assert {one.level for one in report.signatures} == set(LONG)


def _altered(parts, **changes):
    return replace(parts, **changes).encode()


def _without_certificate(parts):
    return _altered(parts, certificates=parts.certificates[:-1])


def _other_certificate(parts):
    last = parts.certificates[-1]
    return _altered(
        parts, certificates=(*parts.certificates[:-1], last[:-1] + bytes((last[-1] ^ 1,)))
    )


def _other_answer(parts):
    last = parts.revocation[0]
    return _altered(parts, revocation=(last[:-1] + bytes((last[-1] ^ 1,)), *parts.revocation[1:]))


def _without_answer(parts):
    return _altered(parts, revocation=parts.revocation[1:])


def _without_signature_time_stamp(parts):
    (signer,) = parts.signers
    kept = tuple(one for one in signer.unsigned if one.oid == ARCHIVE_TIME_STAMP_V3)
    return _altered(parts, signers=(replace(signer, unsigned=kept),))


def _copied_archive(parts):
    """The archive time-stamp of another signature."""
    (signer,) = parts.signers
    (token,) = signer.unsigned_values(ARCHIVE_TIME_STAMP_V3)
    inner = SignedDataParts.parse(token)
    (unit,) = inner.signers
    (index,) = unit.unsigned
    value = index.values[0]
    changed = value[:-1] + bytes((value[-1] ^ 1,))
    spoilt = Attribute(index.oid, (changed,), index.encoded[: -len(value)] + changed)
    token = replace(inner, signers=(replace(unit, unsigned=(spoilt,)),)).encode()
    bare = replace(
        signer,
        unsigned=tuple(one for one in signer.unsigned if one.oid != ARCHIVE_TIME_STAMP_V3),
    )
    return _altered(parts, signers=(bare.with_unsigned(ARCHIVE_TIME_STAMP_V3, token),))


@pytest.mark.parametrize(
    "spoil",
    [
        _without_certificate,
        _other_certificate,
        _other_answer,
        _without_answer,
        _without_signature_time_stamp,
        _copied_archive,
    ],
)
def test_a_broken_archive_is_flagged(long_term, offline, spoil):
    made = long_term.made(long_term.holder(), cms_item(CONTENT, Level.B_LTA))
    spoilt = spoil(SignedDataParts.parse(made))
    assert spoilt != made
    report = offline.verify_cades(spoilt, content=CONTENT)
    assert not report.has_passed
    if report.signatures:
        assert report.signatures[0].level is not Level.B_LTA
        assert any("archive time-stamp" in one for one in report.signatures[0].problems)


def test_the_archive_time_stamp_of_another_signature_is_flagged(long_term, offline):
    one, other = (
        SignedDataParts.parse(
            long_term.made(long_term.holder(identity=name), cms_item(CONTENT, Level.B_LTA))
        )
        for name in ("c1", "c2")
    )
    (token,) = other.signers[0].unsigned_values(ARCHIVE_TIME_STAMP_V3)
    signer = one.signers[0]
    kept = tuple(each for each in signer.unsigned if each.oid != ARCHIVE_TIME_STAMP_V3)
    forged = replace(signer, unsigned=kept).with_unsigned(ARCHIVE_TIME_STAMP_V3, token)
    report = offline.verify_cades(_altered(one, signers=(forged,)), content=CONTENT)
    assert not report.has_passed
    assert report.signatures[0].level is Level.B_LT


@pytest.mark.parametrize("level", LONG)
def test_another_content_never_passes(long_term, offline, level):
    made = long_term.made(long_term.holder(), cms_item(CONTENT, level))
    (one,) = offline.verify_cades(made, content=b"other").signatures
    assert (one.indication, one.sub_indication) == (Indication.TOTAL_FAILED, "HASH_FAILURE")


def test_data_from_elsewhere_is_no_long_term_level(long_term, clock):
    """What only passes with help from outside is reported at B-T."""
    made = long_term.made(long_term.holder(), cms_item(CONTENT, Level.B_LT))
    bare = _altered(
        SignedDataParts.parse(made), revocation=SignedDataParts.parse(made).revocation[:1]
    )
    soft = TrustPolicy(anchors=(long_term.anchor,), revocation=RevocationRule.SOFT_FAIL)
    (one,) = Verifier(soft, clock).verify_cades(bare, content=CONTENT).signatures
    assert one.level is Level.B_T


def test_truncated_long_term_files_never_pass(long_term, offline):
    made = long_term.made(
        long_term.holder(), cms_item(CONTENT, Level.B_LTA, ItemKind.CADES, options=ENVELOPING)
    )
    assert offline.verify_cades(made).has_passed
    for size in range(0, len(made), 701):
        assert not offline.verify_cades(made[:size]).has_passed
    assert cms.ContentInfo.load(made)
