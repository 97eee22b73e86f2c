"""Verifies an evidence record offline, without the rest of the log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from signer.audit.archive import Line, checkpoint_of, number_of, text_of, time_of
from signer.audit.checkpointing import checkpoint_body_of, signature_is_right
from signer.audit.evidence import FORMAT, EvidenceRecord, ProvenRecord
from signer.audit.ports import TokenCheck
from signer.audit.report import Problem
from signer.audit.timestamp_imprint import check_imprint
from signer.domain.audit import canonical_json, chain_hash
from signer.domain.audit_log import Checkpoint, StoredRecord
from signer.domain.errors import InvalidRequestError
from signer.domain.merkle import is_included
from signer.domain.values import Digest, DigestAlgorithm
from signer.ports import SignatureVerifier


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceReport:
    """No problems = every record was in the log when the checkpoint was signed."""

    problems: tuple[Problem, ...]
    transaction: str
    records: int
    keys_trusted: bool
    is_stamped: bool

    @property
    def is_intact(self) -> bool:
        """True when nothing is wrong."""
        return not self.problems


def verify_evidence(
    text: str,
    verify: SignatureVerifier,
    *,
    trusted_keys_der: tuple[bytes, ...] = (),
    check_token: TokenCheck | None = None,
) -> EvidenceReport:
    """Check every record's hash and proof, the checkpoint's signature and time-stamp.

    The answers are recomputed from the proven records, so they cannot say anything else.
    Raises InvalidRequestError when this is no evidence record.
    """
    try:
        evidence, content = _parsed(text)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequestError("this is no evidence record", field="evidence") from error
    checkpoint = evidence.checkpoint
    problems = [
        Problem(f"record {number}", what)
        for number, proven in enumerate(evidence.records)
        for what in _record_faults(proven, evidence.transaction, checkpoint)
    ]
    keys = trusted_keys_der or (checkpoint.public_key_der,)
    problems += [
        Problem("checkpoint", what)
        for what in _checkpoint_faults(checkpoint, keys, verify, check_token or check_imprint)
    ]
    if not problems and evidence.to_json() != canonical_json(content):
        problems.append(Problem("answers", "do not follow from the records"))
    return EvidenceReport(
        problems=tuple(problems),
        transaction=evidence.transaction,
        records=len(evidence.records),
        keys_trusted=bool(trusted_keys_der),
        is_stamped=checkpoint.timestamp_token is not None,
    )


def _record_faults(proven: ProvenRecord, transaction: str, checkpoint: Checkpoint) -> Iterator[str]:
    record = proven.record
    if record.transaction != transaction:
        yield "is about another transaction"
    if chain_hash(record.previous, record.body) != record.hash:
        yield "its hash does not follow from its body"
    index = -1 if record.log_index is None else record.log_index
    if not is_included(record.hash, index, checkpoint.size, proven.inclusion, checkpoint.root):
        yield "is not proven to be in the log"


def _checkpoint_faults(
    checkpoint: Checkpoint,
    keys: tuple[bytes, ...],
    verify: SignatureVerifier,
    check_token: TokenCheck,
) -> Iterator[str]:
    if checkpoint_body_of(checkpoint) != checkpoint.body:
        yield "its fields differ from what was signed"
    if checkpoint.public_key_der not in keys:
        yield "is signed with a key that is not trusted"
    elif not signature_is_right(checkpoint, checkpoint.public_key_der, verify):
        yield "its signature is wrong"
    if checkpoint.timestamp_token is not None:
        try:
            check_token(
                checkpoint.timestamp_token,
                Digest.of(DigestAlgorithm.SHA256, checkpoint.signature),
            )
        except ValueError as error:
            yield str(error)


def _parsed(text: str) -> tuple[EvidenceRecord, Line]:
    content = json.loads(text)
    if content["format"] != FORMAT or not content["records"]:
        raise ValueError("unknown format")
    evidence = EvidenceRecord(
        transaction=text_of(content, "transaction"),
        records=tuple(map(_proven_of, content["records"])),
        checkpoint=checkpoint_of(content["checkpoint"]),
    )
    return evidence, content


def _proven_of(line: Line) -> ProvenRecord:
    body = text_of(line, "body")
    stated = json.loads(body)
    inclusion = line["inclusion"]
    if not isinstance(inclusion, list):
        raise ValueError("inclusion is not a list")  # noqa: TRY004 - one error for all bad lines
    record = StoredRecord(
        writer=text_of(stated, "writer"),
        sequence=number_of(stated, "sequence"),
        body=body,
        previous=bytes.fromhex(text_of(line, "previous")),
        hash=bytes.fromhex(text_of(line, "hash")),
        log_index=number_of(line, "log_index"),
        at=time_of(stated, "at"),
        event=text_of(stated, "event"),
        subject=text_of(stated, "subject"),
        transaction=text_of(stated, "transaction"),
    )
    return ProvenRecord(record, tuple(bytes.fromhex(value) for value in inclusion))
