"""Pages of an account: its PINs, recovery, suspension, closing, channels.

Each visit is for one action: phone and authentication PIN on the first page, the code that was
sent for this action on the second.  The signed cookie between them lasts minutes and ends with any
change of the account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, make_response, redirect, request, session, url_for

from api.web.account_forms import attempt, pin_twice, secret, typed
from api.web.kit import PageKit
from signer.domain.account import Account
from signer.domain.approval import DeviceId
from signer.domain.errors import AuthorisationRefusedError, InvalidRequestError
from signer.domain.values import ClientId, SignerId, from_microseconds, to_microseconds
from signer.operations.accounts import (
    Admission,
    AdmitCitizen,
    ChangePIN,
    ForgottenSignaturePIN,
    OwnAccount,
)
from signer.operations.accounts.devices import OwnDevices

COOKIE: Final = "admission"
ACTIONS: Final = ("pin", "recover", "suspend", "resume", "close", "channels", "devices")
_ACTION: Final = f"/<any({','.join(ACTIONS)}):action>"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPages:
    """What these pages call."""

    kit: PageKit
    admit: AdmitCitizen
    own: OwnAccount
    change_pin: ChangePIN
    forgotten: ForgottenSignaturePIN
    devices: OwnDevices
    client_of: Callable[[str], ClientId]
    """Whose wrong PINs an address counts as: a keyed pseudonym of it."""


def blueprint(services: AccountPages) -> Blueprint:
    """Pages under ``/account``."""
    door = services.kit.guard(Blueprint("account", __name__, url_prefix="/account"))
    visit = _Visit(services)
    door.add_url_rule("/", "index", visit.index)
    door.add_url_rule(_ACTION, "start", visit.start)
    door.add_url_rule(_ACTION, "enter", visit.enter, methods=["POST"])
    door.add_url_rule(f"{_ACTION}/confirm", "confirm", visit.confirm)
    door.add_url_rule(f"{_ACTION}/confirm", "do", visit.do, methods=["POST"])
    door.add_url_rule(f"{_ACTION}/code", "resend", visit.resend, methods=["POST"])
    return door


class _Visit:
    """The two pages of every action."""

    def __init__(self, services: AccountPages) -> None:
        self._services = services
        self._kit = services.kit
        self._doing = _Doing(services)

    def index(self) -> Response:
        """What can be done here."""
        return self._kit.render("account_index.html", actions=ACTIONS)

    def start(self, action: str) -> Response:
        """The first page."""
        return self._enter_form(action)

    def enter(self, action: str) -> Response:
        """Check phone and authentication PIN; the code is sent."""

        def work() -> Response:
            client = self._services.client_of(request.remote_addr or "")
            admission = self._services.admit(typed("phone"), secret("pin"), action, client=client)
            session[COOKIE] = _kept(admission)
            return make_response(redirect(url_for("account.confirm", action=action), 303))

        return attempt(self._kit, work, lambda *wrong: self._enter_form(action, *wrong))

    def confirm(self, action: str) -> Response:
        """The second page."""
        return self._confirm_form(_admission(action))

    def resend(self, action: str) -> Response:
        """Another code for the same action."""
        admission = _admission(action)

        def work() -> Response:
            self._services.admit.resend(admission)
            return make_response(redirect(url_for("account.confirm", action=action), 303))

        return attempt(self._kit, work, lambda *wrong: self._confirm_form(admission, *wrong))

    def do(self, action: str) -> Response:
        """Do it; the visit is over."""
        admission = _admission(action)

        def work() -> Response:
            outcome = self._doing(admission)
            session.pop(COOKIE, None)
            return self._kit.render("account_done.html", action=action, outcome=outcome)

        return attempt(
            self._kit,
            work,
            lambda *wrong: self._confirm_form(admission, *wrong),
            pin_field="old_pin",
        )

    def _enter_form(
        self, action: str, status: int = 200, errors: dict[str, str] | None = None
    ) -> Response:
        return self._kit.render(
            "account_enter.html", status=status, errors=errors, action=action, phone=typed("phone")
        )

    def _confirm_form(
        self, admission: Admission, status: int = 200, errors: dict[str, str] | None = None
    ) -> Response:
        services, kit = self._services, self._kit
        account = services.admit.account(admission)
        ready = services.forgotten.ready_at(account) if admission.action == "recover" else None
        return kit.render(
            "account_confirm.html",
            status=status,
            errors=errors,
            here=url_for("account.confirm", action=admission.action),
            action=admission.action,
            ready=kit.texts.get(kit.locale).moment(ready) if ready else "",
            is_ready=ready is not None and ready <= services.forgotten.clock.now(),
            orders=_orders(account, has_app=services.own.change.has_totp(account.id)),
            channels=",".join(account.channels),
            devices=services.devices.of(account) if admission.action == "devices" else (),
        )


class _Doing:
    """One method per action: reads its fields, calls its operation, gives the id of a text."""

    def __init__(self, services: AccountPages) -> None:
        self._services = services

    def __call__(self, admission: Admission) -> str:
        actions: dict[str, Callable[[Admission], str]] = {
            "pin": self._pin,
            "recover": self._recover,
            "suspend": self._suspend,
            "resume": self._resume,
            "close": self._close,
            "channels": self._channels,
            "devices": self._devices,
        }
        return actions[admission.action](admission)

    def _pin(self, admission: Admission) -> str:
        change = {
            "signature": self._services.change_pin.signature,
            "authentication": self._services.change_pin.authentication,
        }.get(typed("kind"))
        if change is None:
            raise InvalidRequestError("say which PIN", field="kind")
        change(admission, secret("code"), secret("old_pin"), pin_twice("new_pin"))
        return "account.done.pin"

    def _recover(self, admission: Admission) -> str:
        forgotten = self._services.forgotten
        ready = forgotten.ready_at(self._services.admit.account(admission))
        if ready is None:
            forgotten.request(admission, secret("code"))
            return "account.done.recovery_asked"
        issued = forgotten.complete(admission, secret("code"), pin_twice("new_pin"))
        return "account.done.recovered" if issued else "account.done.recovered_waiting"

    def _suspend(self, admission: Admission) -> str:
        self._services.own.suspend(admission, secret("code"))
        return "account.done.suspend"

    def _resume(self, admission: Admission) -> str:
        self._services.own.resume(admission, secret("code"))
        return "account.done.resume"

    def _close(self, admission: Admission) -> str:
        if typed("sure") != "yes":
            raise InvalidRequestError("say that you are sure", field="sure")
        self._services.own.close(admission, secret("code"))
        return "account.done.close"

    def _channels(self, admission: Admission) -> str:
        wanted = [name for name in typed("channels").split(",") if name]
        self._services.own.set_channels(admission, secret("code"), wanted)
        return "account.done.channels"

    def _devices(self, admission: Admission) -> str:
        chosen = typed("device")
        if chosen == "add":
            self._services.devices.register(
                admission, secret("code"), typed("name"), typed("public_key")
            )
            return "account.done.device_added"
        self._services.devices.remove(admission, secret("code"), DeviceId(chosen))
        return "account.done.device_removed"


def _orders(account: Account, *, has_app: bool) -> tuple[str, ...]:
    """The orders of channels a person may choose from."""
    if account.identity.email:
        return ("sms,email", "email,sms", "sms", "email", *(("totp,sms,email",) if has_app else ()))
    return ("sms", *(("totp,sms",) if has_app else ()))


def _kept(admission: Admission) -> dict[str, str | int]:
    return {
        "signer": admission.signer,
        "epoch": admission.epoch,
        "until": to_microseconds(admission.until),
        "action": admission.action,
    }


def _admission(action: str) -> Admission:
    kept = session.get(COOKIE)
    if not isinstance(kept, dict) or kept.get("action") != action:
        raise AuthorisationRefusedError
    return Admission(
        signer=SignerId(kept["signer"]),
        epoch=kept["epoch"],
        until=from_microseconds(kept["until"]),
        action=action,
    )
