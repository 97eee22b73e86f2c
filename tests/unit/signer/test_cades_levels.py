"""CAdES at every level, in every packaging, from files and from digests alone."""

from dataclasses import replace

import pytest
from asn1crypto import algos, cms
from pyhanko.sign.ades import cades_asn1  # noqa: F401 - teaches asn1crypto the attributes

from signer.domain.attribute import ProfessionalAttribute
from signer.domain.errors import (
    DocumentRefusedError,
    InvalidRequestError,
    RevocationUnavailableError,
    TimestampUnavailableError,
)
from signer.domain.signature_options import Packaging, SignatureOptions, SignedFile
from signer.domain.strict_der import parse
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import Digest, DigestAlgorithm, KeyAlgorithm
from signer.formats.archive_timestamp import ARCHIVE_TIME_STAMP_V3, ATS_HASH_INDEX_V3
from signer.formats.cades import CAdESExtender
from signer.formats.cms import SIGNATURE_TIME_STAMP
from signer.formats.cms_parts import SignedDataParts
from tests.fixtures.long_term import cms_item

CONTENT = b"contrato"
BEYOND_B = [Level.B_T, Level.B_LT, Level.B_LTA]
PARALLEL = SignatureOptions(parallel=True)
ENVELOPING = SignatureOptions(packaging=Packaging.ENVELOPING)


def beside(content=CONTENT, algorithm=DigestAlgorithm.SHA256, *, whole=True):
    return (
        SignedFile(
            name="contrato",
            media_type="text/plain",
            digest=Digest.of(algorithm, content),
            content=content if whole else None,
        ),
    )


class Unavailable:
    def __init__(self, error):
        self.error = error

    def stamp(self, digest):
        del digest
        raise self.error

    def collect(self, certificates, pool=()):
        del certificates, pool
        raise self.error


def extended(long_term, signed, level, detached=()):
    return CAdESExtender().extend(signed, level, long_term.services, detached)


def attributes(made, oid):
    parts = SignedDataParts.parse(made)
    return [value for one in parts.signers for value in one.unsigned_values(oid)]


def test_a_long_term_cms_is_der_of_version_5_with_paths_and_answers(long_term):
    holder = long_term.holder()
    made = long_term.made(holder, cms_item(CONTENT, Level.B_LT))
    signed_data = cms.ContentInfo.load(made, strict=True)["content"]
    assert signed_data["version"].native == "v5"
    kinds = [one.name for one in signed_data["crls"]]
    assert kinds == ["other"] * 3
    assert {one.chosen["other_rev_info_format"].dotted for one in signed_data["crls"]} == {
        "1.3.6.1.5.5.7.16.2"
    }
    subjects = [one.chosen.subject.native["common_name"] for one in signed_data["certificates"]]
    assert len(subjects) == len(set(subjects)) == 5
    assert not any("Root CA" in one for one in subjects)


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_the_certificates_of_attribute_authorities_are_covered(
    long_term, lawyer: ProfessionalAttribute, level
):
    plain = long_term.made(long_term.holder(), cms_item(CONTENT, level))
    made = long_term.made(long_term.holder(), cms_item(CONTENT, level), lawyer)
    counts = [len(SignedDataParts.parse(one).revocation) for one in (plain, made)]
    assert counts == [3, 4]


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.RSA_3072])
@pytest.mark.parametrize("level", BEYOND_B)
def test_a_digest_alone_gives_what_the_file_gives(long_term, algorithm, level):
    holder = long_term.holder(algorithm)
    from_digest = long_term.made(holder, cms_item(CONTENT, level, ItemKind.CADES_DIGEST))
    from_file = long_term.made(holder, cms_item(CONTENT, level))
    one, other = (SignedDataParts.parse(made) for made in (from_digest, from_file))
    assert one.signers[0].signed_attributes == other.signers[0].signed_attributes
    assert [a.oid for a in one.signers[0].unsigned] == [a.oid for a in other.signers[0].unsigned]


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_an_archive_time_stamp_is_in_the_digest_of_the_content(long_term, algorithm):
    item = cms_item(CONTENT, Level.B_LTA, ItemKind.CADES_DIGEST, algorithm)
    (token,) = attributes(long_term.made(long_term.holder(), item), ARCHIVE_TIME_STAMP_V3)
    info = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
    assert info["message_imprint"]["hash_algorithm"]["algorithm"].native == algorithm.hash_name
    (index,) = SignedDataParts.parse(token).signers[0].unsigned_values(ATS_HASH_INDEX_V3)
    assert (
        algos.DigestAlgorithm.load(parse(index).children(0x30)[0].encoded)["algorithm"].native
        == algorithm.hash_name
    )


