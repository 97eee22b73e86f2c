"""What the CMD services refuse, and how: codes, faults, and nothing signed or leaked."""

import io
import statistics
import time
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from api.cmd.views import MAX_BODY
from signer.adapters.store.tables.activation import signing_transaction
from signer.domain.account import SigningRestriction
from signer.domain.client import ClientLimits, Role
from signer.domain.transaction import TransactionState
from signer.domain.values import DigestAlgorithm, KeyAlgorithm
from tests.fixtures.cmd import (
    GUID,
    NIL,
    SCMD_PATH,
    Raw,
    Reply,
    b64,
    digest_info,
    document,
    elements,
    envelope,
    register,
    sha256,
)
from tests.fixtures.service import other_code

NOBODY = "+351919999999"
SHA1 = bytes.fromhex("3021300906052b0e03021a05000414") + b"\1" * 20


def wrong(pin: str) -> str:
    return "".join(str((int(digit) + 1) % 10) for digit in pin)


def transactions(service) -> int:
    with service.services.stores.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(signing_transaction))


def messages(service) -> int:
    service.deliver()
    return len(service.sms.messages) + len(service.email.messages)


def assert_doomed(program, begun, code: str, *, phone: str = NOBODY) -> None:
    """Every later call says the same; nothing is sent."""
    assert begun.code == code, begun.xml
    assert begun.one("Message")
    assert GUID.fullmatch(begun.process_id)
    sent = messages(program.service)
    for answer in (
        program.validate(begun.process_id, "123456"),
        program.poll(begun.process_id),
        program.validate(begun.process_id, "000000"),
    ):
        assert answer.code == code
        assert answer.one("ProcessId") == begun.process_id
        assert answer.every("Signature") == answer.every("certificate") == [None]
    assert program.force_sms(begun.process_id, phone).code == "200"
    assert messages(program.service) == sent


# --- people ---------------------------------------------------------------------------------------


def test_a_wrong_pin_lives_on_behind_its_process_id(service, desktop, ana):
    begun = desktop.sign(ana, wrong(ana.signature_pin))
    assert_doomed(desktop, begun, "801", phone=ana.phone)
    assert desktop.force_sms(begun.process_id, NOBODY).code == "816"
    with service.services.stores.database.read() as connection:
        row = connection.execute(
            select(signing_transaction)
            .where(signing_transaction.c.account_id == ana.account.id)
            .order_by(signing_transaction.c.created_at.desc())
        ).first()
    assert (row.state, row.failure) == (TransactionState.FAILED, "pin.incorrect")


def test_wrong_pins_count_once_each_and_lock_as_everywhere(service, desktop, ana):
    strict = service.variant(limit_pin_delays_seconds="0")
    program = replace(desktop, service=strict, app=strict.app)
    for _ in range(5):
        assert program.sign(ana, wrong(ana.signature_pin)).code == "801"
    assert program.sign(ana).code == "801"
    assert program.certificate_with_pin(ana.phone, ana.signature_pin).code == "801"


def normalised(answer, *values: str) -> str:
    text = GUID.sub("ID", answer.xml)
    for value in values:
        text = text.replace(value, "X")
    headers = [(name, value) for name, value in answer.http.headers if name != "X-Request-Id"]
    return f"{answer.http.status_code} {headers} {text}"


@pytest.mark.parametrize("kind", ["sign", "certificate"])
def test_unknown_wrong_closed_and_keyless_people_look_alike(service, desktop, kind):
    known = service.enrol(algorithms=(KeyAlgorithm.RSA_3072,))
    keyless = service.enrol()
    closed = service.enrol()
    service.services.accounts.change.close(closed.account.id, actor="officer")
    people = [NOBODY, known.phone, keyless.phone, closed.phone, "+351919999998"]

    def begin(phone):
        pin = wrong(known.signature_pin)
        if kind == "sign":
            return desktop.sign(phone, pin)
        return desktop.certificate_with_pin(phone, pin)

    begun = [begin(phone) for phone in people]
    assert len({normalised(one) for one in begun}) == 1
    for name in ("validate", "poll", "force_sms"):
        arguments = {"validate": ["123456"], "poll": []}
        answers = {
            normalised(getattr(desktop, name)(one.process_id, *arguments.get(name, [phone])))
            for one, phone in zip(begun, people, strict=True)
        }
        assert len(answers) == 1


