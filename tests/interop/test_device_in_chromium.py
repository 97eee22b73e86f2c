"""A browser becomes a device: its key is made in the page, approves there, and never leaves."""

import pytest

from signer.domain.transaction import TransactionState
from signer.domain.values import Secret
from tests.fixtures.chromium import DESK, PHONE, demand_readable
from tests.fixtures.service import raw

pytestmark = [pytest.mark.browser, pytest.mark.interop]


def register_this_browser(service, page, citizen):
    page.locator("#phone").fill(citizen.phone)
    page.locator("#pin").fill(citizen.authentication_pin)
    page.locator("main button[type=submit]").click()
    page.locator("#code").fill(service.code(citizen.phone))
    page.locator("#own-key").click()
    page.wait_for_function("document.getElementById('public_key').value.length > 100")
    demand_readable(page)
    page.locator("form[action$='/devices/confirm'] button[type=submit]").click()
    page.get_by_role("status").wait_for()


@pytest.fixture
def asked(service, native, newcomer):
    """Offered to the newcomer's devices once there is one: id and handle."""

    def ask():
        started, handle, _ = native.asked(newcomer, raw(b"a", "contrato & <b>.pdf"))
        service.services.signing.approved.ask(service.transaction(started["id"]))
        return started, Secret(handle)

    return ask


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("language", "size"), [("pt", PHONE), ("en", DESK)], ids=["pt", "en"])
def test_a_browser_registers_approves_and_refuses(
    service, newcomer, asked, open_page, picture, language, size
):
    page = open_page("/account/devices", language, size)
    register_this_browser(service, page, newcomer)
    (device,) = service.services.stores.devices.of(newcomer.account.id)
    approved = service.services.signing.approved

    started, handle = asked()
    page.goto(page.url.partition("/account")[0] + f"/approve/{started['id']}")
    page.locator(".question h2").wait_for()
    demand_readable(page)
    picture(page, "question")
    shown = page.locator(".question").inner_text()
    assert "Notário Exemplo native" in shown
    assert "contrato & <b>.pdf" in shown
    assert started["verification_code"] in shown
    page.locator("button[value=approve]").click()
    page.wait_for_function("!document.querySelector('.question')")
    assert approved.redeem(service.transaction(started["id"]), handle) is not None
    assert service.services.stores.devices.answered(started["id"]).device == device.id

    second, handle = asked()
    page.goto(page.url.partition("/approve")[0] + "/approve/")
    page.locator("button[value=refuse]").click()
    page.wait_for_function("!document.querySelector('.question')")
    assert service.transaction(second["id"]).state is TransactionState.REFUSED
    demand_readable(page)
    assert page.complaints == []


@pytest.mark.timeout(120)
def test_a_browser_that_is_no_device_learns_nothing(service, newcomer, asked, open_page):
    own = open_page("/account/devices", "pt", DESK)
    register_this_browser(service, own, newcomer)
    started, _ = asked()
    stranger = open_page(f"/approve/{started['id']}", "pt", DESK)
    stranger.wait_for_function("document.getElementById('status').textContent.length > 0")
    assert "contrato" not in stranger.content()
    assert "/account/devices" in stranger.locator("#status").inner_text()
    without = open_page(f"/approve/{started['id']}", "pt", DESK, scripts=False)
    assert "JavaScript" in without.locator("main").inner_text()
