"""Signatures and certificates through the CMD services, on a real token."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from sqlalchemy import func, select, update

from signer.adapters.store.tables.activation import signing_transaction
from signer.adapters.store.tables.audit import audit_record
from signer.adapters.store.tables.cmd import cmd_process
from signer.domain.audit import AuditEvent
from signer.domain.client import ClientLimits
from signer.domain.values import DigestAlgorithm, KeyAlgorithm, Secret
from tests.fixtures.cmd import (
    GUID,
    NIL,
    SCMD_PATH,
    Raw,
    b64,
    cmd_citizen,
    digest_info,
    document,
    elements,
    register,
)
from tests.fixtures.service import other_code


def certificates(pem: str):
    return x509.load_pem_x509_certificates(pem.encode())


def verify(certificate, signature: str, content: bytes, algorithm=DigestAlgorithm.SHA256) -> None:
    kind = {"SHA256": hashes.SHA256, "SHA384": hashes.SHA384, "SHA512": hashes.SHA512}
    certificate.public_key().verify(
        base64.b64decode(signature),
        algorithm.of(content),
        padding.PKCS1v15(),
        Prehashed(kind[algorithm.name]()),
    )


def leaf_of(service, citizen):
    return service.certificate(citizen, KeyAlgorithm.RSA_3072)


def signatures_made(service) -> int:
    made = audit_record.c.event == AuditEvent.SIGNATURE_MADE.value
    with service.services.stores.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(audit_record).where(made))


def code_text(service, citizen) -> str:
    """The newest message with a code."""
    service.deliver()
    messages = [one for one in service.sms.messages if one.to == citizen.phone and one.code]
    return messages[-1].text.reveal()


def strict(service, program, **settings):
    """The same program at an installation with production's limits on codes."""
    limits = {"limit_resend_interval_seconds": 30, "limit_resends_per_transaction": 3} | settings
    other = service.variant(**limits)
    return replace(program, service=other, app=other.app)


def run_out_of_time(service, process_id: str) -> None:
    past = service.services.stores.clock.now() - timedelta(seconds=1)
    row = cmd_process.c.handle_sha256 == Secret(process_id).sha256()
    with service.services.stores.database.begin() as connection:
        connection.execute(update(cmd_process).where(row).values(expires_at=past))


# --- certificates ---------------------------------------------------------------------------------


def test_the_certificate_comes_with_its_top_and_its_issuer_in_that_order(service, desktop, ana):
    pem = desktop.certificate(ana.phone).one("GetCertificateResult")
    leaf, top, issuing = certificates(pem)
    assert leaf == leaf_of(service, ana)
    assert issuing.subject == leaf.issuer
    assert top.subject == top.issuer == issuing.issuer
    assert b"&#xD;\n" in desktop.certificate(ana.phone).http.data


@pytest.mark.parametrize("shape", ["{0} {1}", "00351{1}", "{1}", " {0}  {1} ", "{0}-{1}"])
def test_any_spelling_of_a_phone_finds_its_certificate(desktop, ana, shape):
    phone = shape.format(ana.phone[:4], ana.phone[4:])
    assert desktop.certificate(phone).one("GetCertificateResult")


def test_nobody_and_people_without_rsa_key_have_no_certificate(desktop, rui):
    for phone in ("+351919999999", rui.phone, "não é um telefone", ""):
        answer = desktop.certificate(phone)
        assert answer.http.status_code == 200
        assert answer.one("GetCertificateResult") is None


def test_a_certificate_with_pin_takes_pin_and_code_and_signs_nothing(service, desktop, ana):
    before = signatures_made(service)
    begun = desktop.certificate_with_pin(ana.phone, ana.signature_pin)
    assert begun.code == "200"
    assert "certificado" in code_text(service, ana)
    code = desktop.code_for(ana)
    assert desktop.validate(begun.process_id, other_code(code)).code == "802"
    done = desktop.validate(begun.process_id, code)
    assert done.code == "200"
    assert certificates(done.one("certificate"))[0] == leaf_of(service, ana)
    assert done.every("Signature") == [None]
    assert done.every("ArrayOfHashStructure") == [None]
    assert desktop.validate(begun.process_id, code).xml == done.xml
    assert desktop.poll(begun.process_id).code == "102"
    assert signatures_made(service) == before


def test_a_certificates_code_can_be_sent_anew_three_times(service, desktop, ana):
    desktop = strict(service, desktop, limit_resend_interval_seconds=0)
    begun = desktop.certificate_with_pin(ana.phone, ana.signature_pin)
    first = desktop.code_for(ana)
    answers = [desktop.force_sms(begun.process_id, ana.phone).code for _ in range(4)]
    assert answers == ["200", "200", "200", "900"]
    last = desktop.code_for(ana)
    if first != last:
        assert desktop.validate(begun.process_id, first).code == "802"
    assert desktop.validate(begun.process_id, last).code == "200"


