"""Idempotency-Key on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from signer.adapters.store.engine import open_database
from signer.adapters.store.idempotency import SQLIdempotencyStore
from signer.domain.errors import BusyError, IdempotencyConflictError, InvalidRequestError
from signer.domain.idempotency import Execution, IdempotentRequest, StoredAnswer
from signer.domain.values import ClientId

ANSWER = StoredAnswer(status=201, headers=(("Location", "/x"), ("X", "é")), body=b"\x00{}")
REQUEST = IdempotentRequest(
    client=ClientId("c"), key="k-1", operation="POST /a", body_sha256="a" * 64
)


@pytest.fixture
def store(database, clock):
    return SQLIdempotencyStore(database, clock)


def test_of_fifty_parallel_requests_one_executes_and_all_get_its_answer(store):
    executed = []
    start = threading.Barrier(50)

    def request():
        start.wait()
        for _ in range(2000):
            try:
                begun = store.begin(REQUEST)
            except BusyError:
                continue
            if isinstance(begun, StoredAnswer):
                return begun
            executed.append(begun)
            assert store.finish(REQUEST, begun, ANSWER)
            return ANSWER
        return None

    with ThreadPoolExecutor(50) as pool:
        answers = [f.result() for f in [pool.submit(request) for _ in range(50)]]
    assert len(executed) == 1
    assert answers == [ANSWER] * 50


def test_an_answer_survives_a_restart(store, database_url, clock):
    store.finish(REQUEST, store.begin(REQUEST), ANSWER)
    again = open_database(database_url)
    try:
        assert SQLIdempotencyStore(again, clock).begin(REQUEST) == ANSWER
    finally:
        again.dispose()


@pytest.mark.parametrize("finished", [True, False], ids=["answered", "in-flight"])
@pytest.mark.parametrize(
    "other",
    [{"body_sha256": "b" * 64}, {"operation": "POST /b"}],
    ids=["other body", "other operation"],
)
def test_the_key_with_another_request_is_a_conflict(store, other, finished):
    execution = store.begin(REQUEST)
    if finished:
        store.finish(REQUEST, execution, ANSWER)
    with pytest.raises(IdempotencyConflictError):
        store.begin(replace(REQUEST, **other))


def test_another_client_may_use_the_same_key(store):
    store.begin(REQUEST)
    assert isinstance(store.begin(replace(REQUEST, client=ClientId("d"))), Execution)


def test_an_answer_is_kept_for_24_hours(store, clock):
    store.finish(REQUEST, store.begin(REQUEST), ANSWER)
    clock.advance(hours=24, seconds=-1)
    assert store.begin(REQUEST) == ANSWER
    clock.advance(seconds=1)
    assert isinstance(store.begin(replace(REQUEST, body_sha256="b" * 64)), Execution)


def test_purge_deletes_only_what_is_old(store, clock):
    store.begin(REQUEST)
    clock.advance(hours=23)
    kept = store.begin(replace(REQUEST, key="k-2"))
    clock.advance(hours=1)
    assert store.purge() == 1
    clock.advance(hours=-1)
    store.finish(replace(REQUEST, key="k-2"), kept, ANSWER)
    assert store.begin(replace(REQUEST, key="k-2")) == ANSWER


def test_an_abandoned_execution_can_be_repeated(store):
    execution = store.begin(REQUEST)
    store.abandon(REQUEST, execution)
    assert isinstance(store.begin(REQUEST), Execution)


def test_an_execution_of_a_dead_process_is_taken_over_and_its_late_answer_refused(store, clock):
    dead = store.begin(REQUEST)
    clock.advance(seconds=59)
    with pytest.raises(BusyError):
        store.begin(REQUEST)
    clock.advance(seconds=1)
    living = store.begin(REQUEST)
    assert isinstance(living, Execution)
    assert not store.finish(REQUEST, dead, replace(ANSWER, status=500))
    assert store.finish(REQUEST, living, ANSWER)
    assert store.begin(REQUEST) == ANSWER


@pytest.mark.parametrize("key", ["", "a" * 129, "with blank", "ã"])
def test_a_malformed_key_is_refused(key):
    with pytest.raises(InvalidRequestError) as refused:
        replace(REQUEST, key=key)
    assert refused.value.field == "Idempotency-Key"
