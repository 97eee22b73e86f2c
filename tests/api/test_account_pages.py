"""Citizens' pages: every step, wrong order, replayed and expired links, wrong codes, CSRF."""

import base64
import re
from dataclasses import replace
from html import unescape

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from api.web import accounts as account_pages
from api.web import enrolment as enrolment_pages
from api.web.kit import PageKit
from signer.adapters.phones import masked
from signer.adapters.store.totp import SQLTOTPStore
from signer.authentication.totp import TOTPAuthenticator
from signer.domain.account import AccountState
from signer.domain.outgoing import MessageKind
from signer.domain.values import ClientId
from tests.fixtures.accounts import (
    CANARY_AUTHENTICATION_PIN,
    CANARY_SIGNATURE_PIN,
    MARIA,
    AccountWorld,
    wrong,
)

NEW_PIN = "27406813"


class Browser:
    """A test client that posts the forms it was shown."""

    def __init__(self, app: Flask):
        self.client = app.test_client()
        self.page = None

    def get(self, path):
        self.page = self.client.get(path, follow_redirects=True)
        return self.page

    def post(self, path, **fields):
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.page.text)
        data = fields | ({"csrf_token": token[1]} if token else {})
        self.page = self.client.post(path, data=data, follow_redirects=True)
        return self.page

    @property
    def title(self):
        return unescape(re.search(r"<h1>(.*?)</h1>", self.page.text)[1])

    @property
    def wrong_fields(self):
        return re.findall(r'<li><a href="#([\w]+)">', self.page.text)


@pytest.fixture
def world(account_world) -> AccountWorld:
    return account_world


@pytest.fixture
def app(world) -> Flask:
    kit = PageKit(world.texts, demo=False, secure_cookies=False)
    app = Flask(__name__)
    kit.install(app, secret_key="a key of this test, long enough")  # pragma: allowlist secret
    apps = TOTPAuthenticator(
        world.vault, SQLTOTPStore(world.database, world.chain), world.clock, issuer="Chancela"
    )
    app.register_blueprint(
        enrolment_pages.blueprint(
            enrolment_pages.EnrolmentPages(kit=kit, enrol=world.enrol, mask=masked, apps=apps)
        )
    )
    app.register_blueprint(
        account_pages.blueprint(
            account_pages.AccountPages(
                kit=kit,
                admit=world.admit,
                own=world.own,
                change_pin=world.change_pin,
                forgotten=world.forgotten,
                devices=world.devices,
                client_of=lambda address: ClientId(f"page-{address}"),
            )
        )
    )
    return app


@pytest.fixture
def browser(app) -> Browser:
    return Browser(app)


@pytest.fixture
def invited(world, browser):
    world.register(MARIA, officer="officer")
    browser.get(f"/account/enrol/{world.token().reveal()}?lang=pt")
    return world.accounts.by_phone("+351910000001")


def set_pins(browser, **changes):
    fields = {
        "authentication_pin": CANARY_AUTHENTICATION_PIN,
        "authentication_pin_again": CANARY_AUTHENTICATION_PIN,
        "signature_pin": CANARY_SIGNATURE_PIN,
        "signature_pin_again": CANARY_SIGNATURE_PIN,
    } | changes
    return browser.post("/account/enrol/pins", **fields)


def confirm_phone(world, browser):
    world.clock.advance(milliseconds=1)
    browser.post("/account/enrol/code")
    return browser.post("/account/enrol/phone", code=world.code().reveal())


def accept_terms(world, browser):
    confirm_phone(world, browser)
    return browser.post("/account/enrol/terms", accept="yes", version="2026-11")


# --- enrolment ----------------------------------------------------------------------------------


