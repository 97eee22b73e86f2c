"""Exports and their offline verification: whatever is changed is found and named (F16)."""

import json
import random  # noqa: TID251 - a seed makes a failing round repeatable
import zipfile

import pytest

from signer.adapters.signature_check import verifies
from signer.audit.export import ExportAudit
from signer.audit.recording import LogRecords
from signer.audit.report import Anchor
from signer.audit.verification import verify_export
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import (
    InvalidRequestError,
    StoreUnavailableError,
    TimestampUnavailableError,
)
from tests.fixtures.audit import SoftwareAuditSigner


def write(database, chain, number, transaction="t"):
    with database.begin() as connection:
        chain.append(
            connection,
            AuditRecord(
                event=AuditEvent.CODE_SENT,
                subject=f"s{number % 5}",
                transaction=transaction,
                facts={"number": number, "ç": "ã"},
            ),
        )


@pytest.fixture
def filled(database, audit_log, make_checkpoint, new_writer):
    """Three writers, three checkpoints, two records in the log beyond them, one not even there."""
    chains = [new_writer() for _ in range(3)]
    for number in range(30):
        write(database, chains[number % 3], number)
        if number % 10 == 9:
            make_checkpoint(force=True)
    write(database, chains[0], 30)
    write(database, chains[1], 31)
    LogRecords(audit_log)()
    write(database, chains[2], 32)
    return database


@pytest.fixture
def export(audit_log, clock):
    return ExportAudit(audit_log, clock)


def checked(path, signer, **options):
    return verify_export(path, verifies, trusted_keys_der=(signer.public_key_der,), **options)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("name", ["export", "export.zip"])
def test_an_untouched_export_is_intact_and_states_its_tail(
    export, audit_log, audit_signer, tmp_path, name
):
    done = export(tmp_path / name, actor="auditor-1", reason="yearly")
    assert (done.writers, done.records, done.log_size, done.checkpoints) == (4, 34, 32, 3)
    last = audit_log.last_checkpoint()
    report = checked(tmp_path / name, audit_signer, anchors=(Anchor(last.size, last.root),))
    assert report.problems == ()
    assert report.is_intact
    assert (report.signed_size, report.tail, report.not_logged) == (30, 4, 2)
    assert report.keys_trusted
    assert not report.timestamps_verified
    assert json.loads(report.to_json())["intact"] is True


@pytest.mark.usefixtures("filled")
def test_without_a_known_key_the_report_says_so(export, tmp_path):
    export(tmp_path / "export", actor="auditor-1")
    report = verify_export(tmp_path / "export", verifies)
    assert report.is_intact
    assert not report.keys_trusted


@pytest.mark.usefixtures("filled")
def test_another_audit_key_is_not_trusted(export, tmp_path):
    export(tmp_path / "export", actor="auditor-1")
    report = checked(tmp_path / "export", SoftwareAuditSigner())
    assert [problem.where for problem in report.problems] == [
        "checkpoint 1", "checkpoint 2", "checkpoint 3",
    ]  # fmt: skip
    assert report.signed_size == 0


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("size", "says"),
    [
        pytest.param(33, "it was cut", id="longer than the log"),
        pytest.param(20, "it was rewritten", id="another root"),
    ],
)
def test_what_contradicts_an_anchor_is_named(export, audit_signer, tmp_path, size, says):
    export(tmp_path / "export", actor="auditor-1")
    report = checked(tmp_path / "export", audit_signer, anchors=(Anchor(size, bytes(32)),))
    (problem,) = report.problems
    assert problem.where == f"anchor of {size}"
    assert says in problem.what


@pytest.mark.usefixtures("filled")
def test_exporting_is_itself_the_newest_record(export, audit_log, tmp_path):
    export(tmp_path / "export", actor="auditor-1", reason="yearly")
    (record,) = audit_log.search(event="audit.exported")
    assert json.loads(record.body)["actor"] == "auditor-1"
    files = (tmp_path / "export" / "records").iterdir()
    assert any(record.hash.hex() in file.read_text() for file in files)


def test_what_cannot_be_recorded_is_not_exported(filled, export, tmp_path):
    with filled.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_writer RENAME TO elsewhere")
    with pytest.raises(Exception, match=r"(?i)audit_writer|not available") as failure:
        export(tmp_path / "export", actor="auditor-1")
    assert isinstance(failure.value, StoreUnavailableError) or "postgres" in str(filled.writer.url)
    assert not (tmp_path / "export").exists()


def test_an_existing_target_is_refused(export, tmp_path):
    with pytest.raises(InvalidRequestError):
        export(tmp_path, actor="auditor-1")


@pytest.mark.parametrize("content", [None, b"something", b"PK\x03\x04 broken"])
def test_what_is_no_export_is_refused(tmp_path, content):
    path = tmp_path / "thing.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidRequestError):
        verify_export(path, verifies)


@pytest.mark.usefixtures("filled")
def test_missing_time_stamps_are_stated(
    database, make_checkpoint, export, audit_signer, tsa, tmp_path, audit_chain
):
    tsa.down = TimestampUnavailableError()
    write(database, audit_chain, 40)
    make_checkpoint(force=True)
    export(tmp_path / "export", actor="a")
    report = checked(tmp_path / "export", audit_signer)
    assert report.is_intact
    assert report.unstamped == (4,)
    tsa.down = None


@pytest.mark.usefixtures("filled")
def test_a_stricter_token_check_is_used_and_said(export, audit_signer, tmp_path):
    def refuse(_token, _digest):
        raise ValueError("not by a TSA we know")

    export(tmp_path / "export", actor="a")
    report = checked(tmp_path / "export", audit_signer, check_token=refuse)
    assert report.timestamps_verified
    assert {problem.what for problem in report.problems} == {"not by a TSA we know"}


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("filled")
def test_every_byte_of_the_files_counts(export, audit_signer, tmp_path, rounds):
    """Changing the export itself is found too, also in a zip."""
    export(tmp_path / "export.zip", actor="a")
    luck = random.Random(7)  # noqa: S311 - chooses what to forge, protects nothing
    with zipfile.ZipFile(tmp_path / "export.zip") as files:
        content = {name: files.read(name) for name in files.namelist()}
    names = [name for name in content if name.startswith("records/") or name == "log.jsonl"]
    for _ in range(rounds(ci=60, soak=1000)):
        name = luck.choice(names)
        lines = content[name].splitlines(keepends=True)
        line = luck.randrange(len(lines))
        at = luck.randrange(len(lines[line]) - 1)
        changed = lines[line][:at] + bytes([lines[line][at] ^ 1]) + lines[line][at + 1 :]
        target = tmp_path / "changed.zip"
        with zipfile.ZipFile(target, "w") as files:
            for other, data in content.items():
                whole = [*lines[:line], changed, *lines[line + 1 :]]
                files.writestr(other, b"".join(whole) if other == name else data)
        try:
            report = checked(target, audit_signer)
        except InvalidRequestError:
            continue
        assert not report.is_intact, (name, line, lines[line], changed)
