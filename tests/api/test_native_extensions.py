"""``POST /extensions``: signatures made before reach a higher level, broken ones never."""

import base64

import pytest

from signer.domain.transaction import Level
from signer.validation import RevocationData, TrustPolicy, Verifier
from tests.fixtures.service import a_pdf, b64, whole

CONTENT = b"uma fatura"
XML = b"<a>b</a>"


@pytest.fixture
def verifier(service):
    trust = service.services.trust

    def ask(certificate, issuer):
        found = trust.validation_data.status(certificate, issuer)
        return RevocationData(found.ocsp_responses, found.crls)

    return Verifier(TrustPolicy(anchors=trust.anchors, source=ask), service.services.stores.clock)


def signed(native, citizen, item):
    return base64.b64decode(native.signed(citizen, item)["items"][0]["result"])


def extended(portal, document, level, **more):
    body = {"document": b64(document), "level": level, **more}
    return portal.call("POST", "/extensions", body)


CASES = {
    "pdf": (whole("pades", a_pdf()), "verify_pdf", {}),
    "cms": (whole("cades", CONTENT), "verify_cades", {"content": CONTENT}),
    "xml": ({**whole("xades", XML), "options": {"packaging": "enveloped"}}, "verify_xades", {}),
    "jws": (
        {**whole("jades", CONTENT), "options": {"packaging": "enveloping"}},
        "verify_jades",
        {},
    ),
    "container": (
        {"kind": "asic-e", "name": "x", "files": [{"name": "a.txt", "document": b64(CONTENT)}]},
        "verify_container",
        {},
    ),
}


@pytest.mark.parametrize("level", ["B-T", "B-LT", "B-LTA"])
@pytest.mark.parametrize("kind", CASES)
def test_a_signature_reaches_the_level_asked(native, portal, maria, verifier, kind, level):
    item, verify, known = CASES[kind]
    files = [{"name": "contrato.pdf", "document": b64(CONTENT)}] if kind == "cms" else []
    answer = extended(portal, signed(native, maria, item), level, files=files)
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["kind"] == kind
    made = base64.b64decode(answer.get_json()["document"])
    (report,) = getattr(verifier, verify)(made, **known).signatures
    assert report.indication == "TOTAL-PASSED", report
    assert report.level is Level(level)


def test_a_broken_signature_is_not_extended(native, portal, maria):
    item, _, _ = CASES["xml"]
    broken = signed(native, maria, item).replace(b"<a>b", b"<a>c")
    answer = extended(portal, broken, "B-T")
    assert answer.status_code == 422, answer.text
    assert answer.get_json()["field"] == "document"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"document": "!", "level": "B-T"}, "document"),
        ({"document": "", "level": "B-T"}, "document"),
        ({"document": b64(b"x"), "level": "B-B"}, "level"),
        ({"document": b64(b"x"), "level": "B-T", "files": [{"name": "a"}]}, "files[0].digest"),
        ({"level": "B-T"}, "document"),
    ],
    ids=["no base64", "empty", "level", "neither digest nor document", "missing"],
)
def test_a_bad_request_is_refused_by_name(portal, body, field):
    answer = portal.call("POST", "/extensions", body)
    assert answer.status_code == 400, answer.text
    assert answer.get_json()["field"] == field


def test_what_is_no_signed_file_is_refused(portal):
    answer = extended(portal, b"nothing signed", "B-T")
    assert answer.status_code == 422, answer.text
