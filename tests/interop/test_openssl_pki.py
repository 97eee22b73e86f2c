"""OpenSSL's command accepts our chains, lists, statuses and time stamps."""

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.setup import Role
from signer.domain.values import KeyAlgorithm

ALGORITHMS = [KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256, KeyAlgorithm.P_384]


@pytest.fixture
def openssl(tmp_path):
    def run(*arguments):
        return subprocess.run(
            ["openssl", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM)


@pytest.fixture
def folder(pki, tmp_path):
    (tmp_path / "root.pem").write_bytes(pem(pki.root))
    (tmp_path / "issuing.pem").write_bytes(pem(pki.issuing))
    return tmp_path


def write_lists(pki, folder):
    crls = [pki.hierarchy.root_crl_der, pki.crl().current()]
    content = b"".join(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM) for der in crls)
    (folder / "crls.pem").write_bytes(content)


def verify(openssl):
    return openssl(
        "verify", "-x509_strict", "-crl_check_all", "-CRLfile", "crls.pem",
        "-CAfile", "root.pem", "-untrusted", "issuing.pem", "citizen.pem",
    )  # fmt: skip


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_verify_follows_lists(pki, holder, folder, openssl, algorithm):
    der = pki.issue(holder, algorithm)[1][0]
    (folder / "citizen.pem").write_bytes(pem(x509.load_der_x509_certificate(der)))
    write_lists(pki, folder)
    done = verify(openssl)
    assert done.returncode == 0, done.stderr
    pki.ca.set_status(der, "suspended")
    write_lists(pki, folder)
    assert "certificate revoked" in verify(openssl).stderr
    pki.ca.set_status(der, "good")
    write_lists(pki, folder)
    assert verify(openssl).returncode == 0


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
@pytest.mark.parametrize(("status", "word"), [("good", "good"), ("revoked", "revoked")])
def test_ocsp_accepts_our_answer(pki, holder, folder, openssl, digest, status, word):
    der = pki.issue(holder)[1][0]
    (folder / "citizen.pem").write_bytes(pem(x509.load_der_x509_certificate(der)))
    pki.ca.set_status(der, status)
    ask = openssl(
        "ocsp", digest, "-issuer", "issuing.pem", "-cert", "citizen.pem", "-reqout", "request.der"
    )
    assert ask.returncode == 0, ask.stderr
    request = (folder / "request.der").read_bytes()
    (folder / "answer.der").write_bytes(pki.ocsp().respond(request))
    # Without -no_nonce the command would add another nonce to the request it reads; the one
    # that was sent is compared all the same.
    done = openssl(
        "ocsp", digest, "-issuer", "issuing.pem", "-cert", "citizen.pem", "-reqin", "request.der",
        "-respin", "answer.der", "-CAfile", "root.pem", "-verify_other", "issuing.pem",
        "-no_nonce",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Response verify OK" in done.stderr
    assert f"citizen.pem: {word}" in done.stdout


@pytest.mark.parametrize("digest", ["-sha256", "-sha384", "-sha512"])
@pytest.mark.parametrize("options", [(), ("-no_nonce",)], ids=["nonce", "nonce-less"])
def test_ts_verifies_our_token(pki, folder, openssl, digest, options):
    (folder / "document").write_bytes(b"document")
    ask = openssl(
        "ts", "-query", "-data", "document", digest, "-cert", *options, "-out", "request.tsq"
    )
    assert ask.returncode == 0, ask.stderr
    request = (folder / "request.tsq").read_bytes()
    (folder / "answer.tsr").write_bytes(pki.unit.respond(request))
    for source in (("-queryfile", "request.tsq"), ("-data", "document")):
        done = openssl(
            "ts", "-verify", *source, "-in", "answer.tsr",
            "-CAfile", "root.pem", "-untrusted", "issuing.pem",
        )  # fmt: skip
        assert "Verification: OK" in done.stdout, done.stderr


def test_ts_verifies_a_token_without_certificates(pki, folder, openssl):
    (folder / "document").write_bytes(b"document")
    tsu = pki.hierarchy.certificate(Role.TSA)
    (folder / "untrusted.pem").write_bytes(pem(tsu) + pem(pki.issuing))
    openssl("ts", "-query", "-data", "document", "-sha256", "-out", "request.tsq")
    request = (folder / "request.tsq").read_bytes()
    (folder / "answer.tsr").write_bytes(pki.unit.respond(request))
    done = openssl(
        "ts", "-verify", "-queryfile", "request.tsq", "-in", "answer.tsr",
        "-CAfile", "root.pem", "-untrusted", "untrusted.pem",
    )  # fmt: skip
    assert "Verification: OK" in done.stdout, done.stderr


def test_ts_reads_our_rejection(pki, folder, openssl):
    (folder / "answer.tsr").write_bytes(pki.unit.respond(b"garbage"))
    done = openssl("ts", "-reply", "-in", "answer.tsr", "-text")
    assert "Status: Rejected." in done.stdout
    assert "the data submitted has the wrong format" in done.stdout