def test_content_is_enclosed_when_asked(long_term):
    for level in Level:
        made = long_term.made(long_term.holder(), cms_item(CONTENT, level, options=ENVELOPING))
        assert SignedDataParts.parse(made).content == CONTENT


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("first", [None, Packaging.ENVELOPING], ids=["detached", "enveloping"])
def test_a_parallel_signature_leaves_the_first_as_it_was(long_term, level, first):
    options = SignatureOptions(packaging=first)
    one = long_term.made(long_term.holder(), cms_item(CONTENT, Level.B_LT, options=options))
    second = long_term.holder(KeyAlgorithm.RSA_3072, "c2")
    both = long_term.made(second, cms_item(one, level, options=PARALLEL))
    before, after = SignedDataParts.parse(one), SignedDataParts.parse(both)
    assert len(after.signers) == 2
    assert before.signers[0] in after.signers
    assert after.content == before.content
    assert set(before.certificates) <= set(after.certificates)
    assert set(before.revocation) <= set(after.revocation)
    (added,) = set(after.signers) - set(before.signers)
    stamped = len(added.unsigned_values(SIGNATURE_TIME_STAMP))
    assert stamped == (0 if level is Level.B_B else 1)
    if level in {Level.B_LT, Level.B_LTA}:
        assert len(after.revocation) > len(before.revocation)


def test_a_parallel_signature_needs_a_digest_its_file_tells(long_term):
    one = long_term.made(long_term.holder(), cms_item(CONTENT))
    item = cms_item(one, algorithm=DigestAlgorithm.SHA512, options=PARALLEL)
    with pytest.raises(DocumentRefusedError, match="SHA512"):
        long_term.made(long_term.holder(), item)


@pytest.mark.parametrize("garbage", [b"", b"\x30\x00", b"not a CMS", b"\x30\x80" * 100])
def test_a_parallel_signature_needs_a_cms(long_term, garbage):
    with pytest.raises(DocumentRefusedError):
        long_term.made(long_term.holder(), cms_item(garbage, options=PARALLEL))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param(ItemKind.CADES_DIGEST, ENVELOPING, id="enveloping a digest"),
        pytest.param(ItemKind.CADES_DIGEST, PARALLEL, id="parallel to a digest"),
        pytest.param(
            ItemKind.CADES, SignatureOptions(packaging=Packaging.ENVELOPED), id="enveloped"
        ),
        pytest.param(ItemKind.CADES, SignatureOptions(pss=True), id="PSS"),
        pytest.param(ItemKind.CADES, replace(ENVELOPING, parallel=True), id="parallel, repackaged"),
    ],
)
def test_what_a_cms_cannot_be_is_refused(long_term, kind, options):
    with pytest.raises(InvalidRequestError):
        long_term.prepare(long_term.holder(), cms_item(CONTENT, kind=kind, options=options))


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_missing_data_is_an_error_and_never_a_lower_level(long_term, level):
    item, holder = cms_item(CONTENT, level), long_term.holder()
    for error in (RevocationUnavailableError(), InvalidRequestError("revoked")):
        with pytest.raises(type(error)):
            long_term.without(validation_data=Unavailable(error)).made(holder, item)
    with pytest.raises(TimestampUnavailableError):
        long_term.without(timestamps=Unavailable(TimestampUnavailableError())).made(holder, item)


@pytest.mark.parametrize("level", BEYOND_B)
def test_a_signature_is_extended_to_any_higher_level(long_term, level):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT))
    made = extended(long_term, signed, level, beside())
    before, after = SignedDataParts.parse(signed), SignedDataParts.parse(made)
    assert before.signers[0].fixed == after.signers[0].fixed
    assert len(attributes(made, SIGNATURE_TIME_STAMP)) == 1
    assert bool(after.revocation) is (level is not Level.B_T)
    assert len(attributes(made, ARCHIVE_TIME_STAMP_V3)) == (level is Level.B_LTA)


