"""Backup and restore: everything comes back, nothing is overwritten, nothing comes twice."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli import backup
from signer.adapters.store import dump, migrating
from signer.adapters.store.engine import open_database
from signer.domain.errors import ConfigurationError, ConflictError
from tests.fixtures import restored
from tests.fixtures.installations import Installation
from tests.fixtures.service import raw
from tests.fixtures.tokens import ROOT


def back_up(service, target, *options, code=0):
    done = CliRunner().invoke(
        backup.command, [str(target), *options, "--json"], env=service.environment
    )
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def empty_installation(service, var, **extra) -> Installation:
    """Nothing but settings: labels as the backup's tokens have them."""
    names = [f"CHANCELA_HSM_{name}_LABEL" for name in ("ROOT", "PKI", "SAM")]
    labels = {name: service.environment[name] for name in names}
    return Installation(var=var, extra={**labels, **extra})


def look(installation: Installation, **given: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fixtures.restored"],
        cwd=ROOT, env=installation.environment, input=json.dumps(given),
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def drill(service, tmp_path, citizen, **extra) -> None:
    """Sign, leave something open, back up, restore elsewhere, compare, sign again."""
    native = service.api("native")
    native.signed(citizen, raw(b"before the backup"))
    native.asked(citizen, raw(b"open in the backup"))
    before = restored.facts(service.services)
    assert before["open_slots"] > 0
    made = back_up(service, tmp_path / "backup", "--with-pins")
    assert made["keys"] == before["keys"]

    target = empty_installation(service, tmp_path / "new", **extra)
    done = target.ask("restore", str(tmp_path / "backup"), "--sha256", made["sha256"])
    assert done["keys"] == before["keys"]
    assert done["ended"] >= 1
    assert done["missing"] == []
    found = look(
        target,
        phone=citizen.phone,
        pin=citizen.signature_pin,
        client_secret=service.secrets["native"],
    )
    assert found["before"] == {**before, "open_slots": 0}
    assert found["after"]["signatures"] == before["signatures"] + 1
    assert found["after"]["keys"] == before["keys"]
    audit = target.ask("audit", "verify", "--live")
    assert audit["intact"]
    (record,) = target.ask("audit", "show", "--event", "backup.restored")["records"]
    assert record["facts"]["sha256"] == made["sha256"]
    assert record["sequence"] == 1, "the restored audit goes on in a chain of its own"


def test_a_restored_installation_has_all_keys_and_signatures_and_goes_on(service, rui, tmp_path):
    drill(service, tmp_path, rui)


def test_the_same_on_postgresql(postgresql_service, postgres_server, tmp_path):
    name = postgres_server.create_database()
    try:
        url = postgres_server.url(name)
        citizen = postgresql_service.citizens["rui"]
        drill(postgresql_service, tmp_path, citizen, CHANCELA_DATABASE_URL=url)
    finally:
        postgres_server.drop_database(name)


def test_a_backup_of_postgresql_goes_into_sqlite_too(postgresql_service, tmp_path):
    made = back_up(postgresql_service, tmp_path / "backup", "--with-pins")
    target = empty_installation(postgresql_service, tmp_path / "new")
    done = target.ask("restore", str(tmp_path / "backup"))
    assert done["rows"] == sum(made["tables"].values())


@pytest.fixture
def saved(service, tmp_path) -> Path:
    back_up(service, tmp_path / "saved")
    return tmp_path / "saved"


def test_a_backup_is_private_holds_no_pins_and_is_recorded(service, tokens, tmp_path):
    target = tmp_path / "b"
    made = back_up(service, target)
    files = [path for path in target.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {d.stat().st_mode & 0o777 for d in (target, *target.rglob("*")) if d.is_dir()} == {0o700}
    content = b"".join(path.read_bytes() for path in files)
    assert [pin for pin in tokens.canaries if pin.encode() in content] == []
    assert any("PINs" in what for what in made["left_out"])
    (record,) = service.services.stores.audit_log.search(event="backup.made", limit=1)
    assert json.loads(record.body)["facts"]["sha256"] == made["sha256"]


def test_a_backup_never_overwrites(service, saved):
    before = sorted(path.stat().st_mtime_ns for path in saved.rglob("*"))
    assert "exists" in back_up(service, saved, code=1)["error"]["detail"]
    assert sorted(path.stat().st_mtime_ns for path in saved.rglob("*")) == before


def test_a_failed_backup_leaves_nothing(service, tmp_path, monkeypatch):
    def fail(_database, directory):
        directory.mkdir()
        raise ConfigurationError("the disk is full")

    monkeypatch.setattr(dump, "dump_tables", fail)
    back_up(service, tmp_path / "b", code=3)
    assert list(tmp_path.iterdir()) == []


def change(saved):
    file = saved / "database" / "account.jsonl"
    file.write_text(file.read_text().replace("Maria", "Marta"))


def remove(saved):
    (saved / "pki" / "tsa.der").unlink()


def add(saved):
    (saved / "pki" / "more.der").write_bytes(b"x")


def empty(saved):
    (saved / "manifest.json").write_text("{}")


@pytest.mark.parametrize(
    ("spoil", "words", "code"),
    [
        (change, "account.jsonl", 3),
        (remove, "tsa.der", 3),
        (add, "more.der", 3),
        (empty, "no backup", 2),
    ],
)
def test_a_spoilt_backup_restores_nothing(service, saved, tmp_path, spoil, words, code):
    spoil(saved)
    target = empty_installation(service, tmp_path / "new")
    assert words in target.ask("restore", str(saved), code=code)["error"]["detail"]
    assert [path.name for path in target.var.iterdir()] == ["serve.pid"]


def test_the_noted_hash_must_be_the_backup_s(service, saved, tmp_path):
    target = empty_installation(service, tmp_path / "new")
    refused = target.ask("restore", str(saved), "--sha256", "00" * 32, code=3)
    assert "SHA-256" in refused["error"]["detail"]


def test_restore_needs_an_empty_installation(service, saved, installation):
    refused = installation.ask("restore", str(saved), code=1)
    assert "already" in refused["error"]["detail"]
    (installation.var / "chancela.db").unlink()
    refused = installation.ask("restore", str(saved), code=1)
    assert "there already" in refused["error"]["detail"]
    del service


def test_missing_pins_are_named(service, saved, tmp_path):
    target = empty_installation(service, tmp_path / "new")
    done = target.ask("restore", str(saved))
    assert len(done["missing"]) == 2
    for name in ("sam", "pki"):
        pin = Path(service.environment[f"CHANCELA_HSM_{name.upper()}_PIN_FILE"])
        shutil.copy(pin, target.var / "hsm" / f"{name}.pin")
        (target.var / "hsm" / f"{name}.pin").chmod(0o600)
    assert target.ask("doctor")["ok"]


def test_an_empty_copy_fits_every_table(database, tmp_path):
    rows = dump.dump_tables(database, tmp_path / "d")
    assert set(rows) == {path.stem for path in (tmp_path / "d").iterdir()}
    other = f"sqlite:///{tmp_path / 'other.db'}"
    migrating.upgrade(other)
    opened = open_database(other)
    try:
        assert dump.load_tables(opened, tmp_path / "d") == rows
    finally:
        opened.dispose()


def test_tables_with_rows_are_not_loaded_into(service, saved):
    database = service.services.stores.database
    with pytest.raises(ConflictError):
        dump.load_tables(database, saved / "database")
