"""Polls, resends and codes of one process at the same moment, on both databases."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from signer.adapters.store.tables.audit import audit_record
from signer.domain.audit import AuditEvent
from tests.fixtures.cmd import cmd_citizen, document, register
from tests.fixtures.service import other_code

ROUNDS = 4


@pytest.fixture(params=["service", "postgresql_service"])
def program(request):
    service = request.getfixturevalue(request.param)
    relaxed = service.variant(limit_resend_interval_seconds=0, limit_resends_per_transaction=10)
    made = register(service)
    yield replace(made, service=relaxed, app=relaxed.app)
    relaxed.services.stores.database.dispose()


@pytest.fixture
def person(program):
    return cmd_citizen(program.service)


def made_for(program, citizen) -> int:
    query = select(func.count()).where(
        audit_record.c.event == AuditEvent.SIGNATURE_MADE.value,
        audit_record.c.subject == citizen.account.id,
    )
    with program.service.services.stores.database.read() as connection:
        return connection.scalar(query)


def at_once(*calls: Callable[[], object]) -> list:
    """All begin at the same moment, each on its own connection."""
    gate = threading.Barrier(len(calls))

    def run(call):
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_a_code_typed_many_times_at_once_signs_once(program, person):
    for number in range(1, ROUNDS + 1):
        begun = program.sign_many(
            person, document(b"a", "a.pdf", "0"), document(b"b", "b.pdf", "1"),
            IsBiometricValidationEnable="true",
        )  # fmt: skip
        process, code = begun.process_id, program.code_for(person)

        def validate(process=process, code=code):
            return program.validate(process, code)

        def poll(process=process):
            return program.poll(process)

        answers = at_once(*[validate] * 6, *[poll] * 4)
        assert {one.code for one in answers[:6]} == {"200"}
        assert len({one.http.data for one in answers[:6]}) == 1
        assert {one.code for one in answers[6:]} <= {"102", "200"}
        signed = answers[0].every("Hash")
        for one in [*answers[6:], poll()]:
            assert one.code == "102" or one.every("Hash") == signed
        assert poll().code == "200"
        assert made_for(program, person) == number


def test_a_new_code_and_the_old_one_at_once_sign_once_at_most(program, person):
    for number in range(1, ROUNDS + 1):
        begun = program.sign(person, IsBiometricValidationEnable="true")
        process, code = begun.process_id, program.code_for(person)

        def resend(process=process):
            return program.force_sms(process, person.phone)

        def validate(process=process, code=code):
            return program.validate(process, code)

        def poll(process=process):
            return program.poll(process)

        answers = at_once(resend, resend, validate, validate, poll, poll)
        assert {one.code for one in answers[:2]} <= {"200", "816"}
        assert {one.code for one in answers[2:4]} <= {"200", "802"}
        assert {one.code for one in answers[4:]} <= {"102", "200"}
        if "200" not in {one.code for one in answers[2:4]}:
            assert program.validate(process, program.code_for(person)).code == "200"
        assert program.poll(process).code == "200"
        assert made_for(program, person) == number


def test_wrong_codes_beside_the_right_one_are_refused(program, person):
    begun = program.sign(person)
    process, code = begun.process_id, program.code_for(person)
    answers = at_once(
        lambda: program.validate(process, code), lambda: program.validate(process, other_code(code))
    )
    assert [one.code for one in answers] == ["200", "802"]
    assert answers[1].every("Signature") == [None]
    assert made_for(program, person) == 1


def test_wrong_pins_at_once_all_have_a_doomed_process(program, person):
    pin = "".join(str((int(digit) + 1) % 10) for digit in person.signature_pin)
    answers = at_once(*[lambda: program.sign(person, pin)] * 4)
    # One is checked at a time; who waits for a delay to end is told so.
    assert {one.code for one in answers} <= {"801", "900", "500"}
    assert "801" in {one.code for one in answers}
    for one in answers:
        assert program.validate(one.process_id, "123456").code == one.code
