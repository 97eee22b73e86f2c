"""Clients on both databases, through the operations that use them."""

import json
import os
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from signer.adapters.store.clients import SQLClientStore
from signer.adapters.store.tables.audit import audit_record
from signer.adapters.store.tables.clients import client_secret
from signer.domain.client import Client, ClientLimits, ClientPolicy, Role
from signer.domain.errors import (
    ClientAuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from signer.domain.values import DEFAULT_TENANT, ClientId, Secret
from signer.operations.clients import (
    AuthenticateClient,
    ChangeClient,
    RegisterClient,
    ResumeClient,
    RotateSecret,
    SuspendClient,
    WebhookSecretOf,
)
from tests.fixtures.vault import FakeVault

VAULT = FakeVault()

NOTARY = ClientId("notary")


class CountingEnder:
    """Ends transactions by noting whose; the store of transactions has its own tests."""

    def __init__(self):
        self.ended = []
        self.fails = False

    def end_for_client(self, connection, client_id):
        if self.fails:
            raise RuntimeError("no")
        assert connection.in_transaction()
        self.ended.append(client_id)
        return 3


@pytest.fixture
def ender():
    return CountingEnder()


@pytest.fixture
def store(database, audit_chain, ender):
    return SQLClientStore(database, audit_chain, ender)


@pytest.fixture
def described(clock):
    return Client(
        id=NOTARY,
        tenant=DEFAULT_TENANT,
        name="Notário Exemplo",
        roles=frozenset({Role.RELYING_PARTY}),
        redirect_urls=("https://rp.example/back", "http://127.0.0.1:9/back"),
        webhook_url="https://rp.example/hook",
        policies=frozenset({ClientPolicy.MAY_CARRY_PIN}),
        attributes=frozenset({"ordem/advogado"}),
        limits=ClientLimits(failures_per_hour=7, requests_per_minute=8),
        created_at=clock.now(),
    )


@pytest.fixture
def registered(store, described, clock):
    register = RegisterClient(store, VAULT, clock, os.urandom)
    return register(described, actor="operator")


@pytest.fixture
def authenticate(store, clock):
    return AuthenticateClient(store, clock)


def events(database):
    with database.read() as connection:
        rows = connection.execute(select(audit_record).order_by(audit_record.c.sequence)).all()
    return [(row.event, row.body) for row in rows]


def test_a_client_comes_back_as_it_was_registered(store, registered, described):
    found = store.find(NOTARY)
    assert found == registered.client
    assert found == replace(described, webhook_secret_protected=found.webhook_secret_protected)


def test_the_database_has_only_the_hash_of_the_secret(database, registered):
    with database.read() as connection:
        row = connection.execute(select(client_secret)).one()
    assert row.sha256 == registered.secret.sha256()
    assert len(registered.secret.reveal()) == 43


def test_the_webhook_secret_is_protected_and_comes_back(registered):
    clear = registered.webhook_secret.reveal()
    assert clear.encode() not in registered.client.webhook_secret_protected
    assert WebhookSecretOf(VAULT)(registered.client) == registered.webhook_secret


def test_a_taken_id_is_a_conflict_and_keeps_the_first(store, registered, described, clock):
    register = RegisterClient(store, VAULT, clock, os.urandom)
    with pytest.raises(ConflictError):
        register(replace(described, name="Outro"), actor="operator")
    assert store.find(NOTARY) == registered.client


def test_the_right_secret_authenticates(authenticate, registered):
    assert authenticate(NOTARY, registered.secret) == registered.client


def test_unknown_suspended_and_wrong_look_alike_and_are_audited(
    database, store, clock, authenticate, registered
):
    answers = []
    for name, secret in (("nobody", registered.secret), (NOTARY, Secret("x"))):
        with pytest.raises(ClientAuthenticationError) as refused:
            authenticate(ClientId(name), secret)
        answers.append(str(refused.value))
    SuspendClient(store, clock)(NOTARY, reason="compromised", actor="operator")
    with pytest.raises(ClientAuthenticationError) as refused:
        authenticate(NOTARY, registered.secret)
    answers.append(str(refused.value))
    assert len(set(answers)) == 1
    refusals = [body for event, body in events(database) if event == "client.refused"]
    outcomes = [json.loads(body)["outcome"] for body in refusals]
    assert outcomes == ["unknown", "secret", "suspended"]
    assert "nobody" not in refusals[0]


@pytest.mark.usefixtures("registered")
def test_every_refusal_makes_two_comparisons(authenticate, monkeypatch):
    made = []
    import hmac

    real = hmac.compare_digest
    monkeypatch.setattr(
        "signer.operations.clients.hmac.compare_digest", lambda *a: made.append(1) or real(*a)
    )
    for name in (NOTARY, ClientId("nobody")):
        made.clear()
        with pytest.raises(ClientAuthenticationError):
            authenticate(name, Secret("wrong"))
        assert len(made) == 2


def test_after_rotation_both_secrets_work_until_the_overlap_ends(
    store, clock, authenticate, registered
):
    rotate = RotateSecret(store, clock, os.urandom)
    new = rotate(NOTARY, overlap=timedelta(hours=1), actor="operator")
    assert new != registered.secret
    authenticate(NOTARY, registered.secret)
    authenticate(NOTARY, new)
    clock.advance(hours=1)
    with pytest.raises(ClientAuthenticationError):
        authenticate(NOTARY, registered.secret)
    authenticate(NOTARY, new)


def test_rotation_without_overlap_stops_the_old_secret_at_once(
    store, clock, authenticate, registered
):
    RotateSecret(store, clock, os.urandom)(NOTARY, overlap=timedelta(0), actor="operator")
    with pytest.raises(ClientAuthenticationError):
        authenticate(NOTARY, registered.secret)


def test_a_second_rotation_ends_the_first_secret(store, clock, authenticate, registered):
    rotate = RotateSecret(store, clock, os.urandom)
    second = rotate(NOTARY, overlap=timedelta(hours=1), actor="operator")
    clock.advance(seconds=1)
    third = rotate(NOTARY, overlap=timedelta(hours=1), actor="operator")
    with pytest.raises(ClientAuthenticationError):
        authenticate(NOTARY, registered.secret)
    authenticate(NOTARY, second)
    authenticate(NOTARY, third)


@pytest.mark.usefixtures("registered")
def test_rotation_refuses_what_it_cannot_do(store, clock):
    rotate = RotateSecret(store, clock, os.urandom)
    with pytest.raises(InvalidRequestError) as refused:
        rotate(NOTARY, overlap=timedelta(days=31), actor="operator")
    assert refused.value.field == "overlap"
    with pytest.raises(NotFoundError):
        rotate(ClientId("nobody"), overlap=timedelta(0), actor="operator")


def test_suspension_ends_open_transactions_in_the_same_act(
    database, store, clock, ender, authenticate, registered
):
    assert SuspendClient(store, clock)(NOTARY, reason="compromised", actor="operator") == 3
    assert ender.ended == [NOTARY]
    event, body = events(database)[-1]
    assert event == "client.changed"
    assert '"transactions_ended":3' in body
    ResumeClient(store)(NOTARY, actor="operator")
    authenticate(NOTARY, registered.secret)


def test_a_suspension_that_cannot_end_transactions_changes_nothing(
    store, clock, ender, authenticate, registered
):
    ender.fails = True
    with pytest.raises(RuntimeError):
        SuspendClient(store, clock)(NOTARY, reason="compromised", actor="operator")
    authenticate(NOTARY, registered.secret)


@pytest.mark.usefixtures("registered")
def test_suspending_or_resuming_what_is_not_there_is_refused(store, clock):
    with pytest.raises(NotFoundError):
        SuspendClient(store, clock)(ClientId("nobody"), reason="test", actor="operator")
    with pytest.raises(NotFoundError):
        ResumeClient(store)(ClientId("nobody"), actor="operator")
    with pytest.raises(ConflictError):
        ResumeClient(store)(NOTARY, actor="operator")
    with pytest.raises(InvalidRequestError):
        SuspendClient(store, clock)(NOTARY, reason="two words", actor="operator")


def test_rights_change_only_from_what_was_read(store, registered):
    change = ChangeClient(store)
    client = registered.client
    changed = change(client, replace(client, policies=frozenset()), actor="operator")
    assert store.find(NOTARY) == changed
    with pytest.raises(ConflictError):
        change(client, replace(client, name="Tarde"), actor="operator")
