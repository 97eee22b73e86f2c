"""The page at ``/sign``: every state, without JavaScript, in a browser's own terms."""

import hashlib
import html
import re
from dataclasses import replace

import pytest
from sqlalchemy import update

from signer.adapters.store.tables.activation import signing_transaction
from signer.domain.errors import QSCDUnavailableError
from signer.domain.values import KeyAlgorithm
from tests.fixtures.service import (
    BODY,
    REDIRECT,
    ROLE,
    Browser,
    Citizen,
    hashed,
    other_code,
    raw,
)
from tests.fixtures.verifying import result, verify_raw

DEMAND = {"required_attributes": [{"provider": BODY, "role": ROLE}]}


class Visit:
    """A citizen on the page of one transaction."""

    def __init__(self, service, api, citizen, *items, language="en", **changes):
        self.service, self.api, self.citizen = service, api, citizen
        self.started = api.started(citizen, *items, **changes)
        self.id = self.started["id"]
        self.browser = Browser(service.app, language)
        self.path = "/sign/" + self.started["authorisation_url"].rpartition("/")[2]
        self.open()

    def open(self):
        return self.browser.open(self.path)

    @property
    def page(self):
        return html.unescape(self.browser.page)

    @property
    def state(self):
        return self.api.look(self.id)["state"]

    def pin(self, pin=None, **fields):
        pin = self.citizen.signature_pin if pin is None else pin
        return self.browser.submit(f"{self.path}/pin", pin=pin, **fields)

    def code(self, code=None, **fields):
        code = self.service.code(self.citizen.phone) if code is None else code
        return self.browser.submit(f"{self.path}/code", code=code, **fields)

    def resend(self, **fields):
        return self.browser.submit(f"{self.path}/resend", **fields)

    def error(self):
        """What the page says is wrong."""
        found = re.search(r'<div class="errors" role="alert">(.*?)</div>', self.page, re.DOTALL)
        return re.sub(r"<[^>]+>|\s+", " ", found[1]) if found else ""


@pytest.fixture
def visit(service, portal):
    return lambda citizen, *items, **changes: Visit(service, portal, citizen, *items, **changes)


def test_the_whole_way_signs_what_was_shown(service, visit, newcomer):
    seen = visit(newcomer, raw(b"a", "testamento.pdf"), redirect_url=REDIRECT)
    digest = hashlib.sha256(b"a").digest()
    for step in (seen.open, seen.pin):
        step()
        assert "Notário Exemplo portal" in seen.page
        assert "testamento.pdf" in seen.page
        assert digest.hex() in seen.page
        assert seen.started["verification_code"] in seen.page
    assert seen.state == "asked"
    seen.code()
    assert seen.browser.status == 200
    assert seen.state == "signed"
    signed = seen.api.look(seen.id)
    verify_raw(service.certificate(newcomer, KeyAlgorithm.P_256), digest, result(signed))
    back = f"{REDIRECT}?signature={seen.id}&state=signed"
    assert f'href="{back}"' in seen.page
    assert (
        "https://notario.example.org"
        in seen.browser.open(seen.path).headers["Content-Security-Policy"]
    )


def test_the_role_and_who_confirms_it_are_shown(visit, maria):
    seen = visit(maria, hashed("cades-digest", b"a"), **DEMAND)
    assert "Lawyer" in seen.page
    seen.pin()
    seen.code()
    assert "Advogado" in seen.page
    assert "Ordem dos Advogados (exemplo)" in seen.page


@pytest.mark.parametrize("step", ["pin", "code"])
def test_refusing_ends_it_and_tells_the_client(visit, newcomer, step):
    seen = visit(newcomer, redirect_url=REDIRECT)
    if step == "code":
        seen.pin()
    getattr(seen, step)("", answer="refuse")
    assert seen.state == "refused"
    assert "state=refused" in seen.page
    assert seen.api.look(seen.id)["items"][0]["result"] is None


def test_a_wrong_pin_is_told_at_its_field_and_may_be_mended(visit, newcomer):
    seen = visit(newcomer)
    answer = seen.pin("111222")
    assert answer.status_code == 403
    assert 'href="#pin"' in seen.page
    assert 'aria-invalid="true"' in seen.page
    assert "111222" not in seen.page
    assert seen.state == "created"
    assert seen.pin().status_code == 200
    assert seen.state == "asked"


