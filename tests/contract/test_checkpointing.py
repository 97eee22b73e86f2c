"""Checkpoints: when they are made, what they sign, and when nothing is signed any more."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from signer.adapters.signature_check import verifies
from signer.audit.checkpointing import MakeCheckpoint
from signer.audit.timestamp_imprint import check_imprint
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import IntegrityAlarmError, TimestampUnavailableError
from signer.domain.values import Digest, DigestAlgorithm
from tests.fixtures.audit import SoftwareAuditSigner


def write(audit_log, count=1):
    audit_log.record(*(AuditRecord(event=AuditEvent.CODE_SENT) for _ in range(count)))


def test_the_first_record_is_signed_at_once_and_stamped(
    audit_log, make_checkpoint, audit_signer, clock
):
    assert make_checkpoint() is None
    write(audit_log)
    made = make_checkpoint()
    assert (made.number, made.size, made.root) == (1, 1, audit_log.root(1))
    stored = audit_log.last_checkpoint()
    assert replace(stored, timestamp_token=None) == made
    digest = DigestAlgorithm.SHA256.of(stored.body.encode())
    assert verifies(audit_signer.public_key_der, audit_signer.algorithm, digest, stored.signature)
    stamped = Digest.of(DigestAlgorithm.SHA256, stored.signature)
    assert check_imprint(stored.timestamp_token, stamped) == clock.now()


def test_later_ones_wait_for_100_records_or_60_seconds(audit_log, make_checkpoint, clock):
    write(audit_log)
    make_checkpoint()
    write(audit_log, 99)
    assert make_checkpoint() is None
    write(audit_log)
    assert make_checkpoint().size == 101
    write(audit_log)
    clock.advance(seconds=59)
    assert make_checkpoint() is None
    clock.advance(seconds=1)
    assert make_checkpoint().size == 102
    clock.advance(seconds=600)
    assert make_checkpoint() is None, "nothing new, nothing to sign"
    assert make_checkpoint(force=True) is None
    write(audit_log)
    assert make_checkpoint(force=True).number == 4


def test_checkpoints_name_the_one_before(audit_log, make_checkpoint):
    write(audit_log)
    first = make_checkpoint()
    write(audit_log)
    assert first.hash.hex() in make_checkpoint(force=True).body


def test_a_missing_time_stamp_is_asked_for_again(audit_log, make_checkpoint, tsa, clock):
    tsa.down = TimestampUnavailableError()
    write(audit_log)
    assert make_checkpoint() is not None
    write(audit_log)
    assert make_checkpoint(force=True) is not None
    assert [one.number for one in audit_log.unstamped()] == [1, 2]
    tsa.down = None
    clock.advance(seconds=1)
    assert make_checkpoint() is None
    assert audit_log.unstamped() == ()


def test_two_workers_do_not_sign_the_same_number(audit_log, make_checkpoint):
    write(audit_log)
    first = make_checkpoint()
    assert not audit_log.add_checkpoint(first)
    assert not audit_log.add_checkpoint(replace(first, number=3))
    assert not audit_log.add_timestamp(1, b"another token")


@pytest.mark.parametrize(
    "tampering",
    [
        pytest.param("UPDATE audit_node SET hash = :value WHERE level = 2", id="node"),
        pytest.param("UPDATE audit_record SET hash = :value WHERE log_index = 6", id="record"),
        pytest.param("UPDATE audit_checkpoint SET root = :value", id="checkpoint root"),
        pytest.param("UPDATE audit_checkpoint SET signature = :value", id="signature"),
        pytest.param("UPDATE audit_checkpoint SET size = 6", id="checkpoint size"),
        pytest.param("UPDATE audit_checkpoint SET algorithm = '1.2.3'", id="algorithm"),
        pytest.param('UPDATE audit_checkpoint SET body = \'{"previous":"zz"}\'', id="body"),
        pytest.param("UPDATE audit_log SET size = 3", id="log size"),
        pytest.param("UPDATE audit_log SET size = 900", id="log size beyond"),
    ],
)
def test_a_log_that_does_not_continue_is_never_signed(
    database, audit_log, make_checkpoint, clock, tampering
):
    write(audit_log, 7)
    make_checkpoint()
    if "log SET size" not in tampering:
        write(audit_log)
    with database.begin() as connection:
        bound = {"value": b"\1" * 32} if ":value" in tampering else {}
        connection.execute(text(tampering), bound)
    clock.advance(seconds=61)
    for _ in range(2):
        with pytest.raises(IntegrityAlarmError):
            make_checkpoint(force=True)
    assert audit_log.last_checkpoint().number == 1
    alarms = audit_log.search(event="integrity.alarm")
    assert sum('"outcome":"audit_log"' in alarm.body for alarm in alarms) == 1


def test_a_new_audit_key_continues_the_log(audit_log, make_checkpoint, tsa, clock):
    write(audit_log)
    make_checkpoint()
    write(audit_log)
    rotated = MakeCheckpoint(audit_log, SoftwareAuditSigner("audit-2"), tsa, verifies, clock)
    assert rotated(force=True).key_id == "audit-2"


def test_a_forged_checkpoint_under_the_key_s_own_name_is_found(
    audit_log, make_checkpoint, tsa, clock
):
    """The stored public key is not believed when the key id is ours."""
    write(audit_log)
    forger = MakeCheckpoint(audit_log, SoftwareAuditSigner("audit-1"), tsa, verifies, clock)
    forger()
    write(audit_log)
    with pytest.raises(IntegrityAlarmError):
        make_checkpoint(force=True)