def test_a_citizen_enrols_step_by_step(world, browser, invited):
    assert browser.title == "Confirme o seu telemóvel"
    assert world.token().reveal() not in browser.page.text
    assert "910000001" not in browser.page.text.replace(" ", "")
    confirm_phone(world, browser)
    assert browser.title == "Condições de utilização"
    browser.post("/account/enrol/terms", accept="yes", version="2026-11")
    assert browser.title == "Escolha os seus PIN"
    set_pins(browser)
    assert browser.title == "Está pronto"
    account = world.accounts.by_id(invited.id)
    assert account.state is AccountState.ACTIVE
    assert [one.state for one in world.credentials.of(account.id)] == ["active"]
    assert world.admission("suspend").signer == account.id


@pytest.mark.usefixtures("invited")
def test_pages_come_in_english_too(world, browser):
    browser.get("/account/enrol/?lang=en")
    assert browser.title == "Confirm your phone"
    accept_terms(world, browser)
    assert browser.title == "Choose your PINs"


@pytest.mark.parametrize("step", ["terms", "pins", "app"])
def test_steps_out_of_order_change_nothing(world, browser, invited, step):
    fields = {"accept": "yes", "version": "2026-11"} if step == "terms" else {}
    answer = (
        set_pins(browser) if step == "pins" else browser.post(f"/account/enrol/{step}", **fields)
    )
    assert answer.status_code == 409
    assert world.accounts.by_id(invited.id) == invited
    assert world.credentials.requests(invited.id) == ()
    browser.get("/account/enrol/")
    assert browser.title == "Confirme o seu telemóvel"


@pytest.mark.usefixtures("invited")
def test_a_wrong_code_is_shown_at_its_field(world, browser):
    browser.post("/account/enrol/code")
    answer = browser.post("/account/enrol/phone", code=wrong(world.code()).reveal())
    assert answer.status_code == 403
    assert browser.wrong_fields == ["code"]
    assert browser.title == "Confirme o seu telemóvel"
    browser.post("/account/enrol/phone", code=world.code().reveal())
    assert browser.title == "Condições de utilização"


@pytest.mark.usefixtures("invited")
def test_a_code_typed_with_spaces_is_the_same_code(world, browser):
    browser.post("/account/enrol/code")
    code = world.code().reveal()
    browser.post("/account/enrol/phone", code=f" {code[:3]} {code[3:]} ")
    assert browser.title == "Condições de utilização"


def test_terms_must_be_accepted(world, browser, invited):
    confirm_phone(world, browser)
    answer = browser.post("/account/enrol/terms", version="2026-11")
    assert answer.status_code == 422
    assert browser.wrong_fields == ["accept"]
    assert world.accounts.progress(invited.id).terms_version is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"signature_pin_again": "68405938"}, "signature_pin_again", id="differs"),
        pytest.param(
            {"signature_pin": "123456", "signature_pin_again": "123456"},
            "signature_pin",
            id="common",
        ),
        pytest.param(
            {"authentication_pin": "12", "authentication_pin_again": "12"},
            "authentication_pin",
            id="short",
        ),
        pytest.param(
            {
                "signature_pin": CANARY_AUTHENTICATION_PIN,
                "signature_pin_again": CANARY_AUTHENTICATION_PIN,
            },
            "signature_pin",
            id="equal",
        ),
    ],
)
def test_pins_against_policy_are_shown_at_their_field(world, browser, invited, changes, field):
    accept_terms(world, browser)
    answer = set_pins(browser, **changes)
    assert answer.status_code == 422
    assert browser.wrong_fields == [field]
    for pin in (CANARY_SIGNATURE_PIN, CANARY_AUTHENTICATION_PIN):
        assert pin not in answer.text
    assert world.credentials.requests(invited.id) == ()
    set_pins(browser)
    assert browser.title == "Está pronto"


@pytest.mark.usefixtures("invited")
def test_a_used_link_opens_nothing_in_another_browser(world, app, browser):
    token = world.token().reveal()
    accept_terms(world, browser)
    set_pins(browser)
    browser.get("/account/enrol/")
    assert browser.title == "Está pronto"
    other = Browser(app)
    assert other.get(f"/account/enrol/{token}").status_code == 404
    assert other.get("/account/enrol/").status_code == 404