def test_all_parallel_signatures_are_extended(long_term):
    one = long_term.made(long_term.holder(), cms_item(CONTENT, options=ENVELOPING))
    both = long_term.made(
        long_term.holder(KeyAlgorithm.RSA_3072, "c2"), cms_item(one, options=PARALLEL)
    )
    made = extended(long_term, both, Level.B_LTA)
    assert len(attributes(made, ARCHIVE_TIME_STAMP_V3)) == 2
    assert len(attributes(made, SIGNATURE_TIME_STAMP)) == 2


def test_renewal_adds_an_archive_time_stamp_and_data_about_the_last(long_term, clock):
    made = long_term.made(long_term.holder(), cms_item(CONTENT, Level.B_LTA))
    clock.advance(days=1)
    renewed = extended(long_term, made, Level.B_LTA, beside(whole=False))
    before, after = SignedDataParts.parse(made), SignedDataParts.parse(renewed)
    assert len(attributes(renewed, ARCHIVE_TIME_STAMP_V3)) == 2
    assert set(attributes(made, ARCHIVE_TIME_STAMP_V3)) < set(
        attributes(renewed, ARCHIVE_TIME_STAMP_V3)
    )
    assert set(before.revocation) < set(after.revocation)


def test_a_long_term_signature_is_archived_after_its_signer_was_revoked(long_term, clock):
    """What was proven when the level was reached stays proven."""
    holder = long_term.holder()
    made = long_term.made(holder, cms_item(CONTENT, Level.B_LT))
    clock.advance(hours=1)
    long_term.pki.ca.set_status(holder.chain_der[0], "revoked")
    assert attributes(extended(long_term, made, Level.B_LTA, beside()), ARCHIVE_TIME_STAMP_V3)


def test_a_revoked_signer_never_reaches_the_long_term_level(long_term):
    holder = long_term.holder()
    signed = long_term.made(holder, cms_item(CONTENT, Level.B_T))
    long_term.pki.ca.set_status(holder.chain_der[0], "revoked")
    with pytest.raises(InvalidRequestError, match="revoked"):
        extended(long_term, signed, Level.B_LT, beside())


@pytest.mark.parametrize("level", [Level.B_B, Level.B_T, Level.B_LT])
def test_a_level_that_is_there_is_not_made_again(long_term, level):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT, level))
    with pytest.raises(InvalidRequestError) as caught:
        extended(long_term, signed, level, beside())
    assert caught.value.field == "level"


@pytest.mark.parametrize(
    "detached",
    [
        pytest.param((), id="none"),
        pytest.param(beside(b"other"), id="another"),
        pytest.param(beside() + beside(), id="several"),
    ],
)
def test_extension_needs_the_content_that_was_signed(long_term, detached):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT))
    with pytest.raises(DocumentRefusedError):
        extended(long_term, signed, Level.B_LTA, detached)


def test_ber_of_others_is_extended_to_der(long_term):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT, options=ENVELOPING))
    indefinite = _indefinite(signed)
    assert indefinite != signed
    made = extended(long_term, indefinite, Level.B_T)
    parts = SignedDataParts.parse(made)
    assert parts.content == CONTENT
    assert parts.signers[0].fixed == SignedDataParts.parse(signed).signers[0].fixed
    cms.ContentInfo.load(made, strict=True)


def _indefinite(signed):
    """ContentInfo, its [0], SignedData and the content as BER writers have them."""
    from signer.domain import strict_der
    from signer.formats import der

    kind, explicit = strict_der.parse(signed).children(0x30)
    version, digests, enclosed, *rest = explicit.children(0xA0)[0].children(0x30)
    octets = b"\x24\x80" + der.octet_string(CONTENT[:3]) + der.octet_string(CONTENT[3:])
    content = b"\x30\x80" + enclosed.children(0x30)[0].encoded + b"\xa0\x80" + octets + b"\0\0" * 3
    inner = version.encoded + digests.encoded + content + b"".join(one.encoded for one in rest)
    return b"\x30\x80" + kind.encoded + b"\xa0\x80\x30\x80" + inner + b"\0\0" * 3
