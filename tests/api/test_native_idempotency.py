"""``Idempotency-Key``: the same request once, its answer again."""

import threading

import pytest

from signer.domain.errors import QSCDUnavailableError, StoreUnavailableError
from tests.fixtures.service import raw, unique


def transactions(service):
    return service.rows()["signing_transaction"]


def test_the_same_body_gets_the_same_answer_once(service, portal, maria):
    key, before = unique("key"), transactions(service)
    first = portal.start(maria, headers={"Idempotency-Key": key})
    again = portal.start(maria, headers={"Idempotency-Key": key})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert transactions(service) == before + 1


def test_another_body_with_the_key_is_refused(service, portal, maria):
    key = unique("key")
    assert portal.start(maria, headers={"Idempotency-Key": key}).status_code == 201
    before = transactions(service)
    answer = portal.start(maria, raw(b"other"), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency.conflict")
    assert transactions(service) == before


def test_clients_never_meet(portal, native, maria):
    key = unique("key")
    first = portal.start(maria, headers={"Idempotency-Key": key}).get_json()
    second = native.start(maria, headers={"Idempotency-Key": key}).get_json()
    assert first["id"] != second["id"]


def test_a_callers_error_is_not_kept_so_it_can_be_mended(portal, maria):
    key = unique("key")
    wrong = portal.start("+1", headers={"Idempotency-Key": key})
    assert wrong.status_code == 400
    assert portal.start(maria, headers={"Idempotency-Key": key}).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "á"])
def test_a_key_that_is_none_is_named(portal, maria, key):
    answer = portal.start(maria, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.get_json()["field"]) == (400, "Idempotency-Key")


def test_ten_at_once_make_one_transaction(service, portal, maria):
    key, before, answers = unique("key"), transactions(service), []
    gate = threading.Barrier(10)

    def post():
        gate.wait()
        answers.append(portal.start(maria, headers={"Idempotency-Key": key}))

    threads = [threading.Thread(target=post) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 429}
    made = {answer.data for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert transactions(service) == before + 1
    for answer in answers:
        if answer.status_code == 429:
            assert answer.headers["Retry-After"] == "1"


def test_an_answer_that_could_not_be_kept_may_be_asked_for_again(
    service, portal, maria, monkeypatch
):
    key = unique("key")
    vault = type(service.services.device.sam.vault)
    with monkeypatch.context() as broken:
        broken.setattr(vault, "protect", fails(QSCDUnavailableError()))
        answer = portal.start(maria, headers={"Idempotency-Key": key})
        assert answer.status_code == 503
    assert portal.start(maria, headers={"Idempotency-Key": key}).status_code == 201


def test_a_fault_of_ours_is_not_kept(service, portal, maria, monkeypatch):
    key = unique("key")
    store = type(service.services.stores.transactions)
    with monkeypatch.context() as broken:
        broken.setattr(store, "create", fails(StoreUnavailableError()))
        answer = portal.start(maria, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert portal.start(maria, headers={"Idempotency-Key": key}).status_code == 201


def test_what_is_kept_does_not_show_the_address_of_the_page(service, portal, maria):
    from sqlalchemy import select

    from signer.adapters.store.tables.idempotency import idempotent_request

    key = unique("key")
    url = portal.start(maria, headers={"Idempotency-Key": key}).get_json()["authorisation_url"]
    with service.services.stores.database.read() as connection:
        row = connection.execute(
            select(idempotent_request.c.body).where(idempotent_request.c.key == key)
        ).one()
    assert url.rpartition("/")[2].encode() not in row.body


def fails(error):
    def call(*_arguments, **_options):
        raise error

    return call
