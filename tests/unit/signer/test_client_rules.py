"""What a client may be and may do."""

from datetime import UTC, datetime

import pytest

from signer.domain.client import Client, ClientLimits, ClientPolicy, Role
from signer.domain.errors import InvalidRequestError
from signer.domain.values import DEFAULT_TENANT, ClientId


def client(**changes):
    values = {
        "id": ClientId("rp"),
        "tenant": DEFAULT_TENANT,
        "name": "Notário Exemplo",
        "roles": frozenset({Role.RELYING_PARTY}),
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Client(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"id": ""}, "id", id="no id"),
        pytest.param({"id": "A"}, "id", id="upper case id"),
        pytest.param({"id": "a" * 65}, "id", id="long id"),
        pytest.param({"id": "a\n"}, "id", id="line break in id"),
        pytest.param({"name": ""}, "name", id="no name"),
        pytest.param({"name": "a\nb"}, "name", id="two lines"),
        pytest.param({"name": "a\u202eb"}, "name", id="reversed text"),
        pytest.param({"name": "x" * 101}, "name", id="long name"),
        pytest.param({"roles": frozenset()}, "roles", id="no role"),
        pytest.param({"webhook_url": "http://rp.example/"}, "webhook_url", id="plain http"),
        pytest.param({"webhook_url": "ftp://rp.example/"}, "webhook_url", id="ftp"),
        pytest.param({"webhook_url": "https:///x"}, "webhook_url", id="no host"),
        pytest.param({"webhook_url": "https://h:x/"}, "webhook_url", id="bad port"),
        pytest.param({"webhook_url": "https://[::1/"}, "webhook_url", id="bad address"),
        pytest.param({"redirect_urls": ("https://u@h/",)}, "redirect_urls", id="user info"),
        pytest.param({"redirect_urls": ("https://h/#f",)}, "redirect_urls", id="fragment"),
        pytest.param({"redirect_urls": ("https://h\\@i/",)}, "redirect_urls", id="backslash"),
        pytest.param({"redirect_urls": ("javascript:1",)}, "redirect_urls", id="script"),
    ],
)
def test_a_malformed_client_is_refused_naming_the_field(changes, field):
    with pytest.raises(InvalidRequestError) as refused:
        client(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["failures_per_hour", "requests_per_minute"])
@pytest.mark.parametrize("value", [0, -1, 100_001])
def test_limits_out_of_range_are_refused(name, value):
    with pytest.raises(InvalidRequestError) as refused:
        ClientLimits(**{name: value})
    assert refused.value.field == name


@pytest.mark.parametrize(
    ("allowed", "permitted"),
    [
        (frozenset(), False),
        (frozenset({"*"}), True),
        (frozenset({"ordem/*"}), True),
        (frozenset({"ordem/advogado"}), True),
        (frozenset({"ordem/juiz", "outra/*"}), False),
    ],
    ids=["nothing", "all", "all of the body", "this one", "others"],
)
def test_only_allowed_attributes_may_be_demanded(allowed, permitted):
    assert client(attributes=allowed).may_demand("ordem", "advogado") is permitted


def test_nothing_allowed_is_nothing():
    assert not client(purposes=frozenset()).may_ask_for("signature")
    assert client().may_ask_for("signature")
    assert not client().may(ClientPolicy.MAY_CARRY_PIN)


def test_maintaining_a_body_needs_policy_and_body():
    policy = frozenset({ClientPolicy.MAY_MAINTAIN_ATTRIBUTES})
    assert not client(policies=policy).may_maintain("ordem")
    assert not client(providers=frozenset({"ordem"})).may_maintain("ordem")
    assert client(policies=policy, providers=frozenset({"ordem"})).may_maintain("ordem")


def test_a_redirect_must_be_registered_whole():
    known = client(redirect_urls=("https://h/back",))
    assert known.may_redirect_to("https://h/back")
    assert not known.may_redirect_to("https://h/back/more")