# --- one signature --------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_a_signature_verifies_with_the_certificate_that_was_looked_up(
    service, desktop, ana, algorithm
):
    begun = desktop.sign(ana, Hash=b64(digest_info(b"a", algorithm)))
    assert begun.code == "200"
    assert GUID.fullmatch(begun.process_id)
    done = desktop.validate(begun.process_id, desktop.code_for(ana))
    assert done.code == "200"
    assert len(base64.b64decode(done.one("Signature"))) == 384
    verify(leaf_of(service, ana), done.one("Signature"), b"a", algorithm)
    assert done.one("ArrayOfHashStructure") is None
    assert done.one("ProcessId") == begun.process_id
    assert certificates(done.one("certificate"))[0] == leaf_of(service, ana)


def test_the_message_names_the_document_and_who_asks(service, desktop, ana):
    desktop.sign(ana, DocName="Relatório é 2026.pdf")
    assert "Relatório é 2026.pdf" in code_text(service, ana)
    assert "Programa Exemplo" in code_text(service, ana)


@pytest.mark.parametrize("name", [None, NIL, "", "x" * 2000])
def test_documents_may_have_no_name_or_a_long_one(desktop, ana, name):
    assert desktop.signed(ana, DocName=name).code == "200"


def test_the_same_handlers_answer_on_both_paths_and_in_any_letter_case(service, desktop, ana):
    for path in (
        "/AMA.Authentication.Frontend/ccmoveldigitalsignature.SVC",
        "/ama.authentication.frontend/CCMovelDigitalSignature.svc",
    ):
        assert desktop.at(path).certificate(ana.phone).one("GetCertificateResult")
    members = {
        "ApplicationId": desktop.encoded_id,
        "Hash": b64(digest_info(b"a")),
        "Pin": ana.signature_pin,
        "UserId": ana.phone,
    }
    inner = elements("v", {"request": Raw(elements("d", members))})
    begun = desktop.call("SCMDSign", inner)
    assert begun.http.data.count(b"SCMDSignResult") == 2
    done = desktop.validate(begun.process_id, desktop.code_for(ana), isBiometric="false")
    verify(leaf_of(service, ana), done.one("Signature"), b"a")
    assert desktop.at("/Ama.Authentication.Frontend/Other.svc").post(b"").status_code == 404


def test_members_may_come_in_any_order_with_any_company(desktop, ana):
    members = {
        "UserId": ana.phone,
        "CertificateNumber": "1",
        "Pin": ana.signature_pin,
        "Hash": b64(digest_info(b"a")),
        "ApplicationId": desktop.encoded_id,
    }
    inner = elements("v", {"request": Raw(elements("v", members))})
    begun = desktop.call("CCMovelSign", inner, SOAPAction="")
    assert begun.code == "200"


def test_a_repeated_code_gets_the_same_bytes_and_uses_no_key_again(service, desktop, ana):
    begun = desktop.sign(ana)
    code = desktop.code_for(ana)
    first = desktop.validate(begun.process_id, code)
    made = signatures_made(service)
    assert desktop.validate(begun.process_id, code).http.data == first.http.data
    assert desktop.poll(begun.process_id).one("Signature") == first.one("Signature")
    assert signatures_made(service) == made
    assert desktop.validate(begun.process_id, other_code(code)).code == "802"


def test_a_new_code_makes_the_old_one_worthless(service, desktop, ana):
    desktop = strict(service, desktop, limit_resend_interval_seconds=0)
    begun = desktop.sign(ana)
    old = desktop.code_for(ana)
    again = desktop.force_sms(begun.process_id, ana.phone)
    assert (again.code, again.one("ProcessId")) == ("200", begun.process_id)
    new = desktop.code_for(ana)
    if old != new:
        assert desktop.validate(begun.process_id, old).code == "802"
    assert desktop.validate(begun.process_id, new).code == "200"
    assert desktop.force_sms(begun.process_id, ana.phone).code == "816"


def test_codes_are_not_sent_faster_than_the_limit(service, desktop, ana):
    desktop = strict(service, desktop)
    for begun in (desktop.sign(ana), desktop.certificate_with_pin(ana.phone, ana.signature_pin)):
        assert begun.code == "200"
        assert desktop.force_sms(begun.process_id, ana.phone).code == "900"


def test_only_the_processes_own_person_gets_another_code(service, desktop, ana, rui):
    begun = desktop.sign(ana)
    sent = len(service.sms.messages)
    for phone in (rui.phone, "+351919999999"):
        assert desktop.force_sms(begun.process_id, phone).code == "816"
    service.deliver()
    assert rui.phone not in [message.to for message in service.sms.messages[sent:]]


def test_three_wrong_codes_lock_this_code_only(desktop, ana):
    begun = desktop.sign(ana)
    code = desktop.code_for(ana)
    for _ in range(3):
        assert desktop.validate(begun.process_id, other_code(code)).code == "802"
    assert desktop.validate(begun.process_id, code).code == "802"
    assert desktop.poll(begun.process_id).code == "102"


