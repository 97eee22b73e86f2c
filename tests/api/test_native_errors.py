"""Every error of the native API is a problem document with a request id and no secret of ours."""

import pytest

from api.native.errors import STATUS
from signer.domain import errors
from signer.domain.client import ClientLimits
from signer.operations.signing.ending import FindTransaction
from tests.fixtures.service import raw, unique

ANY_ID = "00000000-0000-4000-8000-000000000000"


def answer_for(native, monkeypatch, error):
    def fail(*_arguments, **_options):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(FindTransaction, "for_client", fail)
        return native.call("GET", f"/signatures/{ANY_ID}")


@pytest.mark.parametrize("kind", sorted(STATUS, key=lambda kind: kind.__name__))
def test_every_error_is_a_problem_document(native, monkeypatch, kind):
    answer = answer_for(native, monkeypatch, kind("inner-detail"))
    assert answer.status_code == STATUS[kind]
    assert answer.mimetype == "application/problem+json"
    body = answer.get_json()
    assert (body["code"], body["title"], body["status"]) == (kind.code, kind.title, STATUS[kind])
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert ("inner-detail" in answer.text) == (STATUS[kind] < 500)
    if issubclass(kind, errors.RetryLaterError):
        assert int(answer.headers["Retry-After"]) >= 1


def test_a_mistake_of_ours_shows_nothing_of_itself(native, monkeypatch):
    answer = answer_for(native, monkeypatch, ZeroDivisionError("inner-detail"))
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal")
    assert "inner-detail" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("given", ["order-4711", "a.b_c-D", "x" * 64])
def test_a_plain_request_id_comes_back(native, given):
    answer = native.call("GET", f"/signatures/{ANY_ID}", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given
    assert answer.get_json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a;b", "<script>"])
def test_another_request_id_is_replaced(native, given):
    answer = native.call("GET", f"/signatures/{ANY_ID}", headers={"X-Request-Id": given})
    made = answer.headers["X-Request-Id"]
    assert made != given
    assert len(made) == 36


def test_what_is_not_there_and_what_it_cannot_do_are_problems_too(service):
    client = service.app.test_client()
    missing = client.get("/api/v1/nothing")
    assert (missing.status_code, missing.get_json()["code"]) == (404, "http.404")
    wrong = client.put("/api/v1/signatures")
    assert (wrong.status_code, wrong.get_json()["code"]) == (405, "http.405")
    assert "POST" in wrong.headers["Allow"]


def test_too_many_requests_of_a_client_are_slowed_down(service):
    api = service.register(unique(), limits=ClientLimits(requests_per_minute=3))
    answers = [api.call("GET", f"/signatures/{ANY_ID}") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_on_postgresql_it_is_the_same(postgresql_service):
    service = postgresql_service
    native, citizen = service.api("native"), service.citizens["rui"]
    signed = native.signed(citizen, raw(b"a"), headers={"Idempotency-Key": "k"})
    assert signed["state"] == "signed"
    before = service.rows()
    for phone in ("+3519\x0010000001", "\x00" * 9):
        answer = native.start(phone)
        assert (answer.status_code, answer.get_json()["field"]) == (400, "citizen.phone")
    answer = native.start(citizen, raw(b"a", "a\x00b"))
    assert (answer.status_code, answer.get_json()["field"]) == (400, "items[0].name")
    assert service.rows() == before
    assert native.start(citizen, headers={"Idempotency-Key": "k2"}).status_code == 201