def test_who_is_registered_shows_in_no_time_either(service, desktop):
    known = [service.enrol() for _ in range(6)]
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(24):
        # By turns, so that what else the machine does falls on both.
        for there in (True, False):
            phone = known[number % 6].phone if there else f"+35191888{number:04d}"
            begin = time.perf_counter()
            answer = desktop.sign(phone, "908172")
            times[there].append(time.perf_counter() - begin)
            assert answer.code in {"801", "900"}
    medians = {there: statistics.median(found) for there, found in times.items()}
    # The full figures are measured in the soak; here only a missing step (a PIN's hash) shows.
    assert abs(medians[True] - medians[False]) < 0.5 * medians[False]


RESTRICTED = {
    SigningRestriction.CHANGE_PINS: "901",
    SigningRestriction.CHANGE_SIGNATURE_PIN: "902",
    SigningRestriction.PAUSED: "817",
}


@pytest.mark.parametrize("restriction", list(SigningRestriction))
def test_restrictions_are_told_to_who_knows_the_pin(service, desktop, ana, restriction):
    change = service.services.accounts.change
    change.restrict(ana.account.id, restriction, actor="officer")
    code = RESTRICTED[restriction]
    assert desktop.sign(ana, wrong(ana.signature_pin)).code == "801"
    assert_doomed(desktop, desktop.sign(ana), code, phone=ana.phone)
    assert_doomed(desktop, desktop.sign_many(ana, document(b"a")), code, phone=ana.phone)
    begun = desktop.certificate_with_pin(ana.phone, ana.signature_pin)
    assert_doomed(desktop, begun, code, phone=ana.phone)
    native = service.api("native")
    started = native.started(ana)
    answer = native.pin(started["id"], ana.signature_pin)
    assert (answer.status_code, answer.get_json()["code"][:8]) == (403, "account.")
    change.restrict(ana.account.id, None, actor="officer")
    assert desktop.signed(ana).code == "200"


def test_a_restriction_ends_what_is_open(service, desktop, ana):
    begun = desktop.sign(ana)
    code = desktop.code_for(ana)
    service.services.accounts.change.restrict(
        ana.account.id, SigningRestriction.PAUSED, actor="officer"
    )
    assert desktop.validate(begun.process_id, code).code == "817"
    assert desktop.poll(begun.process_id).code == "817"


def test_a_suspended_account_is_told_to_who_knows_the_pin(service, desktop, ana):
    service.services.accounts.change.suspend(ana.account.id, actor="officer")
    service.services.accounts.tell()
    assert desktop.certificate(ana.phone).one("GetCertificateResult") is None
    assert desktop.sign(ana, wrong(ana.signature_pin)).code == "801"
    assert_doomed(desktop, desktop.sign(ana), "817", phone=ana.phone)


def test_without_rsa_key_the_literal_that_old_programs_compare(desktop, rui):
    begun = desktop.sign(rui)
    assert (begun.code, begun.one("Message")) == ("900", "User does not have signature active")
    assert_doomed(desktop, begun, "900", phone=rui.phone)


# --- members --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        ({"Hash": b64(SHA1)}, "Hash"),
        ({"Hash": b64(sha256(b"a"))}, "Hash"),
        ({"Hash": b64(digest_info(b"a") + b"\0")}, "Hash"),
        ({"Hash": "não é base64"}, "Hash"),
        ({"Hash": ""}, "Hash"),
        ({"Hash": NIL}, "Hash"),
        ({"Hash": None}, "Hash"),
        ({"Pin": NIL}, "Pin"),
        ({"Pin": ""}, "Pin"),
        ({"Pin": "1" * 65}, "Pin"),
        ({"UserId": NIL}, "UserId"),
        ({"UserId": "abc"}, "UserId"),
        ({"UserId": "9" * 65}, "UserId"),
    ],
)
def test_a_wrong_member_is_named_and_nothing_is_started(service, desktop, ana, changes, member):
    before = transactions(service)
    begun = desktop.sign(ana, **changes)
    assert (begun.code, begun.one("Field")) == ("800", member)
    assert ana.signature_pin not in begun.xml
    assert_doomed(desktop, begun, "800")
    assert transactions(service) == before
    if "Pin" in changes:
        assert begun.one("FieldValue") is None


def test_a_bare_hash_is_taken_on_the_legacy_service_by_policy_and_never_on_the_other(lenient, ana):
    bare = {"Hash": b64(sha256(b"a")), "Name": "x", "id": "0"}
    assert lenient.sign_many(ana, bare).code == "200"
    assert lenient.sign_many(ana, {**bare, "Hash": b64(SHA1)}).code == "800"
    scmd = replace(lenient, path=SCMD_PATH, sends_basic=True)
    for begun in (scmd.sign(ana, Hash=bare["Hash"]), scmd.sign_many(ana, bare)):
        assert (begun.code, begun.one("Field")) == ("800", "Hash")
    assert scmd.sign(ana).one("Field") == "UserId", "the hash is right, the phone is in clear"


