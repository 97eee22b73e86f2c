"""Of 256 who present the same code or SAD at the same moment, one signs; nobody sees a fault."""

import pytest
from sqlalchemy import func, select

from signer.adapters.store.tables.audit import audit_record
from signer.adapters.system_clock import SystemClock
from signer.domain.audit import AuditEvent
from tests.fixtures.race import LIMITS, PROCESSES, THREADS, Racers
from tests.fixtures.sam import SAMWorld, dtbsr

REFUSALS = {"AuthorisationRefusedError", "BusyError", "IncorrectCodeError", "RateLimitedError"}


@pytest.fixture
def sam(database, sam_token):
    return SAMWorld(database, SystemClock(), sam_token.vault, sam_token.qscd, limits=LIMITS)


@pytest.fixture
def racers(tokens, database_url):
    with Racers(tokens.sam, database_url) as racers:
        yield racers


def intents(sam):
    query = select(func.count()).where(audit_record.c.event == AuditEvent.SIGNATURE_INTENDED.value)
    with sam.database.read() as connection:
        return connection.execute(query).scalar_one()


@pytest.mark.timeout(7200)
def test_one_of_256_wins_a_code(sam, racers, rounds):
    citizen, count = sam.citizen(), rounds(ci=20, soak=500)
    for _ in range(count):
        asked = sam.ask(citizen)
        outcomes = racers.race(
            kind="code",
            transaction=asked.transaction.id,
            credential=citizen.credential.id,
            handle=asked.handle.reveal(),
            code=asked.code.reveal(),
        )
        assert outcomes["signed"] == 1, outcomes
        assert outcomes.total() == PROCESSES * THREADS
        assert set(outcomes) <= REFUSALS | {"signed"}, outcomes
    assert intents(sam) == count


@pytest.mark.timeout(7200)
def test_one_of_256_wins_a_sad(sam, racers, rounds):
    citizen, count = sam.citizen(), rounds(ci=20, soak=500)
    for number in range(count):
        sad = sam.sad(citizen, dtbsr(str(number)))
        outcomes = racers.race(
            kind="sad", credential=citizen.credential.id, sad=sad.reveal(), text=str(number)
        )
        assert outcomes["signed"] == 1, outcomes
        assert outcomes.total() == PROCESSES * THREADS
        assert set(outcomes) <= {"AuthorisationRefusedError", "signed"}, outcomes
    assert intents(sam) == count
