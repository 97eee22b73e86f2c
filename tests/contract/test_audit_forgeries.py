"""Whatever somebody who owns the database forges in the audit is found, but its tail (F16)."""

from pathlib import Path

import pytest

from signer.adapters.signature_check import verifies
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.audit_log import SQLAuditLog
from signer.audit.checkpointing import MakeCheckpoint
from signer.audit.recording import LogRecords
from signer.audit.report import Anchor
from signer.domain.audit import AuditEvent, AuditRecord
from tests.fixtures.audit import SoftwareAuditSigner
from tests.fixtures.forger import FORGERIES, Base, judge_all

TAIL = 9


@pytest.fixture
def base(sqlite_database, tsa, clock, rounds):
    """Three writers, six checkpoints, and a tail of which a part is not even in the log."""
    chains = [AuditChain(clock) for _ in range(3)]
    audit_log = SQLAuditLog(sqlite_database, chains[0])
    key = SoftwareAuditSigner()
    checkpoint = MakeCheckpoint(audit_log, key, tsa, verifies, clock)
    total = rounds(ci=240, soak=10_000)

    def write(number):
        with sqlite_database.begin() as connection:
            chains[number % 3].append(
                connection,
                AuditRecord(
                    event=AuditEvent.CODE_SENT,
                    subject=f"s{number % 5}",
                    transaction=f"t{number // 4}",
                    facts={"number": number, "ç": "ã"},
                ),
            )

    for number in range(total):
        write(number)
        if number % (total // 6) == total // 6 - 1:
            clock.advance(seconds=1)
            checkpoint(force=True)
    for number in range(TAIL):
        write(number)
        if number == TAIL // 2:
            LogRecords(audit_log)()
    last = audit_log.last_checkpoint()
    sqlite_database.dispose()
    return Base(
        path=Path(sqlite_database.writer.url.database),
        signed=last.size,
        unsigned=total + TAIL - last.size,
        anchor=Anchor(last.size, last.root),
        public_key_der=key.public_key_der,
        clock=clock,
    )


@pytest.mark.timeout(7200)
def test_every_forgery_is_found_except_in_the_stated_tail(base, rounds):
    untouched, *forged = judge_all(base, rounds(ci=220, soak=1000))
    assert untouched.forgery is None
    assert untouched.places == ()
    assert untouched.tail == base.unsigned + 1  # the export itself
    assert {one.forgery for one in forged} == set(FORGERIES)
    for one in forged:
        if one.expected is None:
            assert one.forgery == "rewrite_the_tail", one
            assert one.places == (), one
            assert one.tail == base.unsigned + 1, one
        else:
            assert one.places, one
            assert one.expected in one.places or not one.expected, one
