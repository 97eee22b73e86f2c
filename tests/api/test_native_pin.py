"""``POST /signatures/{id}/pin``: who may carry it, and what may be learnt from the answer."""

import base64
import json

import pytest

from tests.fixtures.service import BODY, ROLE, raw

UNKNOWN = "+351939999998"
DEMAND = {"required_attributes": [{"provider": BODY, "role": ROLE}]}


def wrong_pin(pin):
    return pin[1:] + pin[:1]


def test_a_right_pin_sends_a_code_that_names_who_asks_and_what(service, native, newcomer):
    started = native.started(newcomer, raw(b"a", "testamento.pdf"))
    body = native.pin(started["id"], newcomer.signature_pin).get_json()
    assert body["channel"] == "sms"
    assert body["destination"].endswith(newcomer.phone[-3:])
    assert newcomer.phone not in body["destination"]
    assert len(body["handle"]) >= 22
    code = service.code(newcomer.phone)
    (text,) = [one for one in service.sent(newcomer) if code in one]
    assert "testamento.pdf" in text
    assert "Notário Exemplo native" in text
    assert started["id"] not in text
    assert body["handle"] not in text
    assert native.look(started["id"])["state"] == "asked"


def test_a_client_without_the_policy_is_told_where_to_send_the_citizen(service, portal, newcomer):
    started = portal.started(newcomer)
    answer = portal.pin(started["id"], newcomer.signature_pin)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "client.not_permitted")
    assert "authorisation_url" in answer.get_json()["detail"]
    assert portal.look(started["id"])["state"] == "created"
    assert not [text for text in service.sent(newcomer) if "Notário Exemplo portal" in text]


def test_wrong_unknown_and_locked_look_alike(service, newcomer):
    locked = service.variant(limit_pin_failures=1, limit_pin_delays_seconds="0").api("native")
    answers = []
    for phone in (newcomer, UNKNOWN):
        started = locked.started(phone)
        answers.append(locked.pin(started["id"], wrong_pin(newcomer.signature_pin)))
    started = locked.started(newcomer)
    answers.append(locked.pin(started["id"], newcomer.signature_pin))
    told = {json.dumps(one.get_json() | {"request_id": ""}) for one in answers}
    assert len(told) == 1
    assert {one.status_code for one in answers} == {403}
    assert json.loads(told.pop())["code"] == "pin.incorrect"
    assert any("PIN" in text for text in service.sent(newcomer)), "the owner is told of the lock"


def test_a_missing_attribute_is_told_only_after_a_right_pin_and_sends_no_code(
    service, native, newcomer
):
    started = native.started(newcomer, **DEMAND)
    refused = native.pin(started["id"], wrong_pin(newcomer.signature_pin))
    assert refused.get_json()["code"] == "pin.incorrect"
    answer = native.pin(started["id"], newcomer.signature_pin)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "attribute_not_held")
    look = native.look(started["id"])
    assert (look["state"], look["failure"]) == ("failed", "attribute_not_held")
    service.deliver()
    assert [text for text in service.sent(newcomer) if "assinar" in text] == []


def test_a_pin_is_not_taken_twice(native, newcomer):
    started, _handle, _code = native.asked(newcomer)
    answer = native.pin(started["id"], newcomer.signature_pin)
    assert (answer.status_code, answer.get_json()["code"]) == (410, "transaction.ended")


def test_an_account_that_cannot_sign_is_told_to_who_knows_the_pin(service, native, newcomer):
    service.services.accounts.change.suspend(newcomer.account.id, actor="officer")
    service.services.accounts.tell()
    started = native.started(newcomer)
    wrong = native.pin(started["id"], wrong_pin(newcomer.signature_pin))
    assert wrong.get_json()["code"] == "pin.incorrect"
    answer = native.pin(started["id"], newcomer.signature_pin)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "account.state")


def test_another_clients_transaction_is_as_unknown_as_none(native, other, newcomer):
    started = native.started(newcomer)
    theirs = other.pin(started["id"], newcomer.signature_pin)
    nobodys = other.pin("0" * 8 + started["id"][8:], newcomer.signature_pin)
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.get_json() | {"request_id": ""} == nobodys.get_json() | {"request_id": ""}


def test_the_answer_holds_a_secret_so_no_idempotency_key_is_taken(service, native, newcomer):
    started = native.started(newcomer)
    sealed = native.sealed(pin=newcomer.signature_pin, transaction=started["id"])
    answer = native.call(
        "POST",
        f"/signatures/{started['id']}/pin",
        {"pin": sealed},
        {"Idempotency-Key": "k"},
    )
    assert (answer.status_code, answer.get_json()["field"]) == (400, "Idempotency-Key")
    assert service.transaction(started["id"]).state == "created"


