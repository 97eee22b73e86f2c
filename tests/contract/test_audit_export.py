"""Exports and their offline verification: whatever is changed is found and named (F16)."""

import hashlib
import json
import random  # noqa: TID251 - a seed makes a failing round repeatable
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import dataclass

import pytest

from signer.adapters.signature_check import verifies
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.audit_log import SQLAuditLog
from signer.adapters.store.engine import open_database
from signer.audit.checkpointing import MakeCheckpoint
from signer.audit.export import ExportAudit
from signer.audit.recording import LogRecords
from signer.audit.report import Anchor
from signer.audit.verification import verify_export
from signer.domain.audit import AuditEvent, AuditRecord, canonical_json, chain_hash
from signer.domain.errors import (
    InvalidRequestError,
    StoreUnavailableError,
    TimestampUnavailableError,
)
from tests.fixtures.audit import SoftwareAuditSigner

GENESIS = bytes(32)


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


# --- a forger who owns the database -------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """An honest database to be copied and forged."""

    path: object
    signed: int
    unsigned: int
    anchor: Anchor
    key: SoftwareAuditSigner


@pytest.fixture
def base(sqlite_database, tsa, clock, rounds):
    chain = AuditChain(clock)
    audit_log = SQLAuditLog(sqlite_database, chain)
    key = SoftwareAuditSigner()
    checkpoint = MakeCheckpoint(audit_log, key, tsa, verifies, clock)
    chains = [chain, AuditChain(clock), AuditChain(clock)]
    total = rounds(ci=240, soak=10_000)
    for number in range(total):
        write(sqlite_database, chains[number % 3], number, transaction=f"t{number // 4}")
        if number % (total // 6) == total // 6 - 1:
            clock.advance(seconds=1)
            checkpoint(force=True)
    for number in range(9):
        write(sqlite_database, chains[number % 3], number)
        if number == 5:
            LogRecords(audit_log)()
    last = audit_log.last_checkpoint()
    sqlite_database.dispose()
    return Base(
        path=sqlite_database.writer.url.database,
        signed=last.size,
        unsigned=total + 9 - last.size,
        anchor=Anchor(last.size, last.root),
        key=key,
    )


class Forger:
    """Has SQL, knows the format, recomputes hashes where it helps; has no audit key."""

    def __init__(self, connection, luck, signed):
        self.db = connection
        self.luck = luck
        self.signed = signed

    def records(self, where="1=1"):
        wanted = f"SELECT writer_id, sequence, log_index, body FROM audit_record WHERE {where}"  # noqa: S608 - test text
        return self.db.execute(f"{wanted} ORDER BY writer_id, sequence").fetchall()

    def pick(self, where="1=1"):
        return self.luck.choice(self.records(where))

    def pick_signed(self):
        return self.pick(f"log_index < {self.signed}")

    def edited(self, body):
        content = json.loads(body)
        content["subject"] = "somebody else"
        return canonical_json(content), content["subject"]

    def edit(self, record):
        body, subject = self.edited(record[3])
        self.db.execute(
            "UPDATE audit_record SET body = ?, subject = ? WHERE writer_id = ? AND sequence = ?",
            (body, subject, *record[:2]),
        )

    def rechain(self, writer):
        """Renumber and rehash a whole chain and its head, as an honest writer would have."""
        head, rows = GENESIS, self.db.execute(
            "SELECT rowid, body FROM audit_record WHERE writer_id = ? ORDER BY sequence", (writer,)
        ).fetchall()  # fmt: skip
        self.db.execute(
            "UPDATE audit_record SET sequence = -sequence WHERE writer_id = ?", (writer,)
        )
        for number, (rowid, body) in enumerate(rows, start=1):
            body = canonical_json({**json.loads(body), "sequence": number})  # noqa: PLW2901 - the forged body
            head = chain_hash(head, body)
            self.db.execute(
                "UPDATE audit_record SET sequence = ?, body = ?, hash = ? WHERE rowid = ?",
                (number, body, head, rowid),
            )
        self.db.execute(
            "UPDATE audit_writer SET head = ?, sequence = ? WHERE id = ?",
            (head, len(rows), writer),
        )

    def relog(self):
        """Close gaps in the log."""
        rows = self.db.execute(
            "SELECT rowid FROM audit_record WHERE log_index IS NOT NULL ORDER BY log_index"
        ).fetchall()
        for index, (rowid,) in enumerate(rows):
            self.db.execute(
                "UPDATE audit_record SET log_index = ? WHERE rowid = ?", (-index - 1, rowid)
            )
        self.db.execute("UPDATE audit_record SET log_index = -log_index - 1 WHERE log_index < 0")

    # Each forgery returns where it must be found: a name, "" (anywhere), or None: stated tail.

    def edit_a_body(self):
        record = self.pick()
        self.edit(record)
        return f"record {record[1]} of writer {record[0]}"

    def edit_and_rehash_one(self):
        record = self.pick_signed()
        self.edit(record)
        self.db.execute(
            "UPDATE audit_record SET hash = ? WHERE writer_id = ? AND sequence = ?",
            (hashlib.sha256(self.luck.randbytes(8)).digest(), *record[:2]),
        )
        return f"record {record[1]} of writer {record[0]}"

    def edit_and_rewrite_the_chain(self):
        record = self.pick_signed()
        self.edit(record)
        self.rechain(record[0])
        return ""

    def rewrite_the_tail(self):
        record = self.pick(f"log_index IS NULL OR log_index >= {self.signed}")
        self.edit(record)
        self.rechain(record[0])

    def delete_a_record(self):
        last = {row[0]: row[1] for row in self.records()}
        record = self.luck.choice([row for row in self.records() if row[1] < last[row[0]]])
        self.db.execute("DELETE FROM audit_record WHERE writer_id = ? AND sequence = ?", record[:2])
        return f"record {record[1]} of writer {record[0]}"

    def delete_and_rewrite_everything(self):
        record = self.pick_signed()
        self.db.execute("DELETE FROM audit_record WHERE writer_id = ? AND sequence = ?", record[:2])
        self.rechain(record[0])
        self.relog()
        return ""

    def insert_a_record(self):
        record = self.pick()
        self.db.execute(
            "INSERT INTO audit_record SELECT writer_id, sequence + 100000, at, event, subject, "
            "transaction_id, body, hash, NULL FROM audit_record "
            "WHERE writer_id = ? AND sequence = ?",
            record[:2],
        )
        return ""

    def insert_and_rewrite_the_chain(self):
        record = self.pick_signed()
        self.db.execute(
            "UPDATE audit_record SET sequence = sequence * 2 + 100000 WHERE writer_id = ?",
            record[:1],
        )
        self.db.execute(
            "INSERT INTO audit_record SELECT writer_id, sequence - 1, at, event, subject, "
            "transaction_id, body, hash, NULL FROM audit_record "
            "WHERE writer_id = ? AND sequence = ?",
            (record[0], record[1] * 2 + 100000),
        )
        self.rechain(record[0])
        return ""

    def insert_a_writer(self):
        """A fork: a copy of a chain under another name, placed in the log's tail."""
        record = self.pick_signed()
        self.db.execute(
            "INSERT INTO audit_record SELECT 'fork', sequence, at, event, subject, transaction_id, "
            "body, hash, NULL FROM audit_record WHERE writer_id = ?",
            record[:1],
        )
        if self.luck.random() < 0.5:
            self.db.execute(
                "INSERT INTO audit_writer SELECT 'fork', started_at, sequence, head "
                "FROM audit_writer WHERE id = ?",
                record[:1],
            )
        return ""

    def fork_a_chain(self):
        """From some record on the chain tells another story, as long as the first one."""
        record = self.pick_signed()
        for row in self.records(f"writer_id = '{record[0]}' AND sequence >= {record[1]}"):
            self.edit(row)
        self.rechain(record[0])
        return ""

    def swap_two_records(self):
        first, second = self.luck.sample(self.records(), 2)
        for record, body in ((first, second[3]), (second, first[3])):
            self.db.execute(
                "UPDATE audit_record SET body = ? WHERE writer_id = ? AND sequence = ?",
                (body, *record[:2]),
            )
        return ""

    def swap_two_log_entries(self):
        first = self.pick_signed()
        second = self.pick(f"log_index IS NOT NULL AND log_index <> {first[2]}")
        for record, index in ((first, -1), (second, first[2]), (first, second[2])):
            self.db.execute(
                "UPDATE audit_record SET log_index = ? WHERE writer_id = ? AND sequence = ?",
                (index, *record[:2]),
            )
        return ""

    def truncate_a_chain(self):
        record = self.pick()
        self.db.execute(
            "DELETE FROM audit_record WHERE writer_id = ? AND sequence >= ?", record[:2]
        )
        return ""

    def truncate_everything_to_an_older_checkpoint(self):
        """A perfect older state: only what somebody else remembers can show it."""
        number, size = self.db.execute(
            "SELECT number, size FROM audit_checkpoint WHERE number < "
            "(SELECT max(number) FROM audit_checkpoint) ORDER BY random() LIMIT 1"
        ).fetchone()
        self.db.execute(
            "DELETE FROM audit_record WHERE log_index IS NULL OR log_index >= ?", (size,)
        )
        self.db.execute("DELETE FROM audit_checkpoint WHERE number > ?", (number,))
        self.db.execute("UPDATE audit_log SET size = ?", (size,))
        for (writer,) in self.db.execute("SELECT id FROM audit_writer").fetchall():
            self.rechain(writer)
        return f"anchor of {self.base_anchor}"

    def remove_the_newest_checkpoint(self):
        self.db.execute(
            "DELETE FROM audit_checkpoint WHERE number = (SELECT max(number) FROM audit_checkpoint)"
        )
        return f"anchor of {self.base_anchor}"

    def remove_a_checkpoint(self):
        last = self.db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()[0]
        gone = self.luck.randrange(1, last)
        self.db.execute("DELETE FROM audit_checkpoint WHERE number = ?", (gone,))
        return f"checkpoint {gone + 1}"

    def replay_an_old_checkpoint(self):
        last = self.db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()[0]
        old = self.luck.randrange(1, last + 1)
        self.db.execute(
            "INSERT INTO audit_checkpoint SELECT ?, size, root, at, body, signature, algorithm, "
            "key_id, public_key, timestamp_token FROM audit_checkpoint WHERE number = ?",
            (last + 1, old),
        )
        return f"checkpoint {last + 1}"

    def edit_a_checkpoint(self):
        column, value = self.luck.choice(
            [
                ("size", self.luck.randrange(1, self.signed)),
                ("root", self.luck.randbytes(32)),
                ("at", 12345),
                ("signature", self.luck.randbytes(70)),
                ("key_id", "other"),
                ("algorithm", "1.2.840.113549.1.1.11"),
                ("timestamp_token", self.luck.randbytes(70)),
                ("timestamp_token", None),
                ("body", "{}"),
            ]
        )
        last = self.db.execute("SELECT max(number) FROM audit_checkpoint").fetchone()[0]
        number = self.luck.randrange(1, last)
        before = self.db.execute(
            f"SELECT {column} FROM audit_checkpoint WHERE number = ?",  # noqa: S608 - test text
            (number,),
        ).fetchone()[0]
        if before == value:
            value += 1
        self.db.execute(
            f"UPDATE audit_checkpoint SET {column} = ? WHERE number = ?",  # noqa: S608 - test text
            (value, number),
        )
        return ""

    def use_another_key(self):
        """Signs a forged log with a key of the forger's own."""
        key = SoftwareAuditSigner("audit-1")
        for number, body in self.db.execute("SELECT number, body FROM audit_checkpoint").fetchall():
            self.db.execute(
                "UPDATE audit_checkpoint SET signature = ?, public_key = ? WHERE number = ?",
                (key.sign(body.encode()), key.public_key_der, number),
            )
        return "checkpoint 1"

    def exchange_time_stamps(self):
        first, second = self.luck.sample(
            self.db.execute("SELECT number, timestamp_token FROM audit_checkpoint").fetchall(), 2
        )
        for number, token in ((first[0], second[1]), (second[0], first[1])):
            self.db.execute(
                "UPDATE audit_checkpoint SET timestamp_token = ? WHERE number = ?", (token, number)
            )
        return f"checkpoint {first[0]}"

    def hide_from_search(self):
        record = self.pick()
        column, value = self.luck.choice(
            [("event", "x"), ("subject", "x"), ("transaction_id", "x"), ("at", 1)]
        )
        self.db.execute(
            f"UPDATE audit_record SET {column} = ? WHERE writer_id = ? AND sequence = ?",  # noqa: S608 - test text
            (value, *record[:2]),
        )
        return f"record {record[1]} of writer {record[0]}"

    def take_out_of_the_log(self):
        record = self.pick_signed()
        self.db.execute(
            "UPDATE audit_record SET log_index = NULL WHERE writer_id = ? AND sequence = ?",
            record[:2],
        )
        return ""

    def edit_a_head(self):
        writer = self.pick()[0]
        change = self.luck.choice(["sequence = sequence + 1", "head = zeroblob(32)"])
        self.db.execute(f"UPDATE audit_writer SET {change} WHERE id = ?", (writer,))  # noqa: S608 - test text
        return f"writer {writer}"

    def delete_a_head(self):
        writer = self.pick()[0]
        self.db.execute("DELETE FROM audit_writer WHERE id = ?", (writer,))
        return f"writer {writer}"


FORGERIES = sorted(
    name for name, value in vars(Forger).items()
    if callable(value) and not name.startswith("_")
    and name not in {"records", "pick", "pick_signed", "edited", "edit", "rechain", "relog"}
)  # fmt: skip


NEED_AN_ANCHOR = {"truncate_everything_to_an_older_checkpoint", "remove_the_newest_checkpoint"}


@pytest.mark.timeout(7200)
def test_every_forgery_is_found_except_in_the_stated_tail(base, clock, tmp_path, rounds):
    total = rounds(ci=220, soak=1000)
    untouched = None
    for number in range(-1, total):
        name = FORGERIES[number % len(FORGERIES)] if number >= 0 else None
        luck = random.Random(number)  # noqa: S311 - chooses what to forge
        copy = tmp_path / "forged.db"
        shutil.copyfile(base.path, copy)
        expected = None
        if name is not None:
            with closing(sqlite3.connect(copy)) as connection, connection:
                forger = Forger(connection, luck, base.signed)
                forger.base_anchor = base.anchor.size
                expected = getattr(forger, name)()
        database = open_database(f"sqlite:///{copy}")
        target = tmp_path / "forged"
        ExportAudit(SQLAuditLog(database, AuditChain(clock)), clock)(target, actor="a")
        database.dispose()
        # Only what cuts the end cleanly needs a verifier who remembers; all else shows by itself.
        anchors = (base.anchor,) if name in NEED_AN_ANCHOR else ()
        report = checked(target, base.key, anchors=anchors)
        shutil.rmtree(target)
        copy.unlink()
        if expected is None:
            assert report.is_intact, (number, name, report.problems)
            assert report.tail == base.unsigned + 1  # and the export itself
            untouched = report
        else:
            assert not report.is_intact, (number, name)
            places = [problem.where for problem in report.problems]
            assert expected in places or not expected, (number, name, expected, places)
    assert untouched is not None
