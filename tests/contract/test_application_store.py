"""CMD applications on both databases, through the operations that use them."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from api.cli import application as command
from signer.adapters.store.applications import SQLApplicationStore
from signer.adapters.store.clients import SQLClientStore
from signer.adapters.store.tables.audit import audit_record
from signer.adapters.store.tables.clients import client as client_table
from signer.domain.client import Client, ClientPolicy, Role
from signer.domain.cmd_application import BareHash, BasicRule
from signer.domain.errors import (
    ClientAuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from signer.domain.values import DEFAULT_TENANT, ClientId, Secret
from signer.operations.applications import (
    ChangeApplication,
    FindApplication,
    NewApplication,
    RegisterApplication,
)
from signer.operations.clients import (
    AuthenticateClient,
    RegisterClient,
    RotateSecret,
    SuspendClient,
)
from tests.fixtures.vault import FakeVault

GUID = "B826359C-06F8-425E-8EC3-50A97A418916"


class NoTransactions:
    def end_for_client(self, connection, client_id):
        del connection, client_id
        return 0


@pytest.fixture
def clients(database, audit_chain):
    return SQLClientStore(database, audit_chain, NoTransactions())


@pytest.fixture
def store(database, audit_chain):
    return SQLApplicationStore(database, audit_chain)


@pytest.fixture
def register(store, clients, clock):
    def register(name="desktop", **changes):
        client = Client(
            id=ClientId(name),
            tenant=DEFAULT_TENANT,
            name="Aplicação de secretária",
            roles=frozenset({Role.RELYING_PARTY}),
            policies=frozenset({ClientPolicy.MAY_CARRY_PIN}),
            created_at=clock.now(),
        )
        operation = RegisterApplication(store, clients, clock, os.urandom)
        return operation(NewApplication(client=client, **changes), actor="tests")

    return register


@pytest.fixture
def programs(store, clients, clock):
    return FindApplication(store, AuthenticateClient(clients, clock))


def count(database, table):
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_an_application_is_found_by_its_id_in_any_letter_case(register, programs):
    made = register(application_id=GUID, basic=BasicRule.OFF, bare_hash=BareHash.WRAP)
    for spelling in (GUID, GUID.lower()):
        assert programs.find(spelling) == made.application
    assert programs.find(GUID[:-1]) is None
    assert made.application.basic is BasicRule.OFF


def test_the_rules_of_a_new_application_are_the_strict_ones(register):
    made = register().application
    assert (made.basic, made.bare_hash) == (BasicRule.EXCEPT_MULTIPLE_SIGN, BareHash.REJECT)


def test_basic_proves_one_application_only(register, programs):
    one, other = register("one", username="Um.user"), register("two")
    assert programs.authenticate("Um.user", one.password) == one.application
    assert programs.authenticate("two", other.password).application_id != (
        one.application.application_id
    )
    for username, password in (
        ("Um.user", other.password),
        ("um.user", one.password),
        ("one", one.password),
        ("", one.password),
        ("Um.user", Secret("")),
    ):
        with pytest.raises(ClientAuthenticationError):
            programs.authenticate(username, password)


def test_another_clients_secret_is_no_password(register, programs, clients, clock):
    """A program of the native API is no application, whatever it sends."""
    made = register("desktop")
    plain = replace(made.application.client, id=ClientId("native"))
    native = RegisterClient(clients, FakeVault(), clock, os.urandom)(plain, actor="tests")
    with pytest.raises(ClientAuthenticationError):
        programs.authenticate("native", native.secret)
    with pytest.raises(ClientAuthenticationError):
        programs.authenticate("desktop", native.secret)
    assert programs.authenticate("desktop", made.password).client.id == "desktop"


def test_suspension_works_at_once_and_rotation_too(register, programs, clients, clock):
    made = register("desktop", application_id=GUID)
    new = RotateSecret(clients, clock, os.urandom)(
        ClientId("desktop"), overlap=timedelta(hours=1), actor="tests"
    )
    assert programs.authenticate("desktop", made.password)
    clock.advance(hours=2)
    with pytest.raises(ClientAuthenticationError):
        programs.authenticate("desktop", made.password)
    assert programs.authenticate("desktop", new)
    SuspendClient(clients, clock)(ClientId("desktop"), reason="compromised", actor="tests")
    assert programs.find(GUID) is None
    with pytest.raises(ClientAuthenticationError):
        programs.authenticate("desktop", new)


@pytest.mark.parametrize(
    "again", [{"application_id": GUID.lower()}, {"username": "desktop"}], ids=["guid", "user"]
)
def test_what_is_taken_is_refused_and_nothing_is_written(register, database, again):
    register("desktop", application_id=GUID)
    with pytest.raises(ConflictError):
        register("second", **again)
    assert count(database, client_table) == 1
    with database.read() as connection:
        bodies = connection.execute(select(audit_record.c.body)).scalars().all()
    outcomes = [json.loads(body)["outcome"] for body in bodies]
    assert outcomes.count("duplicate") == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("application_id", "a b"), ("application_id", "x" * 65), ("username", "a:b")],
)
def test_ids_that_would_not_survive_the_wire_are_refused(register, field, value):
    with pytest.raises(InvalidRequestError) as caught:
        register(**{field: value})
    assert caught.value.field == field


def test_rules_change_one_by_one(register, store, programs):
    made = register("desktop", application_id=GUID)
    change = ChangeApplication(store)
    after = change(ClientId("desktop"), bare_hash=BareHash.WRAP, actor="tests")
    assert after == replace(made.application, bare_hash=BareHash.WRAP)
    assert programs.find(GUID) == after
    with pytest.raises(NotFoundError):
        change(ClientId("nobody"), basic=BasicRule.OFF, actor="tests")


def test_the_command_registers_lists_and_changes(store, clients, clock, programs):
    services = SimpleNamespace(
        clock=clock,
        register_application=RegisterApplication(store, clients, clock, os.urandom),
        change_application=ChangeApplication(store),
    )

    def run(*arguments):
        done = CliRunner().invoke(command.command, [*arguments, "--json"], obj=services)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    made = run("create", "legacy", "--name", "Legado", "--basic", "off", "--bare-hash", "wrap")
    assert programs.authenticate(made["username"], Secret(made["password"]))
    assert programs.find(made["application_id"]).bare_hash is BareHash.WRAP
    assert run("policy", "legacy", "--basic", "required")["basic"] == "required"
    (listed,) = run("list")["applications"]
    assert (listed["client_id"], listed["basic"]) == ("legacy", "required")
    assert made["password"] not in json.dumps(listed)
