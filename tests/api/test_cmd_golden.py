"""Requests as known clients write them get answers as the service they know writes them.

``tests/golden/cmd`` holds requests in the shapes of three clients (values are placeholders) and
answers in which only values are left open: prefixes, order, nil and declarations are exact.
"""

import re
from pathlib import Path

import pytest

from tests.fixtures.cmd import b64, digest_info, sha256

GOLDEN = Path(__file__).parents[1] / "golden" / "cmd"
GSOAP = {
    "User-Agent": "gSOAP/2.8",
    "Connection": "close",
    "SOAPAction": '"http://Ama.Authentication.Service/CCMovelSignature/{}"',
}
OPEN = {
    "process": r"(?P<process>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    "text": r"[^<]+",
    "code": r"[1-9][0-9]{2}",
    "signature": r"[A-Za-z0-9+/]{512}",
    "pem": r"(?:-----BEGIN CERTIFICATE-----&#xD;\n(?:[A-Za-z0-9+/=]{1,64}&#xD;\n)+"
    r"-----END CERTIFICATE-----&#xD;\n){3}",
}


def matched(answer, name: str) -> str:
    """The process id in an answer that has exactly the golden shape, if it has one."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    shape = re.escape((GOLDEN / f"{name}.answer.xml").read_text().rstrip("\n"))
    for opening, pattern in OPEN.items():
        shape = shape.replace(re.escape(f"[{opening}]"), pattern)
    found = re.fullmatch(shape, answer.data.decode())
    assert found, answer.data.decode()
    return found.groupdict().get("process") or ""


class Golden:
    """One citizen at one program that speaks in golden requests."""

    def __init__(self, program, citizen) -> None:
        self.program = program
        self.values = {
            "application": program.encoded_id,
            "phone": f"{citizen.phone[:4]} {citizen.phone[4:]}",
            "pin": citizen.signature_pin,
            "hash": b64(digest_info(b"a")),
            "bare": b64(sha256(b"a")),
        }

    def post(self, client: str, operation: str, **values: str):
        text = (GOLDEN / f"{client}-{operation}.request.xml").read_text()
        for name, value in (self.values | values).items():
            text = text.replace(f"{{{name}}}", value)
        assert "{" not in text
        headers = {name: value.format(operation) for name, value in GSOAP.items()}
        # The desktop program forgets Basic on its batches.
        forgets = operation == "CCMovelMultipleSign"
        program = self.program.without_basic() if forgets else self.program
        return program.post(text.encode(), **headers)


@pytest.fixture
def golden(desktop, ana):
    return Golden(desktop, ana)


def wrong(digits: str) -> str:
    return "".join(str((int(digit) + 1) % 10) for digit in digits)


def test_one_document_of_the_desktop_program(golden, desktop, ana):
    matched(golden.post("desktop", "GetCertificate"), "GetCertificate.found")
    begun = golden.post("desktop", "CCMovelSign")
    process = matched(begun, "CCMovelSign.accepted")
    for _ in range(2):
        poll = golden.post("desktop", "SignDocumentPooling", process=process)
        assert matched(poll, "SignDocumentPooling.waiting") == process
    again = golden.post("desktop", "ForceSMS", process=process)
    assert matched(again, "ForceSMS.accepted") == process
    code = desktop.code_for(ana)
    refused = golden.post("desktop", "ValidateOtp", process=process, code=wrong(code))
    matched(refused, "ValidateOtp.refused")
    done = golden.post("desktop", "ValidateOtp", process=process, code=code)
    assert matched(done, "ValidateOtp.single") == process
    poll = golden.post("desktop", "SignDocumentPooling", process=process)
    matched(poll, "SignDocumentPooling.single")


def test_three_documents_with_accented_names_without_basic(golden, desktop, ana):
    matched(golden.post("desktop", "GetCertificate"), "GetCertificate.found")
    process = matched(golden.post("desktop", "CCMovelMultipleSign"), "CCMovelMultipleSign.accepted")
    done = golden.post("desktop", "ValidateOtp", process=process, code=desktop.code_for(ana))
    matched(done, "ValidateOtp.batch")


def test_a_wrong_pin_reaches_the_code_dialog_as_a_wrong_pin(golden, ana):
    begun = golden.post("desktop", "CCMovelSign", pin=wrong(ana.signature_pin))
    process = matched(begun, "CCMovelSign.refused")
    later = golden.post("desktop", "ValidateOtp", process=process, code="123456")
    assert matched(later, "ValidateOtp.refused") == process
    assert b"<a:Code>801</a:Code>" in begun.data
    assert b"<a:Code>801</a:Code>" in later.data


def test_the_certificate_with_pin(golden, desktop, ana):
    begun = golden.post("desktop", "GetCertificateWithPin")
    process = matched(begun, "GetCertificateWithPin.accepted")
    done = golden.post("desktop", "ValidateOtp", process=process, code=desktop.code_for(ana))
    matched(done, "ValidateOtp.certificate")


def test_nobodys_certificate(golden):
    matched(golden.post("desktop", "GetCertificate", phone="+351919999999"), "GetCertificate.nil")


def test_a_python_program(lenient, ana):
    golden = Golden(lenient, ana)
    matched(golden.post("addressed", "GetCertificate"), "GetCertificate.found")
    process = matched(golden.post("python", "CCMovelSign"), "CCMovelSign.accepted")
    done = golden.post("python", "ValidateOtp", process=process, code=lenient.code_for(ana))
    matched(done, "ValidateOtp.single")
    process = matched(golden.post("python", "CCMovelMultipleSign"), "CCMovelMultipleSign.accepted")
    done = golden.post("python", "ValidateOtp", process=process, code=lenient.code_for(ana))
    matched(done, "ValidateOtp.python-batch")


def test_golden_requests_hold_no_real_values():
    for file in GOLDEN.glob("*.request.xml"):
        text = file.read_text()
        assert "{application}" in text
        assert not re.search(r"[A-Za-z0-9+/]{40,}={0,2}<", text), file