@pytest.mark.usefixtures("invited")
def test_a_second_browser_must_confirm_the_phone_itself(world, app, browser):
    accept_terms(world, browser)
    thief = Browser(app)
    thief.get(f"/account/enrol/{world.token().reveal()}?lang=pt")
    assert thief.title == "Confirme o seu telemóvel"
    assert set_pins(thief).status_code == 409
    set_pins(browser)
    assert browser.title == "Está pronto"


@pytest.mark.usefixtures("app")
def test_an_expired_link_opens_nothing(world, browser):
    world.register(MARIA, officer="officer")
    token = world.token().reveal()
    world.clock.advance(hours=72)
    assert browser.get(f"/account/enrol/{token}").status_code == 404


@pytest.mark.usefixtures("invited")
def test_a_link_that_expires_between_two_steps_ends_at_the_phone(world, browser):
    world.clock.advance(hours=72)
    assert browser.post("/account/enrol/code").status_code == 404
    assert world.texts_sent(MessageKind.CODE) == []


@pytest.mark.usefixtures("world", "invited")
def test_a_cookie_of_our_own_making_is_worth_nothing(browser):
    browser.client.set_cookie("chancela", "eyJlbnJvbG1lbnQiOnt9fQ.forged.signature")
    assert browser.get("/account/enrol/").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/account/enrol/code",
        "/account/enrol/phone",
        "/account/enrol/pins",
        "/account/pin",
        "/account/close/confirm",
    ],
)
@pytest.mark.usefixtures("invited")
def test_a_form_without_csrf_token_does_nothing(world, browser, path):
    answer = browser.client.post(path, data={"code": "123456"})
    assert answer.status_code == 400
    assert world.texts_sent(MessageKind.CODE) == []


@pytest.mark.usefixtures("invited")
def test_without_ca_the_page_says_so_and_finishes_later(world, browser):
    accept_terms(world, browser)
    world.authority.available = False
    set_pins(browser)
    assert browser.title == "O seu certificado está a caminho"
    browser.post("/account/enrol/certificates")
    assert browser.title == "O seu certificado está a caminho"
    world.authority.available = True
    browser.post("/account/enrol/certificates")
    assert browser.title == "Está pronto"


@pytest.mark.usefixtures("invited")
def test_an_app_can_be_added_at_the_end(world, browser):
    accept_terms(world, browser)
    set_pins(browser)
    browser.post("/account/enrol/app")
    assert "<svg" in browser.page.text
    key = re.search(r"<code>([A-Z2-7 ]+)</code>", browser.page.text)[1].replace(" ", "")
    totp = pyotp.TOTP(key)
    answer = browser.post("/account/enrol/app/confirm", code="000000")
    assert answer.status_code == 403
    browser.post("/account/enrol/app/confirm", code=totp.at(world.clock.now()))
    assert browser.title == "Está pronto"
    assert "Configurar uma aplicação" not in browser.page.text
    assert browser.post("/account/enrol/app").status_code in {400, 409}


# --- account pages ------------------------------------------------------------------------------


def enter(world, browser, action, pin=CANARY_AUTHENTICATION_PIN, phone="910 000 001"):
    world.clock.advance(milliseconds=1)
    browser.get(f"/account/{action}?lang=pt")
    return browser.post(f"/account/{action}", phone=phone, pin=pin)


@pytest.fixture
def citizen(world):
    return world.citizen()


def test_the_signature_pin_is_changed_on_the_page(world, browser, citizen):
    enter(world, browser, "pin")
    browser.post(
        "/account/pin/confirm",
        code=world.code().reveal(),
        kind="signature",
        old_pin=CANARY_SIGNATURE_PIN,
        new_pin=NEW_PIN,
        new_pin_again=NEW_PIN,
    )
    assert "O PIN mudou." in browser.page.text
    assert world.accounts.by_id(citizen.id).signature_salt != citizen.signature_salt


