"""Programs that others wrote accept long-term CAdES, and refuse it when it is spoilt."""

import re
import subprocess

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.serialization import Encoding

from signer.domain.signature_options import (
    CommitmentType,
    Packaging,
    ProductionPlace,
    SignatureOptions,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.transaction import Level
from signer.domain.values import Digest, DigestAlgorithm, KeyAlgorithm
from signer.formats.cms_parts import SignedDataParts
from tests.fixtures.long_term import cms_item

CONTENT = b"contrato\n"
PARALLEL = SignatureOptions(parallel=True)
ENVELOPING = SignatureOptions(packaging=Packaging.ENVELOPING)
SAID = SignedProperties(
    commitment=CommitmentType.AUTHORSHIP,
    policy=SignaturePolicy(
        oid="1.3.6.1.4.1.99999.7.1",
        digest=Digest.of(DigestAlgorithm.SHA256, b"policy"),
        url="https://policies.example.org/1",
    ),
    place=ProductionPlace(city="Évora", postal_code="7000-001", country="PT"),
    claimed_roles=("Gerente",),
    content_timestamp=True,
)
LEVELS = pytest.mark.parametrize("level", list(Level))


@pytest.fixture
def anchor(long_term, tmp_path):
    path = tmp_path / "root.pem"
    path.write_bytes(long_term.pki.root.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def openssl(tmp_path, anchor):
    def accepts(signed, content=None):
        (tmp_path / "signature").write_bytes(signed)
        (tmp_path / "content").write_bytes(content or b"")
        beside = ("-content", tmp_path / "content") if content is not None else ()
        done = subprocess.run(
            [
                *("openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER"),
                *("-in", tmp_path / "signature", *beside, "-CAfile", anchor),
                *("-purpose", "any", "-out", tmp_path / "out"),
            ],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    return accepts


@pytest.fixture(scope="module")
def endesive_plain():
    """endesive, though its oscrypto cannot read the version of OpenSSL 3.0.10 and later."""
    with pytest.MonkeyPatch.context() as patch:
        search = re.search

        def tolerant(pattern, string, flags=0):
            if pattern == r"\b(\d\.\d\.\d[a-z]*)\b":
                pattern = r"\b(\d+\.\d+\.\d+[a-z]*)\b"
            return search(pattern, string, flags)

        patch.setattr(re, "search", tolerant)
        import oscrypto._openssl._libcrypto  # noqa: F401 - reads the version while imported
    from endesive import plain

    return plain


@LEVELS
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256])
def test_openssl_accepts_every_level(long_term, openssl, lawyer, level, algorithm):
    options = SignatureOptions(properties=SAID)
    item = cms_item(CONTENT, level, options=options)
    made = long_term.made(long_term.holder(algorithm), item, lawyer)
    assert openssl(made, CONTENT)
    assert not openssl(made, CONTENT + b"!")
    assert not openssl(made.replace(b"Gerente", b"Gerenta"), CONTENT)


@LEVELS
def test_openssl_finds_the_content_inside(long_term, openssl, tmp_path, level):
    made = long_term.made(long_term.holder(), cms_item(CONTENT, level, options=ENVELOPING))
    assert openssl(made)
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert not openssl(made.replace(CONTENT, b"contratu\n"))


@LEVELS
def test_openssl_accepts_parallel_signatures(long_term, openssl, level):
    first = long_term.made(long_term.holder(), cms_item(CONTENT, Level.B_LT))
    second = long_term.holder(KeyAlgorithm.RSA_3072, "c2")
    both = long_term.made(second, cms_item(first, level, options=PARALLEL))
    assert len(SignedDataParts.parse(both).signers) == 2
    assert openssl(both, CONTENT)
    assert not openssl(both, CONTENT + b"!")


@LEVELS
def test_endesive_accepts_every_level(long_term, endesive_plain, level):
    made = long_term.made(long_term.holder(KeyAlgorithm.RSA_3072), cms_item(CONTENT, level))
    trusted = [long_term.pki.root.public_bytes(Encoding.PEM)]
    result = endesive_plain.verify(made, CONTENT, trusted)
    assert (result.hashok, result.signatureok, result.certok) == (True, True, True)
    assert not endesive_plain.verify(made, CONTENT + b"!", trusted).hashok


def test_openssl_verifies_every_time_stamp(long_term, tmp_path, anchor):
    options = SignatureOptions(properties=SAID)
    made = long_term.made(long_term.holder(), cms_item(CONTENT, Level.B_LTA, options=options))
    parts = SignedDataParts.parse(made).signers[0]
    tokens = {
        "1.2.840.113549.1.9.16.2.20": parts.signed("1.2.840.113549.1.9.16.2.20"),
        **{one.oid: one.values[0] for one in parts.unsigned},
    }
    assert len(tokens) == 3
    for token in tokens.values():
        info = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
        imprint = info["message_imprint"]["hashed_message"].native.hex()
        (tmp_path / "token").write_bytes(token)
        command = ["openssl", "ts", "-verify", "-token_in", "-in", tmp_path / "token"]
        done = subprocess.run(
            [*command, "-digest", imprint, "-CAfile", anchor], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