def test_a_batch_without_documents_or_with_too_many(service, desktop, ana):
    before = transactions(service)
    desktop.certificate(ana.phone)
    assert_doomed(desktop, desktop.sign_many(ana), "800")
    many = desktop.sign_many(ana, *(document(b"a") for _ in range(101)))
    assert "100" in many.one("Message")
    assert_doomed(desktop, many, "900")
    request = {"ApplicationId": desktop.encoded_id, "Pin": "1234", "UserId": ana.phone}
    for documents in ({}, {"documents": NIL}):
        inner = elements("v", {"request": Raw(elements("d", request)), **documents})
        assert_doomed(desktop, desktop.call("CCMovelMultipleSign", inner), "800")
    assert transactions(service) == before


def test_one_bad_hash_refuses_the_whole_batch(service, desktop, ana):
    before = transactions(service)
    bad = {"Hash": b64(SHA1), "Name": "x", "id": "1"}
    begun = desktop.sign_many(ana, document(b"a"), bad)
    assert (begun.code, begun.one("Field")) == ("800", "Hash")
    mixed = {"Hash": b64(digest_info(b"a", DigestAlgorithm.SHA384)), "Name": "x", "id": "1"}
    assert desktop.sign_many(ana, document(b"a"), mixed).code == "800"
    assert transactions(service) == before


def test_a_request_without_its_contract_is_answered(desktop):
    answer = desktop.call("CCMovelSign", "")
    assert answer.code == "900"
    assert GUID.fullmatch(answer.process_id)
    inner = elements("v", {"request": Raw(elements("d", {"ApplicationId": desktop.encoded_id}))})
    assert desktop.call("CCMovelSign", inner).code == "800"


@pytest.mark.parametrize("given", [None, NIL, "", "a b", "x" * 65, "<&>"])
def test_a_process_id_that_cannot_be_one_still_gets_one_back(desktop, given):
    answer = desktop.validate(given, "123456")
    assert (answer.code, answer.one("Field")) == ("800", "processId")
    assert GUID.fullmatch(answer.process_id)


@pytest.mark.parametrize("code", [NIL, None, "", "1" * 65])
def test_a_missing_code_is_named_and_not_counted(desktop, ana, code):
    begun = desktop.sign(ana)
    for _ in range(4):
        answer = desktop.validate(begun.process_id, code)
        assert (answer.code, answer.one("Field"), answer.one("FieldValue")) == ("800", "code", None)
    assert desktop.validate(begun.process_id, desktop.code_for(ana)).code == "200"


# --- programs -------------------------------------------------------------------------------------


def test_somebody_elses_process_is_as_unknown_as_none(service, desktop, ana):
    stranger = register(service)
    begun = desktop.sign(ana)
    code = desktop.code_for(ana)
    for process in (begun.process_id, str(uuid.uuid4())):
        assert stranger.validate(process, code).code == "816"
        assert stranger.poll(process).code == "816"
        assert stranger.force_sms(process, ana.phone).code == "816"
    assert desktop.validate(begun.process_id, code).code == "200"
    assert stranger.validate(begun.process_id, code).code == "816"


def test_an_application_of_another_name_is_unknown(service, desktop, ana):
    before = transactions(service)
    stranger = register(service)
    for application_id in (stranger.application_id, str(uuid.uuid4()), "", "não"):
        program = replace(desktop, application_id=application_id)
        assert program.certificate(ana.phone).one("GetCertificateResult") is None
        begun = program.sign(ana)
        assert (begun.code, bool(GUID.fullmatch(begun.process_id))) == ("900", True)
        assert program.validate(begun.process_id, "123456").code == "900"
        assert program.poll(begun.process_id).code == "900"
        assert program.force_sms(begun.process_id, ana.phone).code == "900"
    assert transactions(service) == before


def test_a_program_that_may_not_carry_pins_is_refused(service, ana):
    web = register(service, client={"policies": frozenset()})
    assert web.certificate(ana.phone).one("GetCertificateResult") is None
    assert_doomed(web, web.sign(ana), "900")
    auditor = register(service, client={"roles": frozenset({Role.AUDITOR})})
    assert auditor.sign(ana).code == "900"