@pytest.mark.usefixtures("citizen")
def test_the_authentication_pin_is_changed_on_the_page(world, browser):
    enter(world, browser, "pin")
    browser.post(
        "/account/pin/confirm",
        code=world.code().reveal(),
        kind="authentication",
        old_pin=CANARY_AUTHENTICATION_PIN,
        new_pin=NEW_PIN,
        new_pin_again=NEW_PIN,
    )
    assert "O PIN mudou." in browser.page.text
    assert world.admission("suspend", NEW_PIN)


@pytest.mark.parametrize(
    ("changes", "field", "status"),
    [
        pytest.param({"kind": ""}, "kind", 422, id="which PIN"),
        pytest.param({"old_pin": "99887712"}, "old_pin", 403, id="wrong PIN"),
        pytest.param({"new_pin": "1111"}, "new_pin_again", 422, id="differs"),
        pytest.param({"new_pin": "111111", "new_pin_again": "111111"}, "new_pin", 422, id="common"),
        pytest.param({"code": "wrong"}, "code", 403, id="wrong code"),
    ],
)
def test_what_is_wrong_with_a_pin_change_is_shown_at_its_field(
    world, browser, citizen, changes, field, status
):
    enter(world, browser, "pin")
    code = world.code()
    fields = {
        "code": code.reveal(),
        "kind": "signature",
        "old_pin": CANARY_SIGNATURE_PIN,
        "new_pin": NEW_PIN,
        "new_pin_again": NEW_PIN,
    }
    if "code" in changes:
        changes = {"code": wrong(code).reveal()}
    answer = browser.post("/account/pin/confirm", **(fields | changes))
    assert answer.status_code == status
    assert browser.wrong_fields == [field]
    assert world.accounts.by_id(citizen.id) == citizen
    browser.post("/account/pin/confirm", **fields)
    assert "O PIN mudou." in browser.page.text


def test_a_forgotten_pin_is_recovered_on_the_page(world, browser, citizen):
    (old,) = world.credentials.of(citizen.id)
    enter(world, browser, "recover")
    browser.post("/account/recover/confirm", code=world.code().reveal())
    assert "registado" in browser.page.text
    enter(world, browser, "recover")
    assert "Pode defini-lo a partir de" in browser.page.text
    assert "new_pin" not in browser.page.text
    world.clock.advance(hours=24)
    enter(world, browser, "recover")
    browser.post(
        "/account/recover/confirm",
        code=world.code().reveal(),
        new_pin=NEW_PIN,
        new_pin_again=NEW_PIN,
    )
    assert "Tem um novo PIN" in browser.page.text
    assert world.credentials.of(citizen.id)[0].id != old.id


def test_suspending_resuming_and_closing_on_the_page(world, browser, citizen):
    for action, state in (("suspend", "suspended"), ("resume", "active")):
        enter(world, browser, action)
        browser.post(f"/account/{action}/confirm", code=world.code().reveal())
        assert world.accounts.by_id(citizen.id).state == state
    enter(world, browser, "close")
    code = world.code().reveal()
    assert browser.post("/account/close/confirm", code=code).status_code == 422
    assert browser.wrong_fields == ["sure"]
    browser.post("/account/close/confirm", code=code, sure="yes")
    assert world.accounts.by_id(citizen.id).state is AccountState.CLOSED


def test_channels_are_chosen_on_the_page(world, browser, citizen):
    enter(world, browser, "channels")
    code = world.code().reveal()
    browser.post("/account/channels/confirm", code=code, channels="email,sms")
    assert world.accounts.by_id(citizen.id).channels == ("email", "sms")


