"""Collects what proves one signature: its audit records, their proofs, and the checkpoint."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from signer.audit.archive import Line, checkpoint_line
from signer.audit.ports import AuditLog
from signer.domain.audit import AuditEvent, AuditRecord, canonical_json
from signer.domain.audit_log import Checkpoint, StoredRecord
from signer.domain.errors import NotFoundError, RetryLaterError

FORMAT: Final = "chancela-evidence/1"

# What an evidence file answers, and the facts of which records answer it (docs/audit-events.md).
_ANSWERS: Final[Mapping[str, tuple[tuple[AuditEvent, tuple[str, ...]], ...]]] = {
    "text_shown": (
        (AuditEvent.TRANSACTION_SHOWN, ("text_version", "text_sha256", "locale")),
        (AuditEvent.TRANSACTION_ASKED, ("text_version", "text_sha256")),
        (AuditEvent.TRANSACTION_CREATED, ("text_version", "text_sha256")),
    ),
    "digests": (
        (AuditEvent.TRANSACTION_CREATED, ("items", "digests", "kinds", "levels")),
        (AuditEvent.SIGNATURE_INTENDED, ("bindings_sha256", "dtbsrs")),
    ),
    "factors": (
        (AuditEvent.PIN_VERIFIED, ("attempt", "kind")),
        (AuditEvent.CODE_VERIFIED, ("attempt", "challenge", "factor", "slot")),
    ),
    "code_sent": (
        (AuditEvent.TRANSACTION_ASKED, ("channel", "message")),
        (AuditEvent.CODE_SENT, ("channel", "message", "challenge", "replaces", "receipt")),
    ),
    "delivery": (
        (AuditEvent.CODE_DELIVERED, ("channel", "message", "receipt")),
        (AuditEvent.CODE_UNDELIVERED, ("channel", "message", "receipt")),
    ),
    "attributes": (
        (
            AuditEvent.ATTRIBUTE_ASSERTED,
            ("attribute", "provider", "role", "form", "valid_until"),
        ),
        (AuditEvent.SIGNATURE_MADE, ("attributes", "attribute_providers")),
    ),
    "certificate": (
        (
            AuditEvent.SIGNATURE_INTENDED,
            ("credential", "certificate_serial", "certificate_status"),
        ),
        (AuditEvent.SIGNATURE_MADE, ("credential", "certificate_sha256")),
    ),
    "signatures": ((AuditEvent.SIGNATURE_MADE, ("algorithm", "signature_sha256")),),
}


@dataclass(frozen=True, slots=True)
class ProvenRecord:
    """A record and the proof that the log had it when the checkpoint was signed."""

    record: StoredRecord
    inclusion: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """All that was recorded about one transaction, provable against one signed checkpoint.

    A later format wraps :meth:`to_json` in a signature and a time-stamp of its own.
    """

    transaction: str
    records: tuple[ProvenRecord, ...]
    checkpoint: Checkpoint

    def to_json(self) -> str:
        """Canonical JSON.

        ``answers``: for each question the matching facts with the number of the record they come
        from; ``unanswered`` names the questions nothing was recorded about.  ``records``: bodies
        with ``previous``, ``hash``, ``log_index`` and ``inclusion`` (RFC 6962 audit path, hex).
        """
        answers = {name: tuple(self._answers(name)) for name in _ANSWERS}
        return canonical_json(
            {
                "format": FORMAT,
                "transaction": self.transaction,
                "client": self._client(),
                "signer": self._signer(),
                "answers": answers,
                "unanswered": tuple(name for name, found in answers.items() if not found),
                "records": tuple(map(_proven_line, self.records)),
                "checkpoint": checkpoint_line(self.checkpoint),
            }
        )

    def _answers(self, name: str) -> Iterator[Line]:
        for number, proven in enumerate(self.records):
            body = json.loads(proven.record.body)
            for event, facts in _ANSWERS[name]:
                if body["event"] != event.value:
                    continue
                found = {key: body["facts"][key] for key in facts if key in body["facts"]}
                if found:
                    yield {
                        "record": number,
                        "event": body["event"],
                        "outcome": body["outcome"],
                        "at": body["at"],
                        "facts": found,
                    }

    def _client(self) -> str:
        return next(self._members("actor", (AuditEvent.TRANSACTION_CREATED,)), "") or next(
            self._members("actor", (AuditEvent.SAD_ISSUED, AuditEvent.SIGNATURE_INTENDED)), ""
        )

    def _signer(self) -> str:
        events = (AuditEvent.SIGNATURE_MADE, AuditEvent.SIGNATURE_INTENDED)
        return next(self._members("subject", events), "")

    def _members(self, name: str, events: Iterable[AuditEvent]) -> Iterator[str]:
        for event in events:
            for proven in self.records:
                if proven.record.event == event.value:
                    yield str(json.loads(proven.record.body)[name])


class CollectEvidence:
    """Reads the records of a transaction and proves each; that somebody reads is recorded."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def __call__(self, transaction: str, *, actor: str) -> EvidenceRecord:
        """Evidence against the newest checkpoint.

        Raises NotFoundError for a transaction nothing was recorded about, RetryLaterError while
        a record of it is younger than the last checkpoint.
        """
        records = self._log.records_about(transaction) if transaction else ()
        if not records:
            raise NotFoundError
        checkpoint = self._log.last_checkpoint()
        proven = tuple(
            ProvenRecord(record, self._log.inclusion(record.log_index, checkpoint.size))
            for record in records
            if checkpoint is not None
            and record.log_index is not None
            and record.log_index < checkpoint.size
        )
        if checkpoint is None or len(proven) < len(records):
            raise RetryLaterError("the evidence is not signed yet", retry_after=60)
        self._log.record(
            AuditRecord(
                event=AuditEvent.AUDIT_READ,
                actor=actor,
                subject=transaction,
                facts={"filters": ("evidence",)},
            )
        )
        return EvidenceRecord(transaction, proven, checkpoint)


def _proven_line(proven: ProvenRecord) -> Line:
    record = proven.record
    return {
        "body": record.body,
        "previous": record.previous.hex(),
        "hash": record.hash.hex(),
        "log_index": record.log_index,
        "inclusion": tuple(value.hex() for value in proven.inclusion),
    }
