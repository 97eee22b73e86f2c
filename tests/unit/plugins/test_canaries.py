"""The scanner of secrets finds what it must and leaves alone what only looks like one."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.plugins.canaries import Canaries, database_bytes

ROOT = Path(__file__).resolve().parents[3]
CODE, HANDLE = "493018", "pT3xYqG7kLm_0aZbCdEfGhIjKlMnOpQrStUvWxYz-12"  # pragma: allowlist secret


@pytest.fixture
def canaries():
    known = Canaries()
    known.add(CODE, "code")
    known.add(HANDLE, "handle")
    return known


@pytest.mark.parametrize("value", [CODE, HANDLE], ids=["code", "handle"])
@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda v: v, id="plain"),
        pytest.param(lambda v: v[::-1], id="reversed"),
        pytest.param(lambda v: v.encode().hex(), id="hexadecimal"),
        pytest.param(lambda v: v[::-1].encode().hex(), id="reversed hexadecimal"),
        pytest.param(lambda v: base64.b64encode(v.encode()).decode(), id="Base64"),
        pytest.param(lambda v: base64.urlsafe_b64encode(v.encode()).decode(), id="Base64url"),
    ],
)
@pytest.mark.parametrize("around", ["code={}", '{{"x":"{}"}}', "{}"])
def test_every_form_is_found(canaries, value, form, around):
    assert canaries.found_in(around.format(form(value)).encode())


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(f"+35191{CODE}", id="inside a phone number"),
        pytest.param(f"2026-11-23T10:00:00.{CODE}Z", id="microseconds"),
        pytest.param(f"{CODE}abcdef", id="inside a word"),
        pytest.param(HANDLE[:20], id="half a handle"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_only_looks_like_one_is_left_alone(canaries, words):
    assert canaries.found_in(words.encode()) == set()


def test_a_code_in_longer_hexadecimal_is_found(canaries):
    assert canaries.found_in(("ab" + f"x{CODE}y".encode().hex() + "ff").encode())


def test_findings_never_say_the_value(canaries):
    (found,) = canaries.found_in(f"code={CODE}".encode())
    assert CODE not in found


def test_both_databases_are_read(database):
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE planted (a TEXT, b VARCHAR(20))")
        connection.execute(text("INSERT INTO planted VALUES (:code, 'x')"), {"code": CODE})
    known = Canaries()
    known.add(CODE, "code")
    assert known.found_in(database_bytes(database)) == {"code (plain)"}
    other = Canaries()
    other.add("777123", "code")
    assert other.found_in(database_bytes(database)) == set()


PLANTED = {
    "log": "import logging; logging.getLogger('signer.x').debug('code %s', CODE)",
    "output": "print('code', CODE)",
    "error": "from signer.domain.errors import ConflictError; ConflictError(f'not {CODE}')",
    "database": (
        "d = sqlite_database\n"
        "    with d.begin() as c:\n"
        "        c.exec_driver_sql('CREATE TABLE p (a TEXT)')\n"
        "        c.exec_driver_sql('INSERT INTO p VALUES (?)', (CODE,))"
    ),
    "nothing": "pass",
}


@pytest.mark.parametrize("leak", PLANTED)
def test_a_planted_leak_fails_a_run_that_passed_otherwise(tmp_path, leak):
    (tmp_path / "conftest.py").write_text(
        "pytest_plugins = ['tests.plugins.canaries', 'tests.fixtures.databases', "
        "'tests.fixtures.clock']\n"
    )
    (tmp_path / "test_planted.py").write_text(
        "from tests.plugins.canaries import remember\n"
        f"CODE = '{CODE}'\n"
        "def test_it(sqlite_database):\n"
        "    remember(CODE, 'code')\n"
        f"    {PLANTED[leak]}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider",
         "--import-mode=importlib", "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == (0 if leak == "nothing" else 1), done.stdout
    assert ("SECRET FOUND" in done.stdout) == (leak != "nothing")
    assert CODE not in done.stdout.partition("SECRET FOUND")[2]
