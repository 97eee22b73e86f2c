"""``POST /signatures/{id}/resend``: a new code, another channel, the old code is dead."""

import pytest

from tests.fixtures.service import raw


def resend(api, identifier, handle, **body):
    return api.call("POST", f"/signatures/{identifier}/resend", {"handle": handle, **body})


def test_the_new_code_signs_and_the_old_one_does_not(service, native, newcomer):
    started, handle, old = native.asked(newcomer)
    answer = resend(native, started["id"], handle)
    assert answer.status_code == 200
    assert answer.get_json()["handle"] == handle
    new = service.code(newcomer.phone)
    if new != old:
        assert native.code(started["id"], handle, old).get_json()["code"] == "code.incorrect"
    assert native.code(started["id"], handle, new).status_code == 200


def test_another_channel_carries_the_new_code(service, native, newcomer):
    started, handle, _old = native.asked(newcomer)
    answer = resend(native, started["id"], handle, channel="email")
    body = answer.get_json()
    assert (answer.status_code, body["channel"]) == (200, "email")
    assert "•" in body["destination"]
    assert newcomer.account.identity.email not in body["destination"]
    code = service.email_code(newcomer)
    assert native.code(started["id"], handle, code).status_code == 200


def test_a_wrong_handle_sends_nothing(service, native, newcomer):
    started, handle, code = native.asked(newcomer)
    count = len(service.sms.messages)
    answer = resend(native, started["id"], "x" * len(handle))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "authorisation.refused")
    service.deliver()
    assert len(service.sms.messages) == count
    assert native.code(started["id"], handle, code).status_code == 200


def test_it_says_how_long_to_wait_and_how_often_is_enough(service, newcomer):
    slow = service.variant(limit_resend_interval_seconds=30)
    api = slow.api("native")
    started, handle, _code = api.asked(newcomer)
    answer = resend(api, started["id"], handle)
    assert (answer.status_code, answer.get_json()["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 31

    few = service.variant(limit_resends_per_transaction=1).api("native")
    assert resend(few, started["id"], handle).status_code == 200
    assert resend(few, started["id"], handle).status_code == 429


def test_before_the_pin_and_after_the_end_there_is_nothing_to_resend(native, newcomer):
    started = native.started(newcomer)
    assert resend(native, started["id"], "h" * 40).status_code == 410
    started, handle, code = native.asked(newcomer, raw(b"b"))
    assert native.code(started["id"], handle, code).status_code == 200
    assert resend(native, started["id"], handle).status_code == 410


def test_only_a_client_that_may_carry_pins_resends(portal, newcomer):
    started = portal.started(newcomer)
    assert resend(portal, started["id"], "h" * 40).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "handle"),
        ({"handle": None}, "handle"),
        ({"handle": "short"}, "handle"),
        ({"handle": "x" * 101}, "handle"),
        ({"handle": "x" * 40, "channel": "fax"}, "channel"),
        ({"handle": "x" * 40, "channel": 1}, "channel"),
        ({"handle": "x" * 40, "extra": 1}, "extra"),
    ],
)
def test_a_bad_value_is_named_and_sends_nothing(service, native, newcomer, body, field):
    started, _handle, _code = native.asked(newcomer)
    before = service.rows()
    answer = native.call("POST", f"/signatures/{started['id']}/resend", body)
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)
    assert service.rows() == before


def test_a_channel_the_citizen_does_not_have_is_named(service, native, newcomer):
    service.services.accounts.change.set_channels(newcomer.account.id, ("sms",), actor="officer")
    started, handle, _code = native.asked(newcomer)
    answer = resend(native, started["id"], handle, channel="email")
    assert (answer.status_code, answer.get_json()["field"]) == (400, "channel")
