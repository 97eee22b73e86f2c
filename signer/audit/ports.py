"""What the audit operations need from outside."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from signer.domain.audit import AuditRecord
from signer.domain.audit_log import Appended, Checkpoint, StoredRecord, WriterHead
from signer.domain.values import Digest, SignatureAlgorithm

TokenCheck = Callable[[bytes, Digest], datetime]
"""Checks an RFC 3161 token against a digest and gives its time; raises ValueError."""


class AuditSigner(Protocol):
    """The audit key (token ``sam``); used for checkpoints and evidence, for nothing else."""

    @property
    def key_id(self) -> str:
        """Identifier of the key, part of what is signed."""
        ...

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What :meth:`sign` makes."""
        ...

    @property
    def public_key_der(self) -> bytes:
        """SubjectPublicKeyInfo."""
        ...

    def sign(self, content: bytes) -> bytes:
        """Sign ``content`` (hashed here); RSA: PKCS#1 v1.5, ECDSA: DER.

        Raises QSCDUnavailableError.
        """
        ...


class AuditTrail(Protocol):
    """Writes records that belong to no other change."""

    def record(self, *records: AuditRecord) -> None:
        """Raises StoreUnavailableError; then what was to be recorded must not happen."""
        ...


class AuditLog(AuditTrail, Protocol):
    """The common log while it grows.  Every method raises StoreUnavailableError."""

    def append_new(self, limit: int = ...) -> Appended:
        """Put up to ``limit`` waiting records into the log; raises IntegrityAlarmError."""
        ...

    def size(self) -> int:
        """Records in the log."""
        ...

    def root(self, size: int) -> bytes:
        """Merkle tree hash of the first ``size`` records."""
        ...

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Proof that record ``index`` is in the log of ``size`` records."""
        ...

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Proof that the log of ``first`` records begins that of ``second``."""
        ...

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest."""
        ...

    def unstamped(self) -> tuple[Checkpoint, ...]:
        """Checkpoints that still wait for their time-stamp."""
        ...

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Store the next one; False when its number is taken."""
        ...

    def add_timestamp(self, number: int, token: bytes) -> bool:
        """Complete a checkpoint; False when it has its token."""
        ...

    def records_about(self, transaction: str) -> tuple[StoredRecord, ...]:
        """All records of a transaction in the order they were written."""
        ...


class AuditSnapshot(Protocol):
    """Everything, as it was at one moment."""

    def writers(self) -> tuple[WriterHead, ...]:
        """All chains, oldest first; also chains whose head is missing (sequence 0)."""
        ...

    def records_of(self, writer: str) -> Iterator[StoredRecord]:
        """A chain in order."""
        ...

    def entries(self) -> Iterator[StoredRecord]:
        """The log in order."""
        ...

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All checkpoints in order."""
        ...


class AuditArchive(AuditTrail, Protocol):
    """Gives everything for an export."""

    def snapshot(self) -> AbstractContextManager[AuditSnapshot]:
        """One consistent view; raises StoreUnavailableError."""
        ...
