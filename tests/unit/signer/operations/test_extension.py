"""Extension of signatures made elsewhere: verified first, refused when broken."""

import pytest

from signer.domain.errors import (
    DocumentRefusedError,
    InvalidRequestError,
    RevocationUnavailableError,
)
from signer.domain.signature_options import Packaging, SignatureOptions, SignedFile
from signer.domain.transaction import Level
from signer.domain.values import Digest, DigestAlgorithm
from signer.formats.cades import CAdESExtender
from signer.operations.extension import ExtendSignature
from signer.validation import FileKind, RevocationData, TrustPolicy, Verifier
from tests.fixtures.long_term import cms_item

CONTENT = b"contrato"
ENVELOPING = SignatureOptions(packaging=Packaging.ENVELOPING)


def beside(content=CONTENT, *, whole=True):
    digest = Digest.of(DigestAlgorithm.SHA256, content)
    return (
        SignedFile(
            name="contrato",
            media_type="text/plain",
            digest=digest,
            content=content if whole else None,
        ),
    )


def asked(source):
    """Our own source of revocation status, as verification wants it."""

    def ask(certificate, issuer):
        found = source.status(certificate, issuer)
        return RevocationData(found.ocsp_responses, found.crls)

    return ask


@pytest.fixture
def extend(long_term, clock):
    def make(anchors=(long_term.anchor,), *, online=True):
        source = asked(long_term.services.validation_data) if online else None
        policy = TrustPolicy(anchors=anchors, **({"source": source} if source else {}))
        return ExtendSignature(
            {FileKind.CMS: CAdESExtender()}, Verifier(policy, clock), long_term.services
        )

    return make


@pytest.mark.parametrize("level", [Level.B_T, Level.B_LT, Level.B_LTA])
@pytest.mark.parametrize("whole", [True, False])
def test_a_valid_signature_is_extended(long_term, extend, clock, level, whole):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT))
    done = extend()(signed, level, beside(whole=whole))
    assert done.kind is FileKind.CMS
    source = asked(long_term.services.validation_data)
    verifier = Verifier(TrustPolicy(anchors=(long_term.anchor,), source=source), clock)
    report = verifier.verify_cades(done.content, content=CONTENT)
    assert report.has_passed, report
    assert report.signatures[0].level is level


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda one: one[:-3] + bytes((one[-3] ^ 1,)) + one[-2:], id="value"),
        pytest.param(lambda one: one.replace(CONTENT, b"contratu"), id="content"),
        pytest.param(lambda one: one[:-1], id="cut off"),
    ],
)
def test_a_broken_signature_is_not_extended(long_term, extend, spoil):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT, options=ENVELOPING))
    assert extend()(signed, Level.B_T)
    with pytest.raises(DocumentRefusedError):
        extend()(spoil(signed), Level.B_T)


def test_an_untrusted_signature_is_not_extended(long_term, extend):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT))
    with pytest.raises(DocumentRefusedError):
        extend(anchors=())(signed, Level.B_T, beside())


def test_a_revoked_signer_is_not_extended(long_term, extend):
    holder = long_term.holder()
    signed = long_term.made(holder, cms_item(CONTENT))
    long_term.pki.ca.set_status(holder.chain_der[0], "revoked")
    with pytest.raises(DocumentRefusedError, match="REVOKED"):
        extend()(signed, Level.B_T, beside())


def test_a_status_that_cannot_be_had_now_is_unavailable(long_term, extend):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT))
    with pytest.raises(RevocationUnavailableError):
        extend(online=False)(signed, Level.B_T, beside())


@pytest.mark.parametrize(
    "detached",
    [
        pytest.param((), id="none"),
        pytest.param(beside(b"other"), id="another"),
        pytest.param(beside(b"other", whole=False), id="another digest"),
        pytest.param(beside() * 2, id="two"),
    ],
)
def test_a_signature_is_not_extended_over_another_content(long_term, extend, detached):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT))
    with pytest.raises(DocumentRefusedError):
        extend()(signed, Level.B_T, detached)


def test_a_digest_that_is_not_the_contents_is_refused(long_term, extend):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT))
    (right,) = beside()
    (other,) = beside(b"other")
    wrong = SignedFile(
        name="contrato", media_type="text/plain", digest=other.digest, content=right.content
    )
    with pytest.raises(InvalidRequestError) as caught:
        extend()(signed, Level.B_T, (wrong,))
    assert caught.value.field == "files"


@pytest.mark.parametrize("file", [b"", b"text", b"%PDF-1.7\n", b"<a/>", b"\x30\x00"])
def test_what_is_no_signed_file_served_here_is_refused(extend, file):
    with pytest.raises(DocumentRefusedError):
        extend()(file, Level.B_T)


def test_the_lowest_level_is_none_to_extend_to(long_term, extend):
    signed = long_term.made(long_term.holder(), cms_item(CONTENT))
    with pytest.raises(InvalidRequestError) as caught:
        extend()(signed, Level.B_B, beside())
    assert caught.value.field == "level"
