"""pkilint finds no error in what we issue; what is explained stands in docs/divergences."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from certs.authority import validity_of
from certs.profiles import Addresses, Qualification
from certs.setup import Role
from signer.domain.values import KeyAlgorithm
from tests.fixtures.pki import credential_for, csr_for, software_key

BIN = Path(sys.executable).parent
PUBLIC = Addresses(pki_url="http://pki.chancela.pt/pki")
LOOPBACK = ("ERROR", "etsi.internal_domain_name")


def findings(tool, *arguments, content, folder):
    """(severity, code) of everything at severity error or above."""
    file = folder / "subject.der"
    file.write_bytes(content)
    done = subprocess.run(
        [BIN / tool, "lint", *arguments, "-s", "ERROR", "-f", "JSON", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    return [
        (one["severity"], one["code"])
        for result in report["results"]
        for one in result["finding_descriptions"]
    ]


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
@pytest.mark.parametrize("form", ["bi", "pno"])
def test_citizens_certificates_have_no_findings(pki, holder, tmp_path, algorithm, form):
    key = software_key(algorithm)
    chain = pki.ca_with(serial_number_form=form, addresses=PUBLIC).issue(
        holder, credential_for(key, algorithm), csr_for(key)
    )
    for arguments in (
        ("lint_etsi_cert", "-t", "NCP-NATURAL-PERSON-CERTIFICATE"),
        ("lint_pkix_cert",),
    ):
        assert findings(*arguments, content=chain[0], folder=tmp_path) == []


def test_of_the_demos_certificates_only_the_loopback_address_is_found(pki, holder, tmp_path):
    content = pki.issue(holder)[1][0]
    arguments = ("-t", "NCP-NATURAL-PERSON-CERTIFICATE")
    found = findings("lint_etsi_cert", *arguments, content=content, folder=tmp_path)
    assert set(found) == {LOOPBACK}


def test_a_qualified_certificate_has_no_findings(pki, holder, tmp_path):
    key = software_key(KeyAlgorithm.P_256)
    qualification = Qualification(
        compliance=True,
        device=True,
        disclosure=(
            ("https://pki.example/pds_en.pdf", "en"),
            ("https://pki.example/pds_pt.pdf", "pt"),
        ),
    )
    ca = pki.ca_with(
        mark="", serial_number_form="pno", qualification=qualification, addresses=PUBLIC
    )
    chain = ca.issue(holder, credential_for(key), csr_for(key))
    arguments = ("-t", "QCP-N-QSCD-EIDAS-FINAL-CERTIFICATE")
    assert findings("lint_etsi_cert", *arguments, content=chain[0], folder=tmp_path) == []


@pytest.mark.parametrize("role", list(Role))
def test_our_services_certificates_have_no_findings(pki, tmp_path, role):
    assert findings("lint_pkix_cert", content=pki.hierarchy.der(role), folder=tmp_path) == []


def test_the_linter_does_find_errors(pki, tmp_path):
    key = software_key(KeyAlgorithm.P_256)
    usage = x509.ExtendedKeyUsage([])
    certificate = pki.authority.issue(
        x509.Name([]), key.public_key(), validity_of(pki.issuing), [(usage, False)]
    )
    content = certificate.public_bytes(Encoding.DER)
    assert findings("lint_pkix_cert", content=content, folder=tmp_path)


@pytest.mark.parametrize("status", ["good", "suspended", "revoked"])
def test_status_answers_and_lists_have_no_findings(pki, holder, tmp_path, status):
    der = pki.issue(holder)[1][0]
    if status != "good":
        pki.ca.set_status(der, status, reason="keyCompromise")
    request = (
        ocsp.OCSPRequestBuilder()
        .add_certificate(x509.load_der_x509_certificate(der), pki.issuing, hashes.SHA1())  # noqa: S303 - most clients name issuers so
        .add_extension(x509.OCSPNonce(b"n" * 16), critical=False)
        .build()
        .public_bytes(Encoding.DER)
    )
    answer = pki.ocsp().respond(request)
    assert findings("lint_ocsp_response", content=answer, folder=tmp_path) == []
    arguments = ("-t", "CRL", "-p", "PKIX")
    assert findings("lint_crl", *arguments, content=pki.crl().current(), folder=tmp_path) == []


def test_the_roots_list_has_no_findings(pki, tmp_path):
    arguments = ("-t", "ARL", "-p", "PKIX")
    content = pki.hierarchy.root_crl_der
    assert findings("lint_crl", *arguments, content=content, folder=tmp_path) == []
