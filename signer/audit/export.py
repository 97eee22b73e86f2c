"""Writes the whole audit to files an auditor can verify without us."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from signer.audit import archive
from signer.audit.ports import AuditArchive, AuditSnapshot
from signer.domain.audit import AuditEvent, AuditRecord, canonical_json
from signer.domain.audit_log import WriterHead
from signer.domain.errors import InvalidRequestError
from signer.ports import Clock


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds."""

    path: Path
    writers: int
    records: int
    log_size: int
    checkpoints: int


class ExportAudit:
    """Exports one consistent view; that somebody exported is the newest record in it."""

    def __init__(self, store: AuditArchive, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def __call__(self, target: Path, *, actor: str, reason: str = "") -> Exported:
        """Write to a new folder, or a new file when ``target`` ends in ``.zip``.

        Raises InvalidRequestError when the target exists, StoreUnavailableError (and writes
        nothing) when the export itself cannot be recorded.
        """
        if target.exists():
            raise InvalidRequestError(f"{target.name} exists already", field="target")
        self._store.record(
            AuditRecord(
                event=AuditEvent.AUDIT_EXPORTED,
                actor=actor,
                facts={"target": target.name, "reason": reason},
            )
        )
        files = archive.ArchiveWriter(target)
        try:
            with self._store.snapshot() as snapshot:
                return self._write(files, snapshot, target, actor)
        finally:
            files.close()

    def _write(
        self, files: archive.ArchiveWriter, snapshot: AuditSnapshot, target: Path, actor: str
    ) -> Exported:
        writers = snapshot.writers()
        files.write_lines(archive.WRITERS, map(archive.writer_line, writers))
        records = sum(_write_chains(files, snapshot, writers))
        log_size = files.write_lines(archive.LOG, map(archive.entry_line, snapshot.entries()))
        checkpoints = snapshot.checkpoints()
        files.write_lines(archive.CHECKPOINTS, map(archive.checkpoint_line, checkpoints))
        for key in {checkpoint.public_key_der for checkpoint in checkpoints}:
            files.write(archive.key_file(key), key)
        manifest = {
            "format": archive.FORMAT,
            "exported_at": archive.rfc3339(self._clock.now()),
            "exported_by": actor,
            "writers": len(writers),
            "records": records,
            "log_size": log_size,
            "checkpoints": len(checkpoints),
        }
        files.write(archive.MANIFEST, canonical_json(manifest).encode() + b"\n")
        return Exported(target, len(writers), records, log_size, len(checkpoints))


def _write_chains(
    files: archive.ArchiveWriter, snapshot: AuditSnapshot, writers: tuple[WriterHead, ...]
) -> Iterator[int]:
    for position, head in enumerate(writers, start=1):
        records = map(archive.record_line, snapshot.records_of(head.writer))
        yield files.write_lines(archive.records_file(position), records)