@pytest.mark.parametrize("value", ["", "abc", "12", "123456789", "12\u0663456"])
def test_what_is_no_pin_or_code_is_not_counted(service, visit, newcomer, value):
    seen = visit(newcomer)
    before = service.rows()["attempt"]
    assert seen.pin(value).status_code == 422
    assert 'href="#pin"' in seen.page
    assert service.rows()["attempt"] == before
    seen.pin()
    before = service.rows()["attempt"]
    assert seen.code(value).status_code == 422
    assert 'href="#code"' in seen.page
    assert service.rows()["attempt"] == before


def test_blanks_in_a_code_are_forgiven(service, visit, newcomer):
    seen = visit(newcomer)
    seen.pin()
    code = service.code(newcomer.phone)
    seen.code(f" {code[:3]} {code[3:]} ")
    assert seen.state == "signed"


def test_a_wrong_code_is_told_at_its_field_and_the_right_one_still_signs(service, visit, newcomer):
    seen = visit(newcomer)
    seen.pin()
    code = service.code(newcomer.phone)
    assert seen.code(other_code(code)).status_code == 403
    assert 'href="#code"' in seen.page
    seen.code(code)
    assert seen.state == "signed"


def test_another_code_over_another_channel(service, visit, newcomer):
    seen = visit(newcomer)
    seen.pin()
    old = service.code(newcomer.phone)
    assert seen.resend(channel="email").status_code == 200
    new = service.email_code(newcomer)
    if old != new:
        assert seen.code(old).status_code == 403
    seen.code(new)
    assert seen.state == "signed"


def test_a_channel_that_does_not_exist_is_refused(visit, newcomer):
    seen = visit(newcomer)
    seen.pin()
    assert seen.resend(channel="fax").status_code == 422
    assert seen.state == "asked"


def test_a_resend_too_soon_says_how_long_to_wait(service, newcomer):
    slow = service.variant(limit_resend_interval_seconds=30)
    seen = Visit(slow, slow.api("portal"), newcomer)
    seen.pin()
    answer = seen.resend()
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Retry-After"] in seen.error()


def test_another_browser_does_not_take_over(service, visit, newcomer):
    seen = visit(newcomer)
    seen.pin()
    elsewhere = Browser(service.app)
    elsewhere.open(seen.path)
    assert 'name="code"' not in elsewhere.page
    assert "testamento" not in elsewhere.page
    assert elsewhere.status == 200


def test_a_code_posted_without_the_cookie_is_refused(service, visit, newcomer):
    seen = visit(newcomer)
    seen.pin()
    elsewhere = Visit(service, seen.api, newcomer).browser
    answer = elsewhere.submit(f"{seen.path}/code", code=service.code(newcomer.phone))
    assert answer.status_code == 404
    assert seen.state == "asked"


def test_past_its_time_the_page_says_so_before_the_worker_does(service, visit, newcomer):
    seen = visit(newcomer, redirect_url=REDIRECT)
    expire(service, seen.id)
    seen.pin()
    assert seen.browser.status == 200
    assert 'name="pin"' not in seen.page
    assert "state=expired" in seen.page


def test_what_ended_meanwhile_is_shown_as_it_stands(visit, newcomer):
    seen = visit(newcomer)
    seen.api.call("DELETE", f"/signatures/{seen.id}")
    seen.pin()
    assert seen.browser.status == 200
    assert 'name="pin"' not in seen.page
    seen.open()
    assert "cancel" in seen.page.lower()


def test_refusing_what_has_ended_changes_nothing(visit, newcomer):
    seen = visit(newcomer)
    seen.api.call("DELETE", f"/signatures/{seen.id}")
    assert seen.pin(answer="refuse").status_code == 200
    assert seen.state == "cancelled"


def test_a_pin_posted_twice_leads_to_the_code(visit, newcomer):
    seen = visit(newcomer)
    form = seen.browser.page
    seen.pin()
    seen.browser.page = form
    assert seen.pin().status_code == 200
    assert 'name="code"' in seen.page


def test_a_missing_role_ends_it_with_its_reason_and_the_way_back(service, visit, newcomer):
    seen = visit(newcomer, redirect_url=REDIRECT, **DEMAND)
    answer = seen.pin()
    assert answer.status_code == 403
    assert seen.error()
    assert "state=failed" in seen.page
    assert [text for text in service.sent(newcomer) if "assinar" in text] == []


