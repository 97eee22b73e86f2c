"""Enrolment and account pages in Chromium: every page of a journey read by axe, phone and desk."""

import pyotp
import pytest

from api.web.accounts import ACTIONS
from tests.fixtures.accounts import CANARY_AUTHENTICATION_PIN, CANARY_SIGNATURE_PIN
from tests.fixtures.chromium import DESK, PHONE, demand_readable

pytestmark = [pytest.mark.browser, pytest.mark.interop]

EVERY_WAY = pytest.mark.parametrize(
    ("language", "size", "scripts"),
    [
        pytest.param("pt", PHONE, True, id="pt-phone"),
        pytest.param("en", DESK, True, id="en-desk"),
        pytest.param("pt", DESK, False, id="pt-desk-no scripts"),
    ],
)
SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


def submit(page, form):
    """Press the button of the form that posts to ``form``."""
    page.locator(f'form[action$="{form}"] button[type=submit]').click()


def fill(page, **fields):
    for name, value in fields.items():
        page.locator(f"#{name}").fill(value)


def pins(page, authentication, signature):
    fill(
        page,
        authentication_pin=authentication,
        authentication_pin_again=authentication,
        signature_pin=signature,
        signature_pin_again=signature,
    )


@EVERY_WAY
@pytest.mark.timeout(300)
def test_a_citizen_enrols(service, open_page, picture, language, size, scripts):
    registered = service.invite()
    token = registered.link.reveal().rpartition("/")[2]
    page = open_page(f"/account/enrol/{token}", language, size, scripts=scripts)
    page.set_default_timeout(90_000)  # two keys are made in one request

    def seen(name):
        demand_readable(page, axe=scripts)
        picture(page, name)

    assert page.locator("html").get_attribute("lang") == language
    assert token not in page.url
    seen("phone")
    submit(page, "/enrol/code")
    page.get_by_role("status").wait_for()
    seen("code sent")
    fill(page, code="000000")
    submit(page, "/enrol/phone")
    page.get_by_role("alert").wait_for()
    seen("wrong code")
    fill(page, code=service.code(registered.account.phone))
    submit(page, "/enrol/phone")
    page.locator("#accept").wait_for()
    seen("terms")
    submit(page, "/enrol/terms")
    page.get_by_role("alert").wait_for()
    seen("terms not accepted")
    page.locator("#accept").check()
    submit(page, "/enrol/terms")
    page.locator("#signature_pin").wait_for()
    seen("pins")
    pins(page, "12345678", "1234")
    submit(page, "/enrol/pins")
    page.get_by_role("alert").wait_for()
    seen("pins refused")
    pins(page, CANARY_AUTHENTICATION_PIN, CANARY_SIGNATURE_PIN)
    submit(page, "/enrol/pins")
    page.locator('form[action$="/enrol/app"]').wait_for()
    seen("done")
    submit(page, "/enrol/app")
    page.locator("figure[role=img]").wait_for()
    seen("app")
    fill(page, code=pyotp.TOTP(page.locator("code").inner_text().replace(" ", "")).now())
    submit(page, "/enrol/app/confirm")
    page.locator('form[action$="/enrol/app/confirm"]').wait_for(state="detached")
    seen("app confirmed")
    assert page.locator('form[action$="/enrol/app"]').count() == 0
    answered = "Failed to load resource: the server responded with a status of 4"  # the mistakes
    assert [said for said in page.complaints if not said.startswith(answered)] == []


@SIZES
def test_every_action_of_an_account_can_be_read(newcomer, open_page, picture, size):
    page = open_page("/account/", "en", size)
    demand_readable(page)
    picture(page, "index")
    for action in ACTIONS:
        page.goto(f"{page.url.partition('/account')[0]}/account/{action}")
        demand_readable(page)
        picture(page, f"{action} begun")
        fill(page, phone=newcomer.phone, pin=newcomer.authentication_pin)
        submit(page, f"/account/{action}")
        page.get_by_role("status").wait_for()
        demand_readable(page)
        picture(page, f"{action} to confirm")
    assert page.complaints == []


@SIZES
def test_mistakes_are_announced_and_lead_to_their_field(newcomer, open_page, picture, size):
    page = open_page("/account/pin", "pt", size)
    fill(page, phone=newcomer.phone, pin="0000")
    submit(page, "/account/pin")
    page.get_by_role("alert").wait_for()
    demand_readable(page)
    picture(page, "wrong PIN")
    fill(page, phone=newcomer.phone, pin=newcomer.authentication_pin)
    submit(page, "/account/pin")
    page.locator("#kind").wait_for()
    submit(page, "/pin/confirm")
    alert = page.get_by_role("alert")
    alert.wait_for()
    demand_readable(page)
    picture(page, "nothing chosen")
    field = alert.get_by_role("link").first.get_attribute("href").removeprefix("#")
    alert.get_by_role("link").first.click()
    assert page.evaluate("document.activeElement.id") == field


def test_an_account_is_suspended_and_resumed(service, newcomer, open_page, picture):
    page = open_page("/account/suspend", "en", PHONE)
    for action in ("suspend", "resume"):
        page.goto(f"{page.url.partition('/account')[0]}/account/{action}")
        fill(page, phone=newcomer.phone, pin=newcomer.authentication_pin)
        submit(page, f"/account/{action}")
        page.locator("#code").wait_for()
        fill(page, code=service.code(newcomer.phone))
        submit(page, f"/{action}/confirm")
        page.locator("#code").wait_for(state="detached")
        demand_readable(page)
        picture(page, action)
    assert page.complaints == []


@SIZES
def test_text_twice_as_large_still_fits(newcomer, open_page, picture, size):
    page = open_page("/account/channels", "pt", size)
    fill(page, phone=newcomer.phone, pin=newcomer.authentication_pin)
    submit(page, "/account/channels")
    page.locator("#code").wait_for()
    page.evaluate("document.documentElement.style.fontSize = '225%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    picture(page, "large")
