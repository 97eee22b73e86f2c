"""``GET /signatures/{id}`` and ``…/items/{ordinal}``: state, results, waiting for a change."""

import threading
import time

import pytest

from tests.fixtures.service import a_pdf, hashed, raw, whole
from tests.fixtures.verifying import result


def test_results_stay_and_come_as_bytes_with_their_type(native, maria):
    signed = native.signed(maria, raw(b"a"), hashed("cades-digest", b"b"), whole("pades", a_pdf()))
    look = native.look(signed["id"])
    assert look["items"] == signed["items"]
    types = ("application/octet-stream", "application/pkcs7-signature", "application/pdf")
    for ordinal, kind in enumerate(types):
        answer = native.call("GET", f"/signatures/{signed['id']}/items/{ordinal}")
        assert (answer.status_code, answer.mimetype) == (200, kind)
        assert answer.data == result(signed, ordinal)
        assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_not_signed_has_no_bytes(native, newcomer):
    started = native.started(newcomer)
    for ordinal in ("0", "1"):
        answer = native.call("GET", f"/signatures/{started['id']}/items/{ordinal}")
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize("ordinal", ["100", "-1", "x"])
def test_an_ordinal_that_cannot_be_one_is_refused(native, newcomer, ordinal):
    started = native.started(newcomer)
    answer = native.call("GET", f"/signatures/{started['id']}/items/{ordinal}")
    assert answer.status_code in {400, 404}
    assert answer.mimetype == "application/problem+json"


def test_another_clients_transaction_is_as_unknown_as_none(native, other, newcomer):
    signed = native.signed(newcomer)
    nobodys = "0" * 8 + signed["id"][8:]
    for path in ("", "/items/0"):
        theirs = other.call("GET", f"/signatures/{signed['id']}{path}")
        none = other.call("GET", f"/signatures/{nobodys}{path}")
        assert theirs.status_code == none.status_code == 404
        assert theirs.get_json() | {"request_id": ""} == none.get_json() | {"request_id": ""}


def test_waiting_ends_when_the_state_changes(native, newcomer):
    started = native.started(newcomer)
    answers = []

    def wait():
        begun = time.monotonic()
        answer = native.call("GET", f"/signatures/{started['id']}?wait=30")
        answers.append((answer.get_json()["state"], time.monotonic() - begun))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)
    native.call("DELETE", f"/signatures/{started['id']}")
    thread.join(30)
    ((state, seconds),) = answers
    assert state == "cancelled"
    assert seconds < 25


def test_waiting_ends_when_its_time_is_over(native, newcomer):
    started = native.started(newcomer)
    begun = time.monotonic()
    answer = native.call("GET", f"/signatures/{started['id']}?wait=1")
    assert answer.get_json()["state"] == "created"
    assert time.monotonic() - begun >= 1


def test_waiting_never_takes_the_threads_that_sign(service, newcomer):
    one = service.variant(web_threads=2).api("native")
    started = one.started(newcomer)
    threads = [
        threading.Thread(target=lambda: one.call("GET", f"/signatures/{started['id']}?wait=3"))
    ]
    threads[0].start()
    time.sleep(0.7)
    begun = time.monotonic()
    answer = one.call("GET", f"/signatures/{started['id']}?wait=30")
    assert answer.get_json()["state"] == "created"
    assert time.monotonic() - begun < 15
    threads[0].join()


def test_who_waited_leaves_the_place_to_the_next(service, newcomer):
    one = service.variant(web_threads=2).api("native")
    started = one.started(newcomer)
    begun = time.monotonic()
    for _ in range(3):
        one.call("GET", f"/signatures/{started['id']}?wait=1")
    assert time.monotonic() - begun >= 3


@pytest.mark.parametrize("query", ["wait=-1", "wait=61", "wait=x", "waits=1", "wait=1.5"])
def test_a_bad_query_is_named(native, newcomer, query):
    started = native.started(newcomer)
    answer = native.call("GET", f"/signatures/{started['id']}?{query}")
    assert (answer.status_code, answer.get_json()["field"]) == (400, query.partition("=")[0])


def test_past_its_time_nothing_is_signed_and_the_worker_says_expired(service, native, newcomer):
    from sqlalchemy import update

    from signer.adapters.store.tables.activation import signing_transaction

    started, handle, code = native.asked(newcomer)
    stores = service.services.stores
    with stores.database.begin() as connection:
        connection.execute(
            update(signing_transaction)
            .where(signing_transaction.c.id == started["id"])
            .values(expires_at=stores.clock.now())
        )
    answer = native.code(started["id"], handle, code)
    assert answer.status_code in {403, 410}
    service.services.signing.housekeeping.expire()
    assert native.look(started["id"])["state"] == "expired"
