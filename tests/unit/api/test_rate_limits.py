"""Requests per minute, per client and per address."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from api.rate_limits import MemoryWindows, RateLimits
from signer.domain.client import Client, ClientLimits, Role
from signer.domain.errors import RateLimitedError
from signer.domain.values import DEFAULT_TENANT, ClientId

CLIENT = Client(
    id=ClientId("a"),
    tenant=DEFAULT_TENANT,
    name="A",
    roles=frozenset({Role.RELYING_PARTY}),
    limits=ClientLimits(requests_per_minute=3),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_each_client_has_its_own_limit():
    limits = RateLimits(per_address=1)
    for _ in range(3):
        limits.check_client(CLIENT)
    with pytest.raises(RateLimitedError) as limited:
        limits.check_client(CLIENT)
    assert 1 <= limited.value.retry_after <= 60
    limits.check_client(replace(CLIENT, id=ClientId("b")))


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("", "garbage", True),
    ],
)
def test_addresses_count_by_network(first, second, together):
    limits = RateLimits(per_address=1)
    limits.check_address(first)
    if together:
        with pytest.raises(RateLimitedError):
            limits.check_address(second)
    else:
        limits.check_address(second)


class Ticking:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_moves_call_by_call():
    clock = Ticking()
    windows = MemoryWindows(clock)
    for second in (0, 20, 40):
        clock.now = 1000.0 + second
        assert windows.hit("client", "a", 3) == 0
    assert windows.hit("client", "a", 3) == pytest.approx(20)
    clock.now = 1060.0
    assert windows.hit("client", "a", 3) == 0
    assert windows.hit("client", "a", 3) == pytest.approx(20)


def test_a_lowered_limit_waits_for_all_surplus_calls():
    clock = Ticking()
    windows = MemoryWindows(clock)
    for second in (0, 10, 20):
        clock.now = 1000.0 + second
        windows.hit("client", "a", 3)
    assert windows.hit("client", "a", 1) == pytest.approx(60)
    assert windows.hit("client", "a", 0) == pytest.approx(60)


def test_who_stopped_calling_is_forgotten():
    clock = Ticking()
    windows = MemoryWindows(clock)
    for number in range(1000):
        windows.hit("address", str(number), 5)
    clock.now += 61
    windows.hit("address", "new", 5)
    assert list(windows._calls) == [("address", "new")]  # noqa: SLF001 - what it keeps is the point


def test_a_shared_storage_goes_through_the_package():
    limits = RateLimits(per_address=1, storage_url="memory://shared")
    limits.check_address("192.0.2.1")
    with pytest.raises(RateLimitedError) as limited:
        limits.check_address("192.0.2.1")
    assert 1 <= limited.value.retry_after <= 60
    limits.check_address("192.0.2.2")