def test_a_poll_before_code_or_approval_says_not_yet(desktop, ana):
    begun = desktop.sign(ana, IsBiometricValidationEnable="true")
    for _ in range(3):
        answer = desktop.poll(begun.process_id)
        assert answer.code == "102"
        assert answer.one("Message")
        assert answer.one("ProcessId") == begun.process_id
        assert answer.every("Signature") == answer.every("certificate") == [None]
    assert desktop.validate(begun.process_id, desktop.code_for(ana)).code == "200"


def test_a_poll_a_second_for_five_minutes_is_not_too_much(service, ana):
    slow = register(service, client={"limits": ClientLimits(requests_per_minute=3)})
    begun = slow.sign(ana)
    assert {slow.poll(begun.process_id).code for _ in range(65)} == {"102"}
    assert slow.validate(begun.process_id, slow.code_for(ana)).code == "200"


def test_a_process_ends_after_its_time(service, desktop, ana):
    begun = desktop.sign(ana)
    code = desktop.code_for(ana)
    run_out_of_time(service, begun.process_id)
    assert desktop.validate(begun.process_id, code).code == "816"
    assert desktop.poll(begun.process_id).code == "816"
    assert desktop.force_sms(begun.process_id, ana.phone).code == "816"
    assert service.services.stores.cmd_processes.purge(
        service.services.stores.clock.now(), looked_up_before=service.services.stores.clock.now()
    )


def test_the_process_id_is_stored_as_a_hash_only(service, desktop, ana):
    begun = desktop.sign(ana)
    with service.services.stores.database.read() as connection:
        for table in (cmd_process, signing_transaction):
            for row in connection.execute(select(table)):
                assert begun.process_id not in str(row)


# --- batches --------------------------------------------------------------------------------------


def test_a_batch_comes_back_in_request_order_with_names_and_ids_as_given(service, desktop, ana):
    assert desktop.certificate(ana.phone).one("GetCertificateResult")
    documents = [
        document(b"a", "Ação nº 1.pdf", "1"),
        document(b"b", NIL, NIL),
        document(b"c", "", "zz"),
        document(b"a", "Ação nº 1.pdf_1", NIL),
    ]
    begun = desktop.without_basic().sign_many(ana, *documents)
    assert begun.code == "200", begun.xml
    done = desktop.validate(begun.process_id, desktop.code_for(ana))
    assert done.every("Name") == ["Ação nº 1.pdf", None, "", "Ação nº 1.pdf_1"]
    assert done.every("id") == ["1", None, "zz", None]
    assert done.one("Signature") is None
    for value, content in zip(done.every("Hash"), (b"a", b"b", b"c", b"a"), strict=True):
        verify(leaf_of(service, ana), value, content)
    polled = desktop.poll(begun.process_id)
    assert polled.every("Hash") == done.every("Hash")


def test_a_batch_of_one_is_still_a_batch(desktop, ana):
    begun = desktop.sign_many(ana, document(b"a"))
    done = desktop.validate(begun.process_id, desktop.code_for(ana))
    assert len(done.every("HashStructure")) == 1
    assert done.every("Signature") == [None]


def test_the_message_joins_the_names_as_the_desktop_program_does(service, desktop, ana):
    names = ["Proposta de orçamento.pdf", "Ata nº 3.pdf", "Anexo.pdf"]
    desktop.sign_many(ana, *(document(b"a", name) for name in names))
    line = ", ".join(names)
    assert f'"{line[:41]}..."' in code_text(service, ana)


def test_a_hundred_documents_are_signed_in_one_call(service, desktop):
    citizen = cmd_citizen(service)
    contents = [b"%d" % number for number in range(100)]
    begun = desktop.sign_many(citizen, *(document(one) for one in contents))
    done = desktop.validate(begun.process_id, desktop.code_for(citizen))
    assert len(done.every("Hash")) == 100
    for value, content in zip(done.every("Hash"), contents, strict=True):
        verify(leaf_of(service, citizen), value, content)


def test_a_python_program_without_basic_may_send_bare_hashes_where_policy_says_so(
    service, lenient, ana
):
    bare = [DigestAlgorithm.SHA256.of(content) for content in (b"a", b"b")]
    documents = [{"Hash": b64(one), "Name": "x", "id": str(n)} for n, one in enumerate(bare)]
    begun = lenient.sign_many(ana, *documents)
    done = lenient.validate(begun.process_id, lenient.code_for(ana))
    for value, content in zip(done.every("Hash"), (b"a", b"b"), strict=True):
        verify(leaf_of(service, ana), value, content)


def test_on_scmd_everything_needs_basic_and_encryption(desktop, ana):
    scmd = desktop.at(SCMD_PATH)
    assert scmd.without_basic().post(b"no envelope").status_code == 401
    begun = scmd.sign(ana)
    assert (begun.code, begun.one("Field")) == ("800", "UserId")
    assert begun.one("FieldValue") is None
