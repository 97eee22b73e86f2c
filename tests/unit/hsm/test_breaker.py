"""A dead HSM is re-initialised at most once per interval."""

import pytest

from hsm.breaker import Breaker
from signer.domain.errors import QSCDUnavailableError


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def breaker(moment: Time) -> Breaker:
    return Breaker(30, moment)


def test_it_starts_closed_and_admits(breaker: Breaker):
    breaker.refuse_if_early()
    breaker.admit()
    assert not breaker.is_open


def test_a_second_failure_within_the_interval_opens_it(breaker: Breaker, moment: Time):
    breaker.admit()
    moment.now += 10.5
    with pytest.raises(QSCDUnavailableError) as caught:
        breaker.admit()
    assert caught.value.retry_after == 20
    assert breaker.is_open
    with pytest.raises(QSCDUnavailableError) as caught:
        breaker.refuse_if_early()
    assert caught.value.retry_after == 20


def test_after_the_interval_it_lets_one_try(breaker: Breaker, moment: Time):
    breaker.admit()
    breaker.trip()
    moment.now += 30
    breaker.refuse_if_early()
    breaker.admit()
    assert breaker.is_open
    with pytest.raises(QSCDUnavailableError):
        breaker.refuse_if_early()


def test_a_start_closes_it_but_the_interval_counts_on(breaker: Breaker, moment: Time):
    breaker.admit()
    breaker.trip()
    breaker.close()
    breaker.refuse_if_early()
    moment.now += 29
    with pytest.raises(QSCDUnavailableError):
        breaker.admit()
