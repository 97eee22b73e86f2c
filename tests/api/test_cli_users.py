"""``chancela user`` over a real store and token."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from api.cli import user
from signer.domain.account import AccountState
from signer.domain.outgoing import MessageKind

MARIA = [
    "--given-name", "Maria", "--surname", "Exemplo", "--birth-date", "1980-01-02",
    "--document-type", "BI", "--document-number", "12345678",
    "--document-expires-on", "2040-01-01", "--phone", "910000001",
]  # fmt: skip


@pytest.fixture
def run(account_world):
    services = SimpleNamespace(
        account_search=account_world.accounts,
        register_citizen=account_world.register,
        new_link=account_world.links,
        change_account=account_world.change,
    )

    def run(*arguments, code=0, as_json=True):
        flags = ["--json"] if as_json else []
        done = CliRunner().invoke(user.command, [*arguments, *flags], obj=services)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if as_json else done.output

    return run


def test_register_prints_the_link_once(run, account_world):
    made = run("register", *MARIA)
    assert account_world.token().reveal() in made["link"]
    shown = run("show", made["user"]["id"])
    assert shown["user"] == made["user"]
    assert made["link"] not in str(shown)
    assert account_world.events(actor="operator") == ["account.created", "account.link_issued"]


def test_check_stores_nothing(run, account_world):
    run("register", *MARIA, "--check")
    assert account_world.accounts.search() == ((), 0)
    assert account_world.texts_sent(MessageKind.LINK) == []


def test_wrong_fields_are_wrong_usage_and_all_named(run):
    answer = run("register", *MARIA, "--phone", "x", "--birth-date", "x", code=2)
    assert "birth_date" in answer["error"]["detail"]
    assert "phone" in answer["error"]["detail"]


def test_an_account_is_found_suspended_resumed_and_closed(run, account_world):
    account = account_world.citizen()
    assert run("show", account.phone)["user"]["state"] == "active"
    assert run("list", "maria")["total"] == 1
    assert run("list", "--state", "closed")["users"] == []
    assert run("suspend", account.phone)["user"]["state"] == "suspended"
    assert run("link", account.phone, code=1)["error"]["code"] == "account.state"
    assert run("resume", account.phone)["user"]["state"] == "active"
    assert "re-identification link sent" in run("link", account.phone, as_json=False)
    assert run("close", account.id, "--yes")["user"]["state"] == "closed"
    assert account_world.accounts.by_id(account.id).state is AccountState.CLOSED


def test_signing_is_restricted_and_allowed_again(run, account_world):
    account = account_world.citizen()
    for restriction in ("change-pins", "change-signature-pin", "paused"):
        shown = run("restrict", account.phone, restriction)["user"]
        assert (shown["signing_restriction"], shown["state"]) == (restriction, "active")
    assert run("restrict", account.phone, "none")["user"]["signing_restriction"] is None
    run("restrict", account.phone, "for-ever", code=2, as_json=False)
    assert account_world.events(actor="operator").count("account.changed") == 4


def test_closing_wants_to_be_sure(run, account_world):
    account = account_world.citizen()
    run("close", account.id, code=2, as_json=False)
    assert account_world.accounts.by_id(account.id).state is AccountState.ACTIVE


def test_an_unknown_account_is_refused(run):
    assert run("show", "+351919999999", code=1)["error"]["code"] == "not_found"