# --- the JWE -------------------------------------------------------------------------------------


def altered(compact, part, change):
    parts = compact.split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def header(**members):
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def with_header(**changes):
    def change(encoded):
        padded = encoded + "=" * (-len(encoded) % 4)
        members = json.loads(base64.urlsafe_b64decode(padded))
        return header(**{k: v for k, v in (members | changes).items() if v is not None})

    return lambda compact: altered(compact, 0, change)


def flipped(text):
    return ("A" if text[0] != "A" else "B") + text[1:]


SPOILT = {
    "not a JWE": lambda _: "739155",
    "four parts": lambda compact: compact.rpartition(".")[0],
    "empty": lambda _: "....",
    "header is a list": lambda compact: altered(compact, 0, lambda _: "W10"),
    "header is a number": lambda compact: altered(compact, 0, lambda _: "MQ"),
    "header nested deeply": lambda compact: altered(
        compact, 0, lambda _: base64.b64encode(b"[" * 1500).decode()
    ),
    "header is no JSON": lambda compact: altered(compact, 0, lambda _: "e30x"),
    "other key algorithm": with_header(alg="RSA1_5"),
    "OAEP with SHA-1": with_header(alg="RSA-OAEP"),
    "direct": with_header(alg="dir"),
    "other content algorithm": with_header(enc="A128CBC-HS256"),
    "compressed": with_header(zip="DEF"),
    "critical": with_header(crit=["exp"]),
    "unknown key": with_header(kid="nobody"),
    "no key id": with_header(kid=None),
    "key id is a list": with_header(kid=["x"]),
    "wrapped key changed": lambda compact: altered(compact, 1, flipped),
    "wrapped key too short": lambda compact: altered(compact, 1, lambda _: "AAAA"),
    "nonce changed": lambda compact: altered(compact, 2, flipped),
    "nonce empty": lambda compact: altered(compact, 2, lambda _: ""),
    "text changed": lambda compact: altered(compact, 3, flipped),
    "tag changed": lambda compact: altered(compact, 4, flipped),
    "tag cut": lambda compact: altered(compact, 4, lambda tag: tag[:6]),
    "too long": lambda compact: compact + "A" * 3500,
    "not ASCII": lambda compact: "á" + compact,
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_jwe_is_refused_the_same_way_and_counts_nothing(service, native, rui, how):
    started = native.started(rui)
    before = service.rows()
    sealed = native.sealed(pin=rui.signature_pin, transaction=started["id"])
    answer = native.call("POST", f"/signatures/{started['id']}/pin", {"pin": SPOILT[how](sealed)})
    body = answer.get_json()
    assert (answer.status_code, body["field"]) == (400, "pin")
    if how != "too long":
        assert body["detail"].startswith("not a JWE")
    assert service.rows() == before
    assert native.look(started["id"])["state"] == "created"


@pytest.mark.parametrize(
    "members",
    [
        {"pin": "739155", "transaction": "another"},
        {"pin": "739155"},
        {"code": "739155", "transaction": None},
        {"pin": "", "transaction": None},
        {"pin": "73915", "transaction": None, "extra": "x"},
        {"pin": "123", "transaction": None},
        {"pin": "123456789", "transaction": None},
        {"pin": "73915a", "transaction": None},
        {"pin": "\uff17\uff13\uff19\uff11\uff15\uff15", "transaction": None},
        {"pin": "739155\n", "transaction": None},
    ],
    ids=str,
)
def test_a_payload_that_names_something_else_or_no_digits_is_refused(service, native, rui, members):
    started = native.started(rui)
    filled = {key: value or started["id"] if key == "transaction" else value
              for key, value in members.items()}  # fmt: skip
    before = service.rows()
    sealed = native.sealed(**filled)
    answer = native.call("POST", f"/signatures/{started['id']}/pin", {"pin": sealed})
    expected = 403 if members.get("extra") else 400
    assert answer.status_code == expected, answer.text
    if expected == 400:
        assert answer.get_json()["field"] == "pin"
        assert service.rows() == before


@pytest.mark.parametrize("body", [{}, {"pin": None}, {"pin": 1}, {"pin": "x", "code": "y"}, []])
def test_the_body_is_checked_before_anything_else(native, rui, body):
    started = native.started(rui)
    answer = native.call("POST", f"/signatures/{started['id']}/pin", body)
    assert answer.status_code == 400
    assert answer.get_json()["field"] in {"pin", "code", "body"}


@pytest.mark.parametrize("identifier", ["x", "0" * 37, "00000000-0000-4000-8000-00000000000G"])
def test_an_identifier_that_cannot_be_one_is_named(native, identifier):
    answer = native.call("GET", f"/signatures/{identifier}")
    assert (answer.status_code, answer.get_json()["field"]) == (400, "id")
