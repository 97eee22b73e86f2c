"""Requests per minute, per client and per address."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from api.rate_limits import RateLimits
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
