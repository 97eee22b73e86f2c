"""When time-stamps or the HSM are away: nothing is spent, counted or released."""

import contextlib
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from signer.adapters.store.tables.activation import signing_transaction
from signer.domain.errors import (
    InvalidRequestError,
    QSCDUnavailableError,
    RevocationUnavailableError,
)
from signer.formats.cms_parts import SignedDataParts
from signer.operations.signing.completion import STAMP_PATIENCE
from tests.fixtures.service import a_pdf, hashed, raw, whole
from tests.fixtures.verifying import (
    TIME_STAMP_TOKEN,
    openssl_accepts,
    pdf_status,
    result,
    unsigned_attributes,
)

NOBODY_LISTENS = "http://127.0.0.1:9/tsa"
CONTENT = b"contrato\n"


@pytest.fixture
def without_tsa(service):
    """The same installation with a TSA that refuses connections."""
    return service.variant(tsa_urls=NOBODY_LISTENS)


def test_without_time_stamp_the_worker_completes_later_and_no_second_code_is_spent(
    service, without_tsa, newcomer, tmp_path
):
    api = without_tsa.api("native")
    items = hashed("cades-digest", CONTENT, "B-T"), whole("pades", a_pdf(), "B-T")
    started, handle, code = api.asked(newcomer, *items)
    answer = api.code(started["id"], handle, code)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "timestamp.unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    look = api.look(started["id"])
    assert (look["state"], look["failure"]) == ("completing", "timestamp-unavailable")
    assert [item["result"] for item in look["items"]] == [None, None]
    assert without_tsa.services.signing.housekeeping.complete_waiting() == 0
    assert api.look(started["id"])["state"] == "completing"

    assert service.services.signing.housekeeping.complete_waiting() == 1
    signed = api.look(started["id"])
    assert (signed["state"], signed["failure"]) == ("signed", None)
    assert TIME_STAMP_TOKEN in unsigned_attributes(result(signed, 0))
    anchor = service.root_pem(tmp_path)
    assert openssl_accepts(tmp_path, anchor, result(signed, 0), CONTENT)
    assert pdf_status(result(signed, 1), anchor).timestamp_validity.valid
    again = service.api("native").code(started["id"], handle, code)
    assert again.get_json()["items"] == signed["items"]
    assert len(service.sms.codes(newcomer.phone)) == 2, "one to enrol, one to sign"


def test_kept_signatures_do_not_wait_for_ever(service, without_tsa, newcomer):
    api = without_tsa.api("native")
    started, handle, code = api.asked(newcomer, hashed("cades-digest", CONTENT, "B-T"))
    assert api.code(started["id"], handle, code).status_code == 503
    stores = service.services.stores
    with stores.database.begin() as connection:
        connection.execute(
            update(signing_transaction)
            .where(signing_transaction.c.id == started["id"])
            .values(created_at=stores.clock.now() - STAMP_PATIENCE - timedelta(minutes=1))
        )
    assert without_tsa.services.signing.housekeeping.complete_waiting() == 0
    look = api.look(started["id"])
    assert (look["state"], look["failure"]) == ("failed", "timestamp-unavailable")
    assert look["items"][0]["result"] is None


def without_revocation_data(service, error):
    def collect(certificates, pool=()):
        del certificates, pool
        raise error

    variant = service.variant()
    variant.services.trust.validation_data.collect = collect
    return variant


def test_without_revocation_data_the_worker_completes_later_and_no_second_code_is_spent(
    service, newcomer, tmp_path
):
    broken = without_revocation_data(service, RevocationUnavailableError())
    api = broken.api("native")
    started, handle, code = api.asked(newcomer, hashed("cades-digest", CONTENT, "B-LT"))
    answer = api.code(started["id"], handle, code)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "revocation.unavailable")
    look = api.look(started["id"])
    assert (look["state"], look["failure"]) == ("completing", "revocation-unavailable")
    assert broken.services.signing.housekeeping.complete_waiting() == 0

    assert service.services.signing.housekeeping.complete_waiting() == 1
    signed = api.look(started["id"])
    assert (signed["state"], signed["failure"]) == ("signed", None)
    assert SignedDataParts.parse(result(signed, 0)).revocation
    assert openssl_accepts(tmp_path, service.root_pem(tmp_path), result(signed, 0), CONTENT)
    assert len(service.sms.codes(newcomer.phone)) == 2, "one to enrol, one to sign"


