"""The signing page in Chromium: with and without JavaScript, on a phone and a desk, pt and en."""

import re

import pytest

from tests.fixtures.chromium import DESK, PHONE, demand_readable
from tests.fixtures.service import BODY, ROLE, a_pdf, hashed, raw, whole

pytestmark = [pytest.mark.browser, pytest.mark.interop]

WORDS = {
    "pt": {"next": "Continuar", "refuse": "Recusar", "sign": "Assinar"},
    "en": {"next": "Continue", "refuse": "Refuse", "sign": "Sign"},
}
EVERY_WAY = pytest.mark.parametrize(
    ("language", "size", "scripts"),
    [
        pytest.param(language, size, scripts, id=f"{language}-{size['width']}px-{name}")
        for language in ("pt", "en")
        for size in (PHONE, DESK)
        for scripts, name in ((True, "scripts"), (False, "no scripts"))
    ],
)
DEMAND = {"required_attributes": [{"provider": BODY, "role": ROLE}]}
LONG_NAME = "Contrato-promessa_de_compra_e_venda_da_fração_autónoma_designada_pela_letra_A.pdf"


def page_of(started):
    return f"/sign/{started['authorisation_url'].rpartition('/')[2]}"


@EVERY_WAY
def test_a_citizen_signs(service, portal, maria, open_page, picture, language, size, scripts):
    started = portal.started(
        maria, whole_pdf(), hashed("cades-digest", b"a", "B-T", LONG_NAME), raw(b"b"), **DEMAND
    )
    page = open_page(page_of(started), language, size, scripts=scripts)
    words = WORDS[language]
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator(".verification").inner_text() == started["verification_code"]
    demand_readable(page, axe=scripts)
    picture(page, "pin")
    page.locator("#pin").fill(maria.signature_pin)
    page.get_by_role("button", name=words["next"], exact=True).click()
    page.locator("#code").wait_for()
    demand_readable(page, axe=scripts)
    picture(page, "code")
    page.locator("#code").fill(service.code(maria.phone))
    page.get_by_role("button", name=words["sign"], exact=True).click()
    page.locator("#code").wait_for(state="detached")
    demand_readable(page, axe=scripts)
    picture(page, "done")
    assert portal.look(started["id"])["state"] == "signed"
    assert page.complaints == []


@EVERY_WAY
def test_a_citizen_refuses(portal, rui, open_page, picture, language, size, scripts):
    started = portal.started(rui, raw(b"b"))
    page = open_page(page_of(started), language, size, scripts=scripts)
    page.get_by_role("button", name=WORDS[language]["refuse"], exact=True).click()
    page.locator("#pin").wait_for(state="detached")
    demand_readable(page, axe=scripts)
    picture(page, "refused")
    assert portal.look(started["id"])["state"] == "refused"


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_errors_are_announced_and_lead_to_their_field(newcomer, portal, open_page, picture, size):
    page = open_page(page_of(portal.started(newcomer)), "en", size)
    page.locator("#pin").fill("111222")
    page.get_by_role("button", name="Continue", exact=True).click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    demand_readable(page)
    picture(page, "wrong")
    alert.get_by_role("link").click()
    assert page.evaluate("document.activeElement.id") == "pin"
    page.get_by_role("link", name=re.compile("Português|portuguesa", re.IGNORECASE)).click()
    assert page.locator("html").get_attribute("lang") == "pt"
    assert page.locator("#pin").is_visible()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_text_twice_as_large_still_fits(newcomer, portal, open_page, picture, size):
    page = open_page(page_of(portal.started(newcomer, raw(b"a", LONG_NAME))), "pt", size)
    page.evaluate("document.documentElement.style.fontSize = '225%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    picture(page, "large")


def test_the_keyboard_alone_is_enough(service, newcomer, portal, open_page):
    page = open_page(page_of(portal.started(newcomer)), "en", DESK)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#pin").focus()
    page.keyboard.type(newcomer.signature_pin)
    page.keyboard.press("Enter")
    page.locator("#code").wait_for()
    page.locator("#code").focus()
    page.keyboard.type(service.code(newcomer.phone))
    page.keyboard.press("Enter")
    page.locator("#code").wait_for(state="detached")
    page.get_by_role("heading", level=1).wait_for()
    assert "sign" in page.title().lower()


def whole_pdf():
    return whole("pades", a_pdf(), "B-T", "contrato.pdf")
