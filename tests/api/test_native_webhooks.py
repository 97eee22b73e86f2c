"""Webhooks: delivered by the worker's own job to a real server, signed with the client's secret."""

import hashlib
import hmac
import json
import time

import pytest

from api.wiring.jobs import jobs
from signer.domain.client import ClientPolicy
from tests.fixtures.service import BODY, ROLE, unique


@pytest.fixture
def hooked(service, web_server):
    return service.register(
        unique(), policies=frozenset({ClientPolicy.MAY_CARRY_PIN}), webhook_url=web_server.url
    )


def work(service):
    (webhooks,) = [job for job in jobs(service.services) if job.name == "webhooks"]
    while webhooks.run():
        pass


def received(api, server):
    """Events, after their signature was checked the way the guide says."""
    secret = api.service.secrets[f"{api.client_id}/webhook"]
    events = []
    for method, _path, headers, body in server.requests:
        assert method == "POST"
        stamp, mac = (part.split("=", 1)[1] for part in headers["Chancela-Signature"].split(","))
        expected = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
        assert hmac.compare_digest(mac, expected.hexdigest())
        assert abs(time.time() - int(stamp)) < 300  # noqa: TID251 - a receiver has its own clock
        assert headers["Chancela-Message"]
        events.append(json.loads(body))
    return events


def test_a_signature_is_announced(service, hooked, web_server, newcomer):
    signed = hooked.signed(newcomer)
    work(service)
    (event,) = received(hooked, web_server)
    assert event == {
        "event": "signature.signed",
        "signature": signed["id"],
        "state": "signed",
        "failure": None,
    }


def test_an_end_without_signature_is_announced_with_its_reason(
    service, hooked, web_server, newcomer
):
    demand = {"required_attributes": [{"provider": BODY, "role": ROLE}]}
    failed = hooked.started(newcomer, **demand)
    assert hooked.pin(failed["id"], newcomer.signature_pin).status_code == 403
    cancelled = hooked.started(newcomer)
    hooked.call("DELETE", f"/signatures/{cancelled['id']}")
    work(service)
    told = {event["signature"]: event for event in received(hooked, web_server)}
    assert told[failed["id"]]["event"] == "signature.failed"
    assert told[failed["id"]]["failure"] == "attribute_not_held"
    assert told[cancelled["id"]]["event"] == "signature.cancelled"


def test_a_receiver_that_fails_gets_it_again(service, hooked, web_server, newcomer):
    started = hooked.started(newcomer)
    web_server.will_answer(500, {})
    hooked.call("DELETE", f"/signatures/{started['id']}")
    work(service)
    assert len(web_server.requests) == 1
    web_server.will_answer(200, {})
    deadline = time.monotonic() + 60
    while len(web_server.requests) < 2 and time.monotonic() < deadline:
        work(service)
        time.sleep(0.2)
    first, second = received(hooked, web_server)
    assert first == second
