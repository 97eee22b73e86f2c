"""L8 over HTTP: a client that brings too many wrong PINs is slowed down, others are not."""

import pytest

from signer.domain.client import ClientLimits, ClientPolicy
from tests.fixtures.service import raw, unique


@pytest.fixture
def careless(service):
    """A desktop program that may bring two wrong PINs or codes an hour."""
    return service.register(
        unique("careless"),
        policies=frozenset({ClientPolicy.MAY_CARRY_PIN}),
        limits=ClientLimits(failures_per_hour=2, requests_per_minute=1000),
    )


def test_a_client_past_its_own_budget_waits_whoever_it_asks_for(service, careless, native, rui):
    for _ in range(2):
        someone = service.enrol()
        started = careless.started(someone, raw(b"guess"))
        assert careless.pin(started["id"], "000000").status_code == 403
    right = careless.pin(careless.started(rui, raw(b"x"))["id"], rui.signature_pin)
    assert right.status_code == 429
    assert right.get_json(force=True)["code"] == "rate_limited"
    assert int(right.headers["Retry-After"]) > 0
    assert native.signed(rui, raw(b"x"))["items"][0]["result"]