@pytest.mark.usefixtures("citizen")
def test_wrong_pin_and_unknown_phone_look_the_same(world, browser):
    def looks(pin, phone):
        answer = enter(world, browser, "close", pin, phone)
        text = re.sub(r'(csrf_token" value|value)="[^"]*"', "", answer.text)
        return answer.status_code, text

    wrong_pin = looks("99887712", "910 000 001")
    assert wrong_pin == looks(CANARY_AUTHENTICATION_PIN, "919 999 999")
    assert wrong_pin[0] == 403
    assert browser.wrong_fields == ["pin"]


def test_another_code_replaces_the_first(world, browser, citizen):
    enter(world, browser, "suspend")
    first = world.code()
    world.clock.advance(milliseconds=1)
    browser.post("/account/suspend/code")
    second = world.code()
    if first != second:
        answer = browser.post("/account/suspend/confirm", code=first.reveal())
        assert answer.status_code == 403
    browser.post("/account/suspend/confirm", code=second.reveal())
    assert world.accounts.by_id(citizen.id).state is AccountState.SUSPENDED


@pytest.mark.usefixtures("citizen")
def test_an_admission_for_one_action_opens_no_other(world, browser):
    enter(world, browser, "suspend")
    assert browser.get("/account/close/confirm").status_code == 403
    world.clock.advance(minutes=11)
    assert browser.get("/account/suspend/confirm").status_code == 403


@pytest.mark.usefixtures("citizen")
def test_a_phone_that_is_none_is_shown_at_its_field(world, browser):
    answer = enter(world, browser, "suspend", phone="not a phone")
    assert answer.status_code == 422
    assert browser.wrong_fields == ["phone"]


@pytest.mark.usefixtures("citizen")
def test_a_locked_pin_says_only_that_it_is_not_right(world, browser):
    pages = {enter(world, browser, "close", "99887712").status_code for _ in range(6)}
    assert pages == {403}
    assert enter(world, browser, "close").status_code == 403


@pytest.mark.usefixtures("citizen", "app")
def test_every_page_has_labels_for_its_fields(world, browser):
    world.register(replace(MARIA, document_number="87654321", phone="+351910000002"), officer="o")
    browser.get(f"/account/enrol/{world.token().reveal()}")
    for path in ("/account/enrol/", "/account/", "/account/pin", "/account/close"):
        page = browser.get(path).text
        ids = re.findall(r'<input id="([\w-]+)"', page)
        labels = re.findall(r'<label for="([\w-]+)"', page)
        assert ids == labels
        assert "<script" not in page
        assert "style=" not in page


def own_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_a_device_is_added_and_removed_with_pin_and_code(world, browser, citizen):
    spki = own_key()
    enter(world, browser, "devices")
    answer = browser.post(
        "/account/devices/confirm",
        code=world.code().reveal(),
        device="add",
        name="Telemóvel",
        public_key=base64.b64encode(spki).decode(),
    )
    assert answer.status_code == 200
    account = world.accounts.by_id(citizen.id)
    (device,) = world.devices.of(account)
    assert (device.name, device.svd_der) == ("Telemóvel", spki)
    enter(world, browser, "devices")
    assert "Telemóvel" in browser.page.text
    browser.post("/account/devices/confirm", code=world.code().reveal(), device=device.id)
    assert world.devices.of(account) == ()


@pytest.mark.usefixtures("citizen")
@pytest.mark.parametrize("key", ["", "AAAA", "?", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"])
def test_a_device_without_a_p256_key_costs_no_code(world, browser, key):
    enter(world, browser, "devices")
    code = world.code().reveal()
    answer = browser.post(
        "/account/devices/confirm", code=code, device="add", name="x", public_key=key
    )
    assert answer.status_code == 422
    assert browser.wrong_fields == ["public_key"]
    added = browser.post(
        "/account/devices/confirm",
        code=code,
        device="add",
        name="x",
        public_key=base64.b64encode(own_key()).decode(),
    )
    assert added.status_code == 200