@pytest.mark.parametrize("while_waiting", [False, True])
def test_a_revoked_certificate_fails_the_signature_at_once(service, newcomer, while_waiting):
    refusal = InvalidRequestError("a certificate of the signature is revoked", field="document")
    first = RevocationUnavailableError() if while_waiting else refusal
    api = without_revocation_data(service, first).api("native")
    started, handle, code = api.asked(newcomer, hashed("cades-digest", CONTENT, "B-LT"))
    answer = api.code(started["id"], handle, code)
    assert answer.status_code == (503 if while_waiting else 400)
    worker = without_revocation_data(service, refusal).services.signing.housekeeping
    assert worker.complete_waiting() == 0
    look = api.look(started["id"])
    assert (look["state"], look["failure"]) == ("failed", "request.invalid")
    assert look["items"][0]["result"] is None


def test_level_b_does_not_ask_a_tsa(without_tsa, newcomer):
    signed = without_tsa.api("native").signed(newcomer, hashed("cades-digest", CONTENT))
    assert signed["state"] == "signed"


@contextlib.contextmanager
def tokens_away(tokens):
    """As when somebody unplugs the device; comes back at the end."""
    there = tokens.directory / "tokens"
    away = tokens.directory / "tokens-away"
    there.rename(away)
    try:
        yield
    finally:
        away.rename(there)


def until(answer, seconds=30):
    """Repeat until it is not 503 any more."""
    deadline = time.monotonic() + seconds
    while True:
        got = answer()
        if got.status_code != 503 or time.monotonic() > deadline:
            return got
        time.sleep(0.25)


def test_without_hsm_nothing_is_counted_and_it_works_again_afterwards(
    service, tokens, native, newcomer
):
    started = native.started(newcomer)
    sealed = native.sealed(pin=newcomer.signature_pin, transaction=started["id"])
    asked, handle, code = native.asked(newcomer, raw(b"b"))
    sealed_code = native.sealed(code=code, transaction=asked["id"])
    body = {"handle": handle, "code": sealed_code}

    def pin():
        return native.call("POST", f"/signatures/{started['id']}/pin", {"pin": sealed})

    def enter():
        return native.call("POST", f"/signatures/{asked['id']}/code", body)

    with tokens_away(tokens):
        for _ in range(6):
            for answer in (pin(), enter()):
                assert (answer.status_code, answer.get_json()["code"]) == (503, "qscd.unavailable")
                assert int(answer.headers["Retry-After"]) >= 1
        assert service.app.test_client().get("/livez").status_code == 200
        ready = service.app.test_client().get("/readyz")
        assert ready.status_code == 503
        assert ready.get_json()["checks"]["sam"] == "qscd.unavailable"
        assert native.look(started["id"])["state"] == "created"
        assert native.look(asked["id"])["state"] == "asked"
    assert until(pin).status_code == 200
    assert until(enter).status_code == 200


def test_when_the_device_fails_after_the_claim_nothing_is_released_or_retried(
    service, native, newcomer, monkeypatch
):
    started, handle, code = native.asked(newcomer, raw(b"a"), raw(b"b"))
    device = type(service.services.device.sam.qscd)

    def fail(_self, _authorisation):
        raise QSCDUnavailableError

    with monkeypatch.context() as broken:
        broken.setattr(device, "sign", fail)
        answer = native.code(started["id"], handle, code)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "qscd.unavailable")
    look = native.look(started["id"])
    assert (look["state"], look["failure"]) == ("failed", "qscd.unavailable")
    assert native.code(started["id"], handle, code).status_code == 410
    assert [item["result"] for item in look["items"]] == [None, None]


def test_a_value_that_does_not_verify_is_not_released(service, native, newcomer, monkeypatch):
    started, handle, code = native.asked(newcomer)
    device = type(service.services.device.sam.qscd)
    sign = device.sign

    def spoil(self, authorisation):
        return tuple(value[:-1] + bytes([value[-1] ^ 1]) for value in sign(self, authorisation))

    with monkeypatch.context() as broken:
        broken.setattr(device, "sign", spoil)
        answer = native.code(started["id"], handle, code)
    assert (answer.status_code, answer.get_json()["code"]) == (500, "integrity.alarm")
    look = native.look(started["id"])
    assert (look["state"], look["items"][0]["result"]) == ("failed", None)
