"""The one log over all writers' chains: its entries, and the checkpoints that sign it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from signer.domain.audit import canonical_json

GENESIS: Final = bytes(32)
"""What the first record of a chain, and the first checkpoint, name as the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterHead:
    """Where a writer's chain ends."""

    writer: str
    started_at: datetime
    sequence: int
    """Number of records; 0 = none."""
    head: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record as stored: the canonical body, its hash, and copies of fields to search by."""

    writer: str
    sequence: int
    """From 1 in each chain."""
    body: str
    previous: bytes
    """Hash of the record before in the chain (32 zero bytes for the first)."""
    hash: bytes
    log_index: int | None
    """Place in the log, from 0; None until the worker appended it."""
    at: datetime
    event: str
    subject: str
    transaction: str

    @property
    def place(self) -> str:
        """How reports name this record."""
        return f"record {self.sequence} of writer {self.writer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The signed statement "at this time the log had this size and this root"."""

    body: str
    """Canonical JSON of :func:`checkpoint_body`: the signed bytes are its UTF-8."""
    number: int
    """From 1, without gaps."""
    size: int
    root: bytes
    at: datetime
    signature: bytes
    algorithm: str
    """Dotted OID of the signature algorithm."""
    key_id: str
    public_key_der: bytes
    """SubjectPublicKeyInfo of the audit key that signed."""
    timestamp_token: bytes | None
    """RFC 3161 token over SHA-256 of ``signature``; None while the authority was unreachable."""

    @property
    def hash(self) -> bytes:
        """SHA-256 of the body: the next checkpoint names it."""
        return hashlib.sha256(self.body.encode()).digest()


def checkpoint_body(
    *, number: int, size: int, root: bytes, at: datetime, key_id: str, previous: bytes
) -> str:
    """Canonical JSON of what a checkpoint signs; hashes in lower-case hex, time RFC 3339."""
    fields = {
        "version": 1,
        "type": "audit-checkpoint",
        "number": number,
        "size": size,
        "root": root.hex(),
        "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "key_id": key_id,
        "previous": previous.hex(),
    }
    return canonical_json(fields)


@dataclass(frozen=True, slots=True)
class Appended:
    """What one round of appending did."""

    first_index: int
    count: int
    broken: tuple[str, ...] = ()
    """Records whose body or link does not match their hash, as ``StoredRecord.place`` names them:
    logged as they are, never left out."""
