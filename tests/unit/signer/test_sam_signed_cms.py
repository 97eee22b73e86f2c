"""What a CMS that gets a further signature is about: its content, or what all its signers state."""

import hashlib

import pytest
from asn1crypto import cms, core

from signer.domain.errors import IntegrityAlarmError
from signer.domain.values import Digest, DigestAlgorithm
from signer.sam.signed_cms import content_of

CONTENT = b"what was signed"
OTHER = hashlib.sha256(b"something else").digest()
RIGHT = hashlib.sha256(CONTENT).digest()


def attribute(kind, *values):
    return cms.CMSAttribute({"type": kind, "values": list(values)})


def signer(*digests, algorithm="sha256", attributes=True):
    """A SignerInfo that states these digests; its signature is nobody's concern here."""
    stated = [attribute("content_type", "data")]
    stated += [attribute("message_digest", core.OctetString(one)) for one in digests]
    fields = {
        "version": "v3",
        "sid": cms.SignerIdentifier({"subject_key_identifier": b"key"}),
        "digest_algorithm": {"algorithm": algorithm},
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": b"signature",
    }
    if attributes:
        fields["signed_attrs"] = stated
    return cms.SignerInfo(fields)


def signed(*signers, content=None, kind="data", outer="signed_data"):
    enclosed = {"content_type": kind}
    if content is not None:
        enclosed["content"] = core.ParsableOctetString(content)
    data = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": enclosed,
            "signer_infos": list(signers),
        }
    )
    return cms.ContentInfo({"content_type": outer, "content": data}).dump()


def digest(value):
    return Digest(DigestAlgorithm.SHA256, value)


def test_content_inside_is_digested_whatever_signers_state():
    found = content_of(signed(signer(OTHER), content=CONTENT), DigestAlgorithm.SHA256)
    assert found == digest(RIGHT)


def test_content_inside_is_digested_with_the_algorithm_asked_for():
    found = content_of(signed(signer(RIGHT), content=CONTENT), DigestAlgorithm.SHA512)
    assert found == Digest.of(DigestAlgorithm.SHA512, CONTENT)


@pytest.mark.parametrize(
    "signers",
    [
        pytest.param([signer(RIGHT)], id="one"),
        pytest.param([signer(RIGHT), signer(RIGHT)], id="two that agree"),
        pytest.param(
            [signer(RIGHT), signer(hashlib.sha512(CONTENT).digest(), algorithm="sha512")],
            id="one of another algorithm",
        ),
        pytest.param([signer(RIGHT), signer(attributes=False)], id="one that states nothing"),
    ],
)
def test_what_all_signers_state_is_what_a_detached_one_is_about(signers):
    assert content_of(signed(*signers), DigestAlgorithm.SHA256) == digest(RIGHT)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(signed(signer(RIGHT), signer(OTHER)), "do not agree", id="they differ"),
        pytest.param(signed(signer(RIGHT, OTHER)), "do not agree", id="one states two"),
        pytest.param(signed(signer(RIGHT, RIGHT)), "do not agree", id="one states it twice"),
        pytest.param(signed(signer(attributes=False)), "do not agree", id="nobody states it"),
        pytest.param(signed(), "do not agree", id="nobody signs"),
        pytest.param(signed(signer(RIGHT), kind="tst_info"), "no data", id="a time-stamp"),
        pytest.param(signed(signer(RIGHT), outer="1.2.3.4"), "not a CMS", id="another type"),
    ],
)
def test_a_cms_that_leaves_a_doubt_is_refused(document, said):
    with pytest.raises(IntegrityAlarmError, match=said):
        content_of(document, DigestAlgorithm.SHA256)