def test_without_hsm_the_form_stays_and_nothing_is_counted(service, visit, newcomer, monkeypatch):
    seen = visit(newcomer)

    def fail(*_arguments, **_options):
        raise QSCDUnavailableError(retry_after=7)

    vault = type(service.services.device.sam.vault)
    with monkeypatch.context() as broken:
        broken.setattr(vault, "key_check_value", fail)
        for _ in range(6):
            answer = seen.pin()
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
            assert 'name="pin"' in seen.page
    assert seen.pin().status_code == 200
    assert seen.state == "asked"


def test_without_time_stamp_the_page_says_it_is_being_completed(service, newcomer):
    without = service.variant(tsa_urls="http://127.0.0.1:9/tsa")
    seen = Visit(without, without.api("portal"), newcomer, hashed("cades-digest", b"a", "B-T"))
    seen.pin()
    assert seen.code().status_code == 200
    assert 'http-equiv="refresh"' in seen.page
    assert seen.state == "completing"
    service.services.signing.housekeeping.complete_waiting()
    seen.open()
    assert 'http-equiv="refresh"' not in seen.page
    assert seen.state == "signed"


def test_an_unknown_phone_shows_the_same_page_and_no_pin_opens_it(service, portal):
    known = Visit(service, portal, service.citizens["rui"])
    account = service.citizens["rui"].account
    stranger = Citizen(
        account=replace(account, phone="+351939999990"),
        signature_pin="739155",
        authentication_pin="",
    )
    unknown = Visit(service, portal, stranger)
    plain = re.compile(r"/sign/[\w-]+|value=\"[^\"]+\"|•|\+351[^<]*|\d")
    shown = [plain.sub("", one.page) for one in (known, unknown)]
    assert shown[0] == shown[1]
    assert unknown.pin().status_code == 403


@pytest.mark.parametrize("token", ["x", "a" * 43, "../etc"])
def test_an_unknown_page_is_not_found(browser, token):
    assert browser.open(f"/sign/{token}").status_code == 404


def test_a_post_without_csrf_token_does_nothing(visit, newcomer):
    seen = visit(newcomer)
    for action in ("pin", "code", "resend"):
        answer = seen.browser.client.post(
            f"{seen.path}/{action}", data={"pin": newcomer.signature_pin, "answer": "refuse"}
        )
        assert answer.status_code == 400
    assert seen.state == "created"


def test_answers_are_not_cached_nor_framed_and_run_nothing_foreign(visit, newcomer):
    seen = visit(newcomer)
    for answer in (seen.open(), seen.pin("000"), seen.pin(), seen.code("000000")):
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}


def test_the_handle_is_a_cookie_of_this_page_only(visit, newcomer):
    seen = visit(newcomer)
    token = re.search(r'name="csrf_token" value="([^"]+)"', seen.browser.page)[1]
    answer = seen.browser.client.post(
        f"{seen.path}/pin", data={"csrf_token": token, "pin": newcomer.signature_pin}
    )
    assert answer.status_code == 303
    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("handle=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert f"Path={seen.path}" in cookie
    handle = cookie.partition("=")[2].partition(";")[0]
    assert handle not in answer.text
    assert handle not in seen.open().text


def test_both_answers_weigh_the_same(visit, newcomer):
    seen = visit(newcomer)
    buttons = re.findall(r"<button ([^>]*)>", seen.browser.page)
    assert len(buttons) == 2
    assert {re.sub(r'value="\w+"', "", one) for one in buttons} == {'type="submit" name="answer" '}


def test_both_languages_have_every_text(visit, newcomer):
    for language, word in (("pt", "Assinar"), ("en", "Sign")):
        seen = visit(newcomer, language=language)
        assert f'<html lang="{language}">' in seen.page
        seen.pin()
        assert word in seen.page
        assert "sign." not in re.sub(r"<[^>]+>", " ", seen.page)


def expire(service, identifier):
    stores = service.services.stores
    with stores.database.begin() as connection:
        connection.execute(
            update(signing_transaction)
            .where(signing_transaction.c.id == identifier)
            .values(expires_at=stores.clock.now())
        )