def test_a_suspended_program_is_a_stranger_and_what_it_had_open_ends(service, ana):
    program = register(service)
    begun = program.sign(ana)
    code = program.code_for(ana)
    service.commands.suspend_client(program.username, reason="compromised", actor="tests")
    assert program.post(envelope("ValidateOtp", "")).status_code == 401
    service.commands.resume_client(program.username, actor="tests")
    assert program.validate(begun.process_id, code).code == "816"


def test_too_many_requests_are_refused_with_a_process_id(service, ana):
    slow = register(service, client={"limits": ClientLimits(requests_per_minute=2)})
    assert slow.sign(ana, wrong(ana.signature_pin)).code == "801"
    assert slow.certificate(ana.phone).one("GetCertificateResult")
    refused = slow.sign(ana)
    assert (refused.code, bool(GUID.fullmatch(refused.process_id))) == ("900", True)
    assert slow.certificate(ana.phone).one("GetCertificateResult") is None
    assert slow.validate(refused.process_id, "123456").code == "900"


def test_the_number_of_phones_one_program_may_look_up_is_limited(service, ana):
    curious = register(service)
    for number in range(100):
        assert curious.certificate(f"+35191777{number:04d}").one("GetCertificateResult") is None
    assert curious.certificate(ana.phone).one("GetCertificateResult") is None
    assert register(service).certificate(ana.phone).one("GetCertificateResult")


# --- envelopes ------------------------------------------------------------------------------------


def assert_fault(answer, status: int, code: str) -> None:
    assert (answer.http.status_code, answer.fault) == (status, code), answer.xml
    assert answer.http.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert "<detail" not in answer.xml
    assert "Traceback" not in answer.xml


def test_unknown_operations_and_namespaces_are_faults(desktop):
    unsupported = "a:ActionNotSupported"
    assert_fault(desktop.call("GetPin", ""), 500, unsupported)
    foreign = envelope("GetCertificate", "").replace(
        b"http://Ama.Authentication.Service/", b"urn:x"
    )
    assert_fault(reply(desktop, foreign), 500, unsupported)
    other = desktop.call("GetCertificate", "", SOAPAction='"http://x/ValidateOtp"')
    assert_fault(other, 500, unsupported)
    for action in ("", '""', "http://x/GetCertificate", '"urn:y/GetCertificate"'):
        assert desktop.call("GetCertificate", "", SOAPAction=action).http.status_code == 200


def reply(program, body: bytes, **headers: str):
    return Reply(program.post(body, **headers))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "s:Client"),
        (b"<a>", "s:Client"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "s:Client"),
        (
            envelope("ForceSMS", "").replace(b"schemas.xmlsoap.org/soap/envelope/", b"x"),
            "s:VersionMismatch",
        ),
        (
            envelope("ForceSMS", "", '<q:Header><a q:mustUnderstand="1"/></q:Header>'),
            "s:MustUnderstand",
        ),
    ],
)
def test_broken_envelopes_are_faults(desktop, body, code):
    assert_fault(reply(desktop, body), 500, code)


def test_a_body_of_a_megabyte_is_read_and_a_larger_one_is_not(desktop, ana):
    fitting = desktop.sign(ana, DocName="x" * 1_000_000)
    assert fitting.code == "200"
    assert_fault(reply(desktop, b"<" + b"x" * MAX_BODY), 413, "s:Client")
    chunked = desktop.app.test_client().post(
        desktop.path,
        input_stream=io.BytesIO(b"x" * (MAX_BODY + 10)),
        headers={"Transfer-Encoding": "chunked"},
        auth=(desktop.username, desktop.password),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert chunked.status_code == 413


def test_other_methods_are_not_supported(desktop):
    assert desktop.app.test_client().put(desktop.path).status_code == 405


def test_what_nobody_foresaw_is_a_fault_without_details(service, desktop, monkeypatch):
    def broken(*_arguments, **_named):
        raise ZeroDivisionError("secret 1234")

    monkeypatch.setattr(type(service.services.stores.cmd_processes), "find", broken)
    answer = desktop.validate(str(uuid.uuid4()), "123456")
    assert_fault(answer, 500, "a:InternalServiceFault")
    assert "secret" not in answer.xml


def test_wrong_codes_never_sign(desktop, ana):
    begun = desktop.sign(ana)
    code = desktop.code_for(ana)
    for guess in (other_code(code), "abcdef", code[:-1], f"{code}0", f" {code} x"):
        answer = desktop.validate(begun.process_id, guess)
        assert answer.code == "802"
        assert answer.every("Signature") == [None]
