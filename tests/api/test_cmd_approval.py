"""A registered device approves; the program that polls gets its signatures."""

from base64 import b64decode

import pytest

from tests.fixtures.cmd import cmd_citizen, document
from tests.fixtures.devices import phone_of
from tests.fixtures.service import other_code


@pytest.fixture
def person(service):
    return cmd_citizen(service)


@pytest.fixture
def phone(service, person):
    return phone_of(service, person)


def say(phone, decision: str) -> None:
    (question,) = phone.pending()
    answer = phone.say(question["id"], decision, b64decode(question["to_sign"][decision]))
    assert answer.status_code == 200, answer.text


def test_a_batch_is_approved_after_two_polls(desktop, person, phone):
    begun = desktop.sign_many(
        person, document(b"a", "a.pdf"), document(b"b", "b.pdf"), IsBiometricValidationEnable="true"
    )
    assert [desktop.poll(begun.process_id).code for _ in range(2)] == ["102", "102"]
    (question,) = phone.pending()
    assert question["documents"] == ["a.pdf", "b.pdf"]
    assert begun.process_id not in str(question), "the handle stays with the program"
    say(phone, "approve")
    done = desktop.poll(begun.process_id)
    assert (done.code, len(done.every("Hash"))) == ("200", 2)
    assert desktop.poll(begun.process_id).http.data == done.http.data
    # Who types the code at that very moment gets the same signatures, without a second key use.
    typed = desktop.validate(begun.process_id, desktop.code_for(person))
    assert typed.every("Hash") == done.every("Hash")


def test_the_message_goes_out_too_and_its_code_signs(desktop, person, phone):
    begun = desktop.sign(person, IsBiometricValidationEnable="true")
    assert phone.pending()
    code = desktop.code_for(person)
    assert desktop.validate(begun.process_id, other_code(code)).code == "802"
    assert desktop.validate(begun.process_id, code).code == "200"
    assert phone.pending() == []


def test_a_refusal_on_the_device_ends_the_process(desktop, person, phone):
    begun = desktop.sign(person, IsBiometricValidationEnable="true")
    code = desktop.code_for(person)
    say(phone, "refuse")
    assert desktop.poll(begun.process_id).code == "816"
    refused = desktop.validate(begun.process_id, code)
    assert (refused.code, refused.every("Signature")) == ("816", [None])


@pytest.mark.parametrize("wish", [None, "false", "0", ""])
def test_devices_are_asked_only_where_the_program_wishes_it(desktop, person, phone, wish):
    begun = desktop.sign(person, IsBiometricValidationEnable=wish)
    assert begun.code == "200"
    assert phone.pending() == []
    assert desktop.poll(begun.process_id).code == "102"


def test_a_wrong_pin_asks_no_device(desktop, person, phone):
    wrong = "".join(str((int(digit) + 1) % 10) for digit in person.signature_pin)
    assert desktop.sign(person, wrong, IsBiometricValidationEnable="true").code == "801"
    assert phone.pending() == []
