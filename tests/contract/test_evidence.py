"""Evidence of one transaction: complete, proven, verifiable alone, and nothing else."""

import json
import random  # noqa: TID251 - a seed makes a failing round repeatable
from dataclasses import replace

import pytest

from signer.adapters.signature_check import verifies
from signer.audit.evidence import CollectEvidence, EvidenceRecord
from signer.audit.evidence_check import verify_evidence
from signer.domain.audit import AuditEvent, AuditRecord, canonical_json
from signer.domain.audit_facts import REQUIRED_FACTS
from signer.domain.errors import InvalidRequestError, NotFoundError, RetryLaterError
from tests.fixtures.audit import SoftwareAuditSigner

STORY = [
    AuditEvent.TRANSACTION_CREATED,
    AuditEvent.TRANSACTION_SHOWN,
    AuditEvent.PIN_ATTEMPTED,
    AuditEvent.PIN_VERIFIED,
    AuditEvent.TRANSACTION_ASKED,
    AuditEvent.CODE_SENT,
    AuditEvent.CODE_DELIVERED,
    AuditEvent.CODE_ATTEMPTED,
    AuditEvent.CODE_VERIFIED,
    AuditEvent.SIGNATURE_INTENDED,
    AuditEvent.ATTRIBUTE_ASSERTED,
    AuditEvent.SIGNATURE_MADE,
    AuditEvent.SIGNATURE_RELEASED,
]


def told(event, transaction):
    facts = {name: f"{event.value}/{name}" for name in REQUIRED_FACTS[event]}
    return AuditRecord(
        event=event, actor="client-1", subject="signer-1", transaction=transaction, facts=facts
    )


@pytest.fixture
def collect(audit_log):
    return CollectEvidence(audit_log)


@pytest.fixture
def signed(audit_log, make_checkpoint):
    for event in STORY:
        audit_log.record(told(event, "t-1"), told(event, "t-2"))
    make_checkpoint(force=True)


@pytest.fixture
def evidence(signed, collect):  # noqa: ARG001 - what is collected
    return collect("t-1", actor="auditor-1")


def checked(text, signer):
    return verify_evidence(text, verifies, trusted_keys_der=(signer.public_key_der,))


def test_every_question_is_answered_from_the_transaction_s_own_records(evidence, audit_signer):
    content = json.loads(evidence.to_json())
    assert content["unanswered"] == []
    assert (content["client"], content["signer"]) == ("client-1", "signer-1")
    assert len(content["records"]) == len(STORY)
    (signature,) = content["answers"]["signatures"]
    assert signature["facts"]["signature_sha256"] == "signature.made/signature_sha256"
    assert json.loads(content["records"][signature["record"]]["body"])["event"] == "signature.made"
    (delivery,) = content["answers"]["delivery"]
    assert delivery["facts"]["receipt"] == "code.delivered/receipt"
    report = checked(evidence.to_json(), audit_signer)
    assert (report.problems, report.records) == ((), len(STORY))
    assert report.keys_trusted
    assert report.is_stamped


@pytest.mark.usefixtures("signed")
def test_collecting_is_recorded_and_does_not_become_evidence(collect, audit_log):
    first = collect("t-1", actor="auditor-1")
    assert collect("t-1", actor="auditor-2") == first
    readers = [json.loads(one.body)["actor"] for one in audit_log.search(event="audit.read")]
    assert sorted(readers) == ["auditor-1", "auditor-2"]


def test_evidence_waits_for_the_checkpoint(audit_log, make_checkpoint, collect, clock):
    audit_log.record(told(AuditEvent.TRANSACTION_CREATED, "t-1"))
    with pytest.raises(RetryLaterError):
        collect("t-1", actor="a")
    make_checkpoint()
    assert len(collect("t-1", actor="a").records) == 1
    audit_log.record(told(AuditEvent.SIGNATURE_MADE, "t-1"))
    with pytest.raises(RetryLaterError):
        collect("t-1", actor="a")
    clock.advance(seconds=60)
    make_checkpoint()
    assert len(collect("t-1", actor="a").records) == 2


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize("transaction", ["", "t-3"])
def test_about_an_unknown_transaction_there_is_none(collect, transaction):
    with pytest.raises(NotFoundError):
        collect(transaction, actor="a")


def test_what_was_not_recorded_is_said_to_be_missing(audit_log, make_checkpoint, collect):
    audit_log.record(told(AuditEvent.TRANSACTION_CREATED, "t-1"))
    make_checkpoint()
    content = json.loads(collect("t-1", actor="a").to_json())
    assert content["unanswered"] == [
        "factors", "code_sent", "delivery", "attributes", "certificate", "signatures",
    ]  # fmt: skip


def test_another_transaction_s_record_is_found(collect, evidence, audit_signer):
    other = collect("t-2", actor="a")
    mixed = EvidenceRecord("t-1", (*evidence.records, other.records[0]), evidence.checkpoint)
    report = checked(mixed.to_json(), audit_signer)
    assert [str(problem) for problem in report.problems] == [
        f"record {len(STORY)}: is about another transaction"
    ]


def test_a_changed_answer_is_found(evidence, audit_signer):
    content = json.loads(evidence.to_json())
    content["answers"]["signatures"][0]["facts"]["signature_sha256"] = "other"
    report = checked(canonical_json(content), audit_signer)
    assert [problem.where for problem in report.problems] == ["answers"]


def test_a_checkpoint_by_another_key_is_found(evidence):
    report = checked(evidence.to_json(), SoftwareAuditSigner())
    assert [problem.where for problem in report.problems] == ["checkpoint"]


def test_a_checkpoint_of_another_size_is_found(evidence, audit_signer):
    checkpoint = replace(evidence.checkpoint, size=evidence.checkpoint.size + 1)
    report = checked(replace(evidence, checkpoint=checkpoint).to_json(), audit_signer)
    assert any(problem.where == "checkpoint" for problem in report.problems)


def test_a_foreign_time_stamp_is_found(evidence, audit_signer, tsa):
    from signer.domain.values import Digest, DigestAlgorithm

    token = tsa.stamp(Digest.of(DigestAlgorithm.SHA256, b"something else")).der
    checkpoint = replace(evidence.checkpoint, timestamp_token=token)
    report = checked(replace(evidence, checkpoint=checkpoint).to_json(), audit_signer)
    assert [problem.what for problem in report.problems] == ["the time-stamp is of something else"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format":"chancela-evidence/1"}'])
def test_what_is_no_evidence_is_refused(text, audit_signer):
    with pytest.raises(InvalidRequestError):
        checked(text, audit_signer)


@pytest.mark.timeout(600)
def test_every_character_counts(evidence, audit_signer, rounds):
    text = evidence.to_json()
    luck = random.Random(3)  # noqa: S311 - chooses what to forge
    token = text.index('"timestamp_token":"')
    unchecked = range(token, text.index('"', token + 19))  # the token's own signature: for certs
    places = [at for at in range(len(text)) if at not in unchecked]
    for _ in range(rounds(ci=100, soak=5000)):
        at = luck.choice(places)
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        try:
            report = checked(changed, audit_signer)
        except InvalidRequestError:
            continue
        assert not report.is_intact, (at, text[at - 40 : at + 40])
