"""Budgets of clients (L8) and guessing that is spread over many people (L9)."""

import json
import uuid
from datetime import timedelta

import pytest

from signer.adapters.store.attempts import SQLAttemptStore
from signer.adapters.store.audit_log import SQLAuditLog
from signer.authentication.attempts import Attempts
from signer.authentication.limits import Limits
from signer.authentication.spray import SprayAlarm, SprayGuard
from signer.domain.activation import AttemptKind, Tried
from signer.domain.errors import RateLimitedError
from signer.domain.values import ClientId

PORTAL, DESKTOP = ClientId("portal"), ClientId("desktop")
KIND = AttemptKind.SIGNATURE_PIN
LIMITS = Limits(client_failures_per_hour=6)


class Guessing:
    """Attempts whose budgets and guard a test chooses."""

    def __init__(self, database, chain, clock):
        self.store, self.clock = SQLAttemptStore(database, chain), clock
        self.budgets: dict[str, int] = {}
        self.asked: list[str] = []
        self.sprayed = False
        self.attempts = Attempts(
            self.store,
            clock,
            LIMITS,
            budget_of=self._budget_of,
            sprayed=lambda: self.sprayed,
            sleep=lambda _seconds: None,
        )

    def _budget_of(self, client):
        self.asked.append(client)
        return self.budgets.get(client)

    def wrong(self, client=PORTAL, subject=None, number=1):
        for _ in range(number):
            opened = self.attempts.begin(KIND, subject or str(uuid.uuid4()), client)
            self.attempts.fail(opened)

    def right(self, client=PORTAL, subject=None, number=1):
        for _ in range(number):
            assert self.attempts.succeed(
                self.attempts.begin(KIND, subject or str(uuid.uuid4()), client)
            )

    def may_try(self, client=PORTAL, subject=None) -> bool:
        try:
            self.right(client, subject)
        except RateLimitedError:
            return False
        return True


@pytest.fixture
def guessing(database, audit_chain, clock):
    return Guessing(database, audit_chain, clock)


def test_a_client_with_a_smaller_budget_is_slowed_down_by_its_own(guessing):
    guessing.budgets = {PORTAL: 2}
    guessing.wrong(number=2)
    assert not guessing.may_try()
    assert guessing.may_try(DESKTOP)


def test_a_client_with_a_larger_budget_goes_on_where_others_stop(guessing):
    guessing.budgets = {PORTAL: 8}
    guessing.wrong(number=7)
    assert guessing.may_try()
    guessing.wrong()
    assert not guessing.may_try()


def test_a_caller_that_is_not_registered_has_the_general_budget(guessing):
    guessing.wrong(number=5)
    assert guessing.may_try()
    guessing.wrong()
    assert not guessing.may_try()


def test_what_a_slowed_down_client_tries_is_not_counted_and_ends_with_the_hour(guessing):
    guessing.budgets = {PORTAL: 2}
    guessing.wrong(number=2)
    for _ in range(5):
        assert not guessing.may_try()
    guessing.clock.advance(hours=1, seconds=1)
    assert guessing.may_try()


def test_a_client_without_failures_costs_no_look_up(guessing):
    guessing.right(number=3)
    assert guessing.asked == []
    guessing.wrong()
    guessing.right()
    assert guessing.asked == [PORTAL]


def test_while_guessing_is_spread_a_client_has_a_quarter_of_its_budget(guessing):
    guessing.budgets = {PORTAL: 8}
    guessing.wrong(number=2)
    assert guessing.may_try()
    guessing.sprayed = True
    assert not guessing.may_try()
    assert guessing.may_try(DESKTOP)
    guessing.sprayed = False
    assert guessing.may_try()


def test_while_guessing_is_spread_a_wrong_pin_makes_its_owner_wait(guessing):
    guessing.budgets = {PORTAL: 100}
    guessing.wrong(subject="ana")
    guessing.sprayed = True
    assert not guessing.may_try(subject="ana")
    assert guessing.may_try(subject="rui")
    guessing.clock.advance(seconds=16)
    assert guessing.may_try(subject="ana")


def guard_of(guessing, tried_since=None):
    return SprayGuard(
        tried_since or guessing.store.tried_since, guessing.clock, attempts=20, percent=10
    )


@pytest.mark.parametrize(
    ("right", "wrong", "raised"),
    [
        pytest.param(15, 5, False, id="too few to tell"),
        pytest.param(19, 2, False, id="share not above"),
        pytest.param(18, 3, True, id="share above"),
    ],
)
def test_the_guard_is_raised_by_number_and_share(guessing, right, wrong, raised):
    guessing.right(number=right)
    guessing.wrong(number=wrong)
    assert guard_of(guessing)() is raised


def test_only_decided_attempts_of_the_last_ten_minutes_count(guessing):
    guessing.wrong(number=3)
    guessing.clock.advance(minutes=10, seconds=1)
    guessing.attempts.abandon(guessing.attempts.begin(KIND, "ana", PORTAL))
    guessing.attempts.begin(KIND, "rui", PORTAL)
    guessing.right(number=4)
    guessing.wrong(number=1)
    since = guessing.clock.now() - timedelta(minutes=10)
    assert guessing.store.tried_since(since) == Tried(5, 1)


def test_the_guard_looks_once_in_five_seconds(clock, guessing):
    looks = []

    def tried_since(since):
        looks.append(clock.now() - since)
        return Tried(100, 50)

    guard = guard_of(guessing, tried_since)
    assert all(guard() for _ in range(1000))
    assert looks == [timedelta(minutes=10)]
    clock.advance(seconds=5)
    assert guard()
    assert len(looks) == 2


def test_the_alarm_is_recorded_once_and_shown_until_it_ends(
    guessing, database, audit_chain, caplog
):
    log, shown = SQLAuditLog(database, audit_chain), []
    alarm = SprayAlarm(guard_of(guessing), log.record, shown.append)
    guessing.budgets = {PORTAL: 1000}
    guessing.right(number=25)
    assert alarm() == 0
    guessing.wrong(number=5)
    guessing.clock.advance(seconds=10)
    assert alarm() == 1
    guessing.clock.advance(seconds=10)
    assert alarm() == 0
    (record,) = log.search(event="integrity.alarm")
    body = json.loads(record.body)
    assert body["outcome"] == "spray"
    assert body["facts"] == {"where": "attempts", "attempts": 30, "failures": 5}
    assert "5 of 30 attempts were wrong" in caplog.text
    guessing.clock.advance(minutes=10)
    assert alarm() == 0
    assert shown == [False, True, True, False]
    guessing.right(number=20)
    guessing.wrong(number=5)
    guessing.clock.advance(seconds=10)
    assert alarm() == 1
    assert len(log.search(event="integrity.alarm")) == 2
