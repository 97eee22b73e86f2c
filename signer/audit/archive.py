"""The files of an export: JSON lines in a folder or a zip, written and read line by line.

``manifest.json`` · ``writers.jsonl`` · ``records/000001.jsonl`` … (one per writer, in the order
of ``writers.jsonl``) · ``log.jsonl`` · ``checkpoints.jsonl`` · ``keys/<SHA-256>.der``.
Hashes are lower-case hex, DER is base64, times are RFC 3339 with ``Z``.
"""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from signer.domain.audit import canonical_json
from signer.domain.audit_log import Checkpoint, StoredRecord, WriterHead

FORMAT: Final = "chancela-audit-export/1"
MANIFEST: Final = "manifest.json"
WRITERS: Final = "writers.jsonl"
LOG: Final = "log.jsonl"
CHECKPOINTS: Final = "checkpoints.jsonl"

Line = Mapping[str, object]


def records_file(position: int) -> str:
    """Name of the records of the writer on line ``position`` (from 1) of ``writers.jsonl``."""
    return f"records/{position:06}.jsonl"


class ArchiveWriter:
    """Writes files one after the other."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._zip: zipfile.ZipFile | None = None
        if target.suffix == ".zip":
            self._zip = zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED)
        else:
            target.mkdir(parents=True)

    def write(self, name: str, content: bytes) -> None:
        """One whole file."""
        with self._open(name) as file:
            file.write(content)

    def write_lines(self, name: str, lines: Iterable[Line]) -> int:
        """Canonical JSON lines; gives their number."""
        count = 0
        with self._open(name) as file:
            for line in lines:
                file.write(canonical_json(line).encode() + b"\n")
                count += 1
        return count

    def close(self) -> None:
        """Finish; a zip without this is not readable."""
        if self._zip is not None:
            self._zip.close()

    @contextmanager
    def _open(self, name: str) -> Iterator[io.BufferedIOBase]:
        if self._zip is not None:
            with (
                self._zip.open(name, "w", force_zip64=True) as entry,
                io.BufferedWriter(entry) as file,
            ):
                yield file
            return
        path = self._target / name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as plain:
            yield plain


class ArchiveReader:
    """Reads the files of an export; lines that are no JSON objects raise ValueError."""

    def __init__(self, source: Path) -> None:
        self._root: Path | zipfile.Path = source
        self._zip: zipfile.ZipFile | None = None
        if source.is_file():
            self._zip = zipfile.ZipFile(source)
            self._root = zipfile.Path(self._zip)

    def has(self, name: str) -> bool:
        """True when there is such a file."""
        return self._root.joinpath(name).is_file()

    def read_object(self, name: str) -> dict[str, object]:
        """A file that is one JSON object."""
        return _object(self._root.joinpath(name).read_text(encoding="utf-8"))

    def lines(self, name: str) -> Iterator[dict[str, object]]:
        """The objects of a file of JSON lines; nothing when there is no such file."""
        path = self._root.joinpath(name)
        if not path.is_file():
            return
        with path.open("r", encoding="utf-8", newline="\n") as file:
            for line in file:
                yield _object(line)

    def names(self) -> frozenset[str]:
        """All files of records."""
        folder = self._root.joinpath("records")
        if not folder.is_dir():
            return frozenset()
        return frozenset(f"records/{path.name}" for path in folder.iterdir())

    def close(self) -> None:
        """Let go of the file."""
        if self._zip is not None:
            self._zip.close()


def writer_line(head: WriterHead) -> Line:
    """A chain's head."""
    return {
        "writer": head.writer,
        "started_at": rfc3339(head.started_at),
        "sequence": head.sequence,
        "head": head.head.hex(),
    }


def record_line(record: StoredRecord) -> Line:
    """A record; ``at`` to ``transaction`` are the copies the database searches by."""
    return {
        "writer": record.writer,
        "sequence": record.sequence,
        "body": record.body,
        "hash": record.hash.hex(),
        "log_index": record.log_index,
        "at": rfc3339(record.at),
        "event": record.event,
        "subject": record.subject,
        "transaction": record.transaction,
    }


def entry_line(record: StoredRecord) -> Line:
    """A record's place in the log."""
    return {
        "index": record.log_index,
        "writer": record.writer,
        "sequence": record.sequence,
        "hash": record.hash.hex(),
    }


def checkpoint_line(checkpoint: Checkpoint) -> Line:
    """A checkpoint; ``body`` is what is signed."""
    token = checkpoint.timestamp_token
    return {
        "body": checkpoint.body,
        "number": checkpoint.number,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "at": rfc3339(checkpoint.at),
        "signature": base64.b64encode(checkpoint.signature).decode(),
        "algorithm": checkpoint.algorithm,
        "key_id": checkpoint.key_id,
        "public_key": base64.b64encode(checkpoint.public_key_der).decode(),
        "timestamp_token": None if token is None else base64.b64encode(token).decode(),
    }


def checkpoint_of(line: Line) -> Checkpoint:
    """Inverse of :func:`checkpoint_line`; raises ValueError."""
    token = line.get("timestamp_token")
    return Checkpoint(
        body=text_of(line, "body"),
        number=number_of(line, "number"),
        size=number_of(line, "size"),
        root=bytes.fromhex(text_of(line, "root")),
        at=time_of(line, "at"),
        signature=base64.b64decode(text_of(line, "signature"), validate=True),
        algorithm=text_of(line, "algorithm"),
        key_id=text_of(line, "key_id"),
        public_key_der=base64.b64decode(text_of(line, "public_key"), validate=True),
        timestamp_token=None
        if token is None
        else base64.b64decode(text_of(line, "timestamp_token"), validate=True),
    )


def text_of(line: Line, name: str) -> str:
    """A text member; raises ValueError."""
    value = line.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")  # noqa: TRY004 - one error for all bad lines
    return value


def number_of(line: Line, name: str) -> int:
    """An integer member; raises ValueError."""
    value = line.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} is not a number")  # noqa: TRY004 - one error for all bad lines
    return value


def time_of(line: Line, name: str) -> datetime:
    """A time member; raises ValueError."""
    return datetime.fromisoformat(text_of(line, name)).astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """The one spelling of times in records and exports."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def key_file(public_key_der: bytes) -> str:
    """Name of a public key's file."""
    return f"keys/{hashlib.sha256(public_key_der).hexdigest()}.der"


def _object(text: str) -> dict[str, object]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for all bad lines
    return value
