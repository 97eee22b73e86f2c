"""SIGKILL at eight points of a signature: never a second one, never one without its audit."""

from collections import Counter

import pytest
from sqlalchemy import select

from signer.adapters.store.tables.audit import audit_record
from signer.domain.audit import AuditEvent, chain_hash
from signer.domain.audit_log import GENESIS
from signer.domain.errors import SigningServiceError
from signer.domain.transaction import TransactionState
from tests.fixtures.clock import FixedClock
from tests.fixtures.kills import LIMITS, POINTS, Nursery, count_uses
from tests.fixtures.sam import SAMWorld, dtbsr, verifies
from tests.fixtures.signing import SigningWorld

SIGNED_ANYWAY = {"before the attempt", "after the attempt", "before the claim"}
"""Nothing was claimed: the same code signs when it is entered again."""


@pytest.fixture
def uses(tmp_path):
    file = tmp_path / "uses"
    file.touch()
    return file


@pytest.fixture
def signing(database, sam_token, uses):
    sam = SAMWorld(database, FixedClock(), sam_token.vault, sam_token.qscd, limits=LIMITS)
    count_uses(sam, uses)
    return SigningWorld(sam)


@pytest.fixture
def nursery(tokens, database_url, uses):
    with Nursery(tokens.sam, database_url, uses) as nursery:
        yield nursery


def events_of(sam, transaction):
    with sam.database.read() as connection:
        rows = connection.execute(
            select(audit_record.c.event).where(audit_record.c.transaction_id == transaction)
        ).scalars()
        return Counter(rows)


def demand_whole_chains(sam):
    with sam.database.read() as connection:
        rows = connection.execute(
            select(audit_record).order_by(audit_record.c.writer_id, audit_record.c.sequence)
        ).all()
    writer, sequence, previous = None, 0, GENESIS
    for row in rows:
        if row.writer_id != writer:
            writer, sequence, previous = row.writer_id, 0, GENESIS
        sequence += 1
        assert row.sequence == sequence
        previous = chain_hash(previous, row.body)
        assert row.hash == previous


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_never_signs_twice_nor_without_audit(signing, nursery, uses, rounds, point):
    sam = signing.sam
    for number in range(rounds(ci=1, soak=100)):
        if number % 4 == 0:  # attempts of killed processes count, and ten of them lock a citizen
            citizen = signing.citizen()
        sam.clock.moment = FixedClock().moment
        transaction, handle, code = signing.asked(citizen, str(number))
        uses.write_text("")
        assert nursery.kill_at(point, transaction.id, handle, code) == -9
        # The dead process went by the real time, however long it took; its attempt goes stale.
        sam.clock.moment = FixedClock().moment
        sam.clock.advance(seconds=35)
        results = ()
        try:
            outcome = signing.enter_code(signing.now(transaction), handle, code)
            results = outcome.results
        except SigningServiceError:
            assert point not in SIGNED_ANYWAY
        sam.clock.advance(seconds=90)
        signing.housekeeping.reap()
        ended = signing.now(transaction)
        keys_used, events = len(uses.read_text().splitlines()), events_of(sam, transaction.id)
        assert keys_used <= 1
        assert events[AuditEvent.SIGNATURE_INTENDED] >= keys_used
        assert events[AuditEvent.SIGNATURE_MADE] == events[AuditEvent.SIGNATURE_RELEASED]
        signed = ended.state is TransactionState.SIGNED
        assert signed == bool(results) == bool(events[AuditEvent.SIGNATURE_RELEASED])
        assert signed == (point in SIGNED_ANYWAY | {"after the release"})
        assert signed or ended.state is TransactionState.FAILED
        for value in results:
            assert verifies(citizen.credential, dtbsr(str(number)), value)
    demand_whole_chains(sam)
