"""Verifiers that others wrote accept what we sign, and refuse it when it is spoilt."""

import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from signer.domain.transaction import ItemKind, Level
from tests.fixtures.documents import item_of

CONTENT = b"contrato\n"
CASES = [
    pytest.param(kind, level, id=f"{kind}, {level}")
    for kind in ("rsa", "ec")
    for level in (Level.B_B, Level.B_T)
]


@pytest.fixture(scope="module")
def endesive_pdf():
    """endesive, though its oscrypto cannot read the version of OpenSSL 3.0.10 and later."""
    with pytest.MonkeyPatch.context() as patch:
        search = re.search

        def tolerant(pattern, string, flags=0):
            if pattern == r"\b(\d\.\d\.\d[a-z]*)\b":
                pattern = r"\b(\d+\.\d+\.\d+[a-z]*)\b"
            return search(pattern, string, flags)

        patch.setattr(re, "search", tolerant)
        import oscrypto._openssl._libcrypto  # noqa: F401 - reads the version while imported
    from endesive import pdf

    return pdf


@pytest.fixture
def anchor(trust, tmp_path):
    path = tmp_path / "root.pem"
    path.write_bytes(trust.root.certificate.public_bytes(serialization.Encoding.PEM))
    return path


def _openssl_accepts(tmp_path, anchor, cms, content):
    (tmp_path / "signature.p7s").write_bytes(cms)
    (tmp_path / "content").write_bytes(content)
    done = subprocess.run(
        [
            *("openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER"),
            *("-in", tmp_path / "signature.p7s", "-content", tmp_path / "content"),
            *("-CAfile", anchor, "-purpose", "any", "-out", "/dev/null"),
        ],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize(("kind", "level"), CASES)
def test_openssl_accepts_cades_with_a_certified_role(
    trust, sign, lawyer, tmp_path, anchor, kind, level
):
    holder = trust.holder(kind)
    item = item_of(ItemKind.CADES, CONTENT, level)
    made = sign(holder, item, trust.certify(holder, lawyer))
    assert _openssl_accepts(tmp_path, anchor, made, CONTENT)
    assert not _openssl_accepts(tmp_path, anchor, made, CONTENT + b"!")
    spoilt = made.replace(b"Advogada", b"Advogado")
    assert not _openssl_accepts(tmp_path, anchor, spoilt, CONTENT)


def test_openssl_verifies_a_signature_time_stamp(trust, sign, tmp_path, anchor):
    from asn1crypto import cms

    made = sign(trust.rsa, item_of(ItemKind.CADES, CONTENT, Level.B_T))
    (signer_info,) = cms.ContentInfo.load(made)["content"]["signer_infos"]
    (tmp_path / "token").write_bytes(signer_info["unsigned_attrs"][0]["values"][0].dump())
    (tmp_path / "value").write_bytes(signer_info["signature"].native)
    done = subprocess.run(
        [
            *("openssl", "ts", "-verify", "-token_in", "-in", tmp_path / "token"),
            *("-data", tmp_path / "value", "-CAfile", anchor),
        ],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("kind", "level"), CASES)
def test_endesive_accepts_pades(trust, sign, lawyer, pdf, endesive_pdf, kind, level):
    holder = trust.holder(kind)
    made = sign(holder, item_of(ItemKind.PADES, pdf, level), trust.certify(holder, lawyer))
    pem = trust.root.certificate.public_bytes(serialization.Encoding.PEM)
    result, *_ = endesive_pdf.verify(made, [pem])[0:1]
    assert (result.hashok, result.signatureok, result.certok) == (True, True, True)
    spoilt, *_ = endesive_pdf.verify(made.replace(b"(Contrato)", b"(Contrata)"), [pem])[0:1]
    assert not spoilt.hashok


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="pdfsig not installed")
@pytest.mark.parametrize(("kind", "level"), CASES)
def test_pdfsig_accepts_pades(trust, sign, pdf, tmp_path, kind, level):
    holder = trust.holder(kind)
    first = sign(holder, item_of(ItemKind.PADES, pdf, level))
    (tmp_path / "signed.pdf").write_bytes(sign(holder, item_of(ItemKind.PADES, first, level)))
    done = subprocess.run(
        ["pdfsig", "-nocert", tmp_path / "signed.pdf"], capture_output=True, check=False, text=True
    )
    assert done.stdout.count("Signature is Valid") == 2, done.stdout
