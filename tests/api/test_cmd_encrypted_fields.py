"""SCMD's encrypted fields at the door: rotation, one answer for whatever is wrong, the switch."""

import os
import re
import secrets
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding

from api.wiring.cipher_keys import cipher_key_rotation
from tests.fixtures.cmd import SCMD_PATH, Raw, b64, digest_info, elements

SIZE = 256


@pytest.fixture(scope="module")
def rotation(service):
    made = cipher_key_rotation(service.services)
    made.ensure(actor="tests")
    return made


def published(service):
    answer = service.app.test_client().get("/certificado/cifra.cer")
    assert answer.status_code == 200
    return x509.load_pem_x509_certificate(answer.data)


def encrypted(certificate, text):
    return b64(certificate.public_key().encrypt(text.encode(), padding.PKCS1v15()))


def raw(certificate, block):
    """Textbook RSA of a block of our choice."""
    numbers = certificate.public_key().public_numbers()
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(SIZE, "big")


def sign(program, user, pin):
    members = {
        "ApplicationId": program.encoded_id,
        "DocName": "contrato.pdf",
        "Hash": b64(digest_info(b"a")),
        "Pin": pin,
        "UserId": user,
    }
    return program.call("SCMDSign", elements("v", {"request": Raw(elements("d", members))}))


@pytest.fixture
def scmd(desktop):
    return replace(desktop, path=SCMD_PATH)


def test_a_client_that_keeps_the_old_certificate_signs_until_it_is_retired(
    service, rotation, scmd, ana
):
    old = published(service)
    rotation.add(actor="tests")
    new = published(service)
    assert new.serial_number != old.serial_number, "no restart"
    listed = service.app.test_client().get("/certificado/cifra.json").get_json()
    assert len(listed) >= 2
    for certificate in (old, new):
        begun = sign(
            scmd, encrypted(certificate, ana.phone), encrypted(certificate, ana.signature_pin)
        )
        code = encrypted(certificate, scmd.code_for(ana))
        assert scmd.validate(begun.process_id, code).code == "200"
    by_number = service.app.test_client().get(listed[-1]["address"])
    assert by_number.status_code == 200
    while len(rotation.keys.certificates()) > 1:
        rotation.retire(actor="tests")
    assert service.app.test_client().get(listed[-1]["address"]).status_code == 404
    refused = sign(scmd, encrypted(new, ana.phone), encrypted(old, ana.signature_pin))
    assert refused.code == "801"


@pytest.mark.usefixtures("rotation")
def test_bad_padding_wrong_text_and_a_wrong_pin_are_one_answer(service, scmd, ana):
    """Bleichenbacher asks which ciphertexts are well padded: the door does not say."""
    patient = service.variant(limit_pin_delays_seconds="0")
    scmd = replace(scmd, service=patient, app=patient.app)
    certificate = published(service)
    user = encrypted(certificate, ana.phone)
    noise = bytes([0]) + secrets.token_bytes(SIZE - 1)
    pins = {
        "wrong": encrypted(certificate, "918273"),
        "letters": encrypted(certificate, "abcdef"),
        "empty": encrypted(certificate, ""),
        "long": encrypted(certificate, "1" * 200),
        "noise": b64(raw(certificate, noise)),
        "type 1": b64(raw(certificate, b"\0\1" + b"\xff" * (SIZE - 10) + b"\0" + b"1234567")),
        "no zero": b64(raw(certificate, b"\0\2" + b"\7" * (SIZE - 2))),
        "short padding": b64(raw(certificate, b"\0\2" + b"\7" * 7 + b"\0" + b"\7" * (SIZE - 10))),
        "out of range": b64(b"\xff" * SIZE),
        "zero": b64(bytes(SIZE)),
    }
    seen = {}
    for name, pin in pins.items():
        reply = sign(scmd, user, pin)
        seen[name] = (
            reply.http.status_code,
            re.sub(reply.process_id, "PROCESS", reply.xml),
            {key: value for key, value in reply.http.headers if key != "X-Request-Id"},
        )
    assert len({text for _, text, _ in seen.values()}) == 1
    assert len({str(headers) for _, _, headers in seen.values()}) == 1
    assert "<a:Code>801</a:Code>" in seen["noise"][1]
    # The same for the phone: nobody's, whatever was wrong with it.
    for name, pin in pins.items():
        assert sign(scmd, pin, encrypted(certificate, ana.signature_pin)).code == "801", name


@pytest.mark.usefixtures("rotation")
def test_a_code_that_does_not_open_is_a_wrong_one(service, scmd, ana):
    certificate = published(service)
    begun = sign(scmd, encrypted(certificate, ana.phone), encrypted(certificate, ana.signature_pin))
    assert begun.code == "200"
    answers = {
        re.sub(begun.process_id, "P", scmd.validate(begun.process_id, code).xml)
        for code in (b64(os.urandom(SIZE - 1).rjust(SIZE, b"\0")), encrypted(certificate, "x"))
    }
    assert len(answers) == 1
    assert "<a:Code>802</a:Code>" in answers.pop()


@pytest.mark.usefixtures("rotation")
def test_clear_fields_are_refused_unless_switched_on(service, scmd, ana):
    assert sign(scmd, ana.phone, ana.signature_pin).code == "800"
    test_set_up = service.variant(cmd_clear_fields=True)
    lenient = replace(scmd, service=test_set_up, app=test_set_up.app)
    begun = sign(lenient, ana.phone, ana.signature_pin)
    assert begun.code == "200"
    assert lenient.validate(begun.process_id, lenient.code_for(ana)).code == "200"
    certificate = published(service)
    both = sign(
        lenient, encrypted(certificate, ana.phone), encrypted(certificate, ana.signature_pin)
    )
    assert both.code == "200", "encrypted ones still open"
