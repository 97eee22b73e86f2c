"""Forwarding headers are believed only from as many proxies as were configured."""

import pytest


@pytest.fixture
def addresses(monkeypatch):
    """Addresses that the rate limit saw."""

    def of(app_service, headers):
        seen = []
        monkeypatch.setattr(
            type(app_service.services.rates), "check_address", lambda _self, one: seen.append(one)
        )
        app_service.app.test_client().get("/livez", headers=headers)
        return seen

    return of


def test_without_a_proxy_the_header_is_ignored(service, addresses):
    assert addresses(service, {"X-Forwarded-For": "203.0.113.9"}) == ["127.0.0.1"]


def test_behind_one_proxy_its_last_entry_counts(service, addresses):
    behind = service.variant(web_trusted_proxies=1)
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    assert addresses(behind, headers) == ["203.0.113.9"]
