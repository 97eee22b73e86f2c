"""What commands print and how they end."""

import json

import click
import pytest
from click.testing import CliRunner

from api.cli.output import Reporter, reporter
from api.cli.reset import wipe
from signer.domain.errors import (
    ConfigurationError,
    ConflictError,
    IncorrectPINError,
    InvalidRequestError,
    QSCDUnavailableError,
)


@pytest.fixture
def run():
    def invoke(body, *arguments):
        return CliRunner().invoke(click.command("x")(reporter(body)), arguments)

    return invoke


def test_people_get_lines(run):
    def body(report: Reporter) -> None:
        report.fact(count=1)
        report.done("made")

    outcome = run(body)
    assert (outcome.exit_code, outcome.stdout) == (0, "✓ made\n")


def test_programs_get_one_object(run):
    def body(report: Reporter) -> None:
        report.fact(count=1)
        report.fail("not made")

    outcome = run(body, "--json")
    assert outcome.exit_code == 1
    assert json.loads(outcome.stdout) == {"ok": False, "count": 1}


@pytest.mark.parametrize(
    ("error", "code", "page"),
    [
        pytest.param(IncorrectPINError(), 1, "", id="refused"),
        pytest.param(InvalidRequestError("no"), 2, "", id="usage"),
        pytest.param(
            ConfigurationError("no token"), 3, "docs/configuration.md", id="configuration"
        ),
        pytest.param(QSCDUnavailableError(), 3, "docs/hsm.md", id="device"),
    ],
)
def test_errors_end_with_cause_fix_page_and_code(run, error, code, page):
    def body(_: Reporter) -> None:
        raise error

    outcome = run(body)
    assert outcome.exit_code == code
    assert outcome.stderr.startswith(f"✗ {error.detail}")
    assert page in outcome.stderr
    assert ("Fix:" in outcome.stderr) is bool(page)
    answer = json.loads(run(body, "--json").stdout)
    assert answer["ok"] is False
    assert answer["error"] == {"code": error.code, "detail": error.detail, "exit_code": code}


def test_a_fault_of_ours_is_not_hidden(run):
    def body(_: Reporter) -> None:
        raise ZeroDivisionError

    assert isinstance(run(body).exception, ZeroDivisionError)


def test_reset_empties_our_folder_and_no_other(tmp_path):
    (tmp_path / "chancela.db").touch()
    (tmp_path / "hsm").mkdir()
    (tmp_path / "hsm" / "pin").touch()
    (tmp_path / "link").symlink_to(tmp_path.parent)
    assert wipe(tmp_path) == ["chancela.db", "hsm", "link"]
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.parent.exists()
    (tmp_path / "thesis.odt").touch()
    with pytest.raises(InvalidRequestError):
        wipe(tmp_path)
    assert (tmp_path / "thesis.odt").exists()


def test_reset_refuses_while_a_server_runs(tmp_path):
    import os

    (tmp_path / "chancela.db").touch()
    (tmp_path / "serve.pid").write_text(str(os.getpid()))
    with pytest.raises(ConflictError):
        wipe(tmp_path)
    assert (tmp_path / "chancela.db").exists()


def test_reset_of_nothing_is_nothing(tmp_path):
    assert wipe(tmp_path / "absent") == []
