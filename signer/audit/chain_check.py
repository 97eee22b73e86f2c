"""Checks writers' chains of an export, record by record."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from signer.audit import archive
from signer.audit.report import Problem
from signer.domain.audit import canonical_json, chain_hash
from signer.domain.audit_log import GENESIS

_COPIES = ("writer", "sequence", "at", "event", "subject", "transaction")
"""Members that a line repeats from the record's body."""


@dataclass(slots=True)
class Chains:
    """What the chains say about the log: gathered while checking."""

    problems: list[Problem] = field(default_factory=list)
    records: int = 0
    logged: dict[int, tuple[str, int, str]] = field(default_factory=dict)
    """Log index to (writer, sequence, hash)."""


def check_chains(files: archive.ArchiveReader) -> Chains:
    """Read every chain."""
    found = Chains()
    seen: set[str] = set()
    expected: set[str] = set()
    for position, head in enumerate(files.lines(archive.WRITERS), start=1):
        name = archive.records_file(position)
        expected.add(name)
        writer = archive.text_of(head, "writer")
        if writer in seen:
            found.problems.append(Problem(f"writer {writer}", "is listed twice"))
        seen.add(writer)
        _check_chain(writer, head, files.lines(name), found)
    for stray in sorted(files.names() - expected):
        found.problems.append(Problem(stray, "belongs to no writer"))
    return found


def _check_chain(
    writer: str, head: archive.Line, lines: Iterator[archive.Line], found: Chains
) -> None:
    previous, sequence, last_index, waiting = GENESIS, 0, -1, False
    for line in lines:
        found.records += 1
        sequence += 1
        where = f"record {sequence} of writer {writer}"
        try:
            stated = archive.number_of(line, "sequence")
            body = archive.text_of(line, "body")
            stated_hash = archive.text_of(line, "hash")
            index = None if line["log_index"] is None else archive.number_of(line, "log_index")
        except (ValueError, KeyError) as error:
            found.problems.append(Problem(where, f"is malformed: {error}"))
            return
        if stated != sequence:
            what = "is missing" if stated > sequence else "has an impossible number"
            found.problems.append(Problem(where, f"{what} (found number {stated})"))
            sequence = stated
            where = f"record {sequence} of writer {writer}"
        found.problems += [Problem(where, what) for what in _body_faults(writer, body, line)]
        actual = chain_hash(previous, body)
        if actual.hex() != stated_hash:
            found.problems.append(Problem(where, "its hash does not follow from the one before"))
        previous = _hash_bytes(stated_hash) or actual
        if index is None:
            waiting = True
            continue
        if waiting or index <= last_index:
            found.problems.append(Problem(where, "is in the log out of order"))
        last_index = index
        if index in found.logged:
            found.problems.append(Problem(where, f"shares log entry {index} with another record"))
        found.logged[index] = (writer, sequence, stated_hash)
    if (head.get("sequence"), head.get("head")) != (sequence, previous.hex()):
        found.problems.append(
            Problem(
                f"writer {writer}",
                f"its chain ends at record {sequence}, its head names record "
                f"{head.get('sequence')}: records at the end were removed or changed",
            )
        )


def _body_faults(writer: str, body: str, line: archive.Line) -> Iterator[str]:
    """What a body and the line around it contradict each other in."""
    try:
        content = json.loads(body)
        canonical = isinstance(content, dict) and canonical_json(content) == body
    except (ValueError, TypeError):
        canonical = False
    if not canonical:
        yield "its body is not canonical JSON"
        return
    for name in _COPIES:
        if content.get(name) != line.get(name):
            yield f"its {name} differs between body and index"
    if content.get("writer") != writer:
        yield "belongs to another writer"


def _hash_bytes(text: str) -> bytes | None:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value if len(value) == hashlib.sha256().digest_size else None
