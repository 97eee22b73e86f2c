"""The operators' commands, over real stores."""

import json
import os
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from api.cli import client, provider
from signer.adapters.store.attributes import SQLAttributeStore
from signer.adapters.store.clients import SQLClientStore
from signer.domain.errors import ClientAuthenticationError
from signer.domain.values import ClientId, Secret
from signer.operations import clients, providers
from tests.fixtures.vault import FakeVault

VAULT = FakeVault()


class NoTransactions:
    def end_for_client(self, connection, client_id):
        del connection, client_id
        return 0


@pytest.fixture
def services(sqlite_database, audit_chain, clock):
    store = SQLClientStore(sqlite_database, audit_chain, NoTransactions())
    bodies = SQLAttributeStore(sqlite_database, audit_chain)
    notices = providers.HolderNotices(None, {}.get)
    return SimpleNamespace(
        clock=clock,
        register_client=clients.RegisterClient(store, VAULT, clock, os.urandom),
        rotate_secret=clients.RotateSecret(store, clock, os.urandom),
        suspend_client=clients.SuspendClient(store, clock),
        resume_client=clients.ResumeClient(store),
        change_client=clients.ChangeClient(store),
        find_clients=clients.FindClients(store),
        authenticate=clients.AuthenticateClient(store, clock),
        set_up_provider=providers.SetUpProvider(bodies, clock),
        import_attributes=providers.ImportAttributes(bodies, clock, notices),
        withdraw_attribute=providers.WithdrawAttribute(bodies, clock, notices),
        list_providers=providers.ListProviders(bodies),
    )


@pytest.fixture
def run(services):
    def run(group, *arguments, code=0, as_json=True):
        flags = ["--json"] if as_json else []
        done = CliRunner().invoke(group.command, [*arguments, *flags], obj=services)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if as_json and code != 2 else done.output

    return run


def test_a_client_lives_through_its_commands(run, services):
    made = run(client, "create", "rp", "--name", "RP", "--webhook-url", "https://rp.example/h")
    assert made["webhook_secret"]
    first = Secret(made["client_secret"])
    services.authenticate(ClientId("rp"), first)
    second = Secret(run(client, "rotate", "rp", "--overlap-hours", "0")["client_secret"])
    services.authenticate(ClientId("rp"), second)
    with pytest.raises(ClientAuthenticationError):
        services.authenticate(ClientId("rp"), first)
    changed = run(client, "policy", "rp", "--add", "may_carry_pin", "--requests-per-minute", "9")
    assert changed["client"]["policies"] == ["may_carry_pin"]
    run(client, "suspend", "rp")
    shown = run(client, "show", "rp")["client"]
    assert (shown["state"], shown["requests_per_minute"]) == ("suspended", 9)
    assert made["client_secret"] not in str(shown)
    run(client, "resume", "rp")
    assert [one["state"] for one in run(client, "list")["clients"]] == ["active"]


def test_client_commands_speak_to_people_too(run):
    assert "client_secret  " in run(client, "create", "rp", "--name", "RP", as_json=False)
    assert "rp  active  RP" in run(client, "list", as_json=False)
    assert "state = active" in run(client, "show", "rp", as_json=False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "x"), 1),
        (("rotate", "x"), 1),
        (("rotate", "x", "--overlap-hours", "721"), 2),
        (("rotate", "x", "--overlap-hours", "nan"), 2),
        (("suspend", "x"), 1),
        (("resume", "x"), 1),
        (("policy", "x", "--add", "nonsense"), 2),
        (("create", "UPPER", "--name", "X"), 2),
        (("create", "x", "--name", "X", "--requests-per-minute", "0"), 2),
    ],
)
def test_client_commands_refuse_what_does_not_fit(run, arguments, code):
    run(client, *arguments, code=code, as_json=False)


def test_a_body_lives_through_its_commands(run, tmp_path):
    run(provider, "create", "o", "--name", "O", "--name-en", "O", "--uri", "https://o.example/")
    run(provider, "role", "o", "r", "--label", "Papel", "--label-en", "Role")
    file = tmp_path / "members.csv"
    header = "document_type,document_country,document_number,role,valid_from,valid_until\n"
    file.write_text(header + "BI,PT,1,r,2020-01-01,2199-01-01\nBI,PT,2,x,2020-01-01,2199-01-01\n")
    refused = run(provider, "import", "o", str(file), code=1)
    assert (refused["stored"], refused["problems"][0]["line"]) == (False, 3)
    text = run(provider, "import", "o", str(file), code=1, as_json=False)
    assert "line 3, role:" in text
    file.write_text(header + "BI,PT,1,r,2020-01-01,2199-01-01\n")
    assert run(provider, "import", "o", str(file), "--dry-run")["stored"] is False
    assert run(provider, "import", "o", str(file))["added"] == 1
    (member,) = run(provider, "list", "o")["attributes"]
    assert member["holder"] == "BIPT-1"
    run(provider, "withdraw", "o", member["id"], "--reason", "resigned")
    run(provider, "withdraw", "o", member["id"], "--reason", "resigned", code=1)
    assert run(provider, "list", "o")["attributes"] == []
    run(provider, "state", "o", "suspended")
    assert run(provider, "list")["providers"][0]["state"] == "suspended"
