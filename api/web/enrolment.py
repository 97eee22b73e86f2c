"""Pages of enrolment: link, phone, terms, PINs, certificates, and an authenticator app."""

from dataclasses import dataclass
from typing import Final, Protocol

from flask import Blueprint, Response, make_response, redirect, request, session, url_for

from api.web.account_forms import attempt, pin_twice, secret, typed
from api.web.kit import PageKit
from signer.authentication.totp import TOTPEnrolment
from signer.domain.errors import ConflictError, IncorrectCodeError, InvalidRequestError
from signer.domain.link import LinkKind
from signer.domain.values import Secret, SignerId
from signer.operations.accounts import EnrolCitizen, Enrolling, Step

COOKIE: Final = "enrolment"
_PAGES: Final = {
    Step.PHONE: "enrol_phone.html",
    Step.TERMS: "enrol_terms.html",
    Step.PINS: "enrol_pins.html",
    Step.CERTIFICATES: "enrol_certificates.html",
    Step.DONE: "enrol_done.html",
}


class Mask(Protocol):
    """Shows as much of a phone as a person needs to recognise it."""

    def __call__(self, e164: str) -> str:
        """The masked number."""
        ...


class Apps(Protocol):
    """Authenticator apps (TOTP)."""

    def enrol(self, signer: SignerId, *, label: str) -> TOTPEnrolment:
        """A new seed, shown once."""
        ...

    def confirm(self, signer: SignerId, code: Secret) -> bool:
        """The first code; False when wrong."""
        ...

    def is_enrolled(self, signer: SignerId) -> bool:
        """True when an app is in use."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentPages:
    """What these pages call."""

    kit: PageKit
    enrol: EnrolCitizen
    mask: Mask
    apps: Apps | None = None
    """None where authenticator apps are not offered."""


def blueprint(services: EnrolmentPages) -> Blueprint:
    """Pages under ``/account/enrol``; every answer depends on what is stored, not on the order."""
    door = services.kit.guard(Blueprint("enrolment", __name__, url_prefix="/account/enrol"))
    steps = _Steps(services)
    door.add_url_rule("/<token>", "follow", steps.follow)
    door.add_url_rule("/", "current", steps.current)
    for name in ("send", "phone", "terms", "pins", "certificates"):
        path = "/code" if name == "send" else f"/{name}"
        door.add_url_rule(path, name, getattr(steps, name), methods=["POST"])
    if services.apps is not None:
        app = _App(steps, services.apps)
        door.add_url_rule("/app", "begin", app.begin, methods=["POST"])
        door.add_url_rule("/app/confirm", "confirm", app.confirm, methods=["POST"])
    return door


class _Steps:
    """One method per form; each shows its page again when something can be mended."""

    def __init__(self, services: EnrolmentPages) -> None:
        self.services = services
        self._enrol = services.enrol

    def follow(self, token: str) -> Response:
        """Remember the link and take its token out of the address bar; nothing changes yet."""
        kept: dict[str, str] = session.get(COOKIE, {})
        link = self._enrol.open(Secret(token))
        if kept.get("link") != link.id:
            session[COOKIE] = {"link": link.id}
        return self.next()

    def current(self) -> Response:
        """The page of the step the enrolment stands at."""
        return self._show(self.look())

    def send(self) -> Response:
        """Send a code to the phone."""
        seen = self.look()

        def work() -> Response:
            self._enrol.send_code(seen)
            return self.next(sent=True)

        return attempt(self.services.kit, work, self._again)

    def phone(self) -> Response:
        """Check the code; this browser continues."""
        seen = self.look()

        def work() -> Response:
            held = self._enrol.confirm_phone(seen, secret("code"))
            session[COOKIE] = {"link": seen.link.id, "secret": held.reveal()}
            return self.next()

        return attempt(self.services.kit, work, self._again)

    def terms(self) -> Response:
        """Accept the terms that were shown."""
        seen = self.look()

        def work() -> Response:
            if typed("accept") != "yes" and seen.step is Step.TERMS:
                raise InvalidRequestError("accept the terms to go on", field="accept")
            self._enrol.accept_terms(seen, typed("version"))
            return self.next()

        return attempt(self.services.kit, work, self._again)

    def pins(self) -> Response:
        """Set both PINs; keys are made in this request."""
        seen = self.look()

        def work() -> Response:
            if seen.step is not Step.PINS:
                raise ConflictError
            authentication, signature = pin_twice("authentication_pin"), pin_twice("signature_pin")
            self._enrol.set_pins(seen, authentication=authentication, signature=signature)
            return self.next()

        return attempt(self.services.kit, work, self._again)

    def certificates(self) -> Response:
        """Ask for the certificate once more."""
        seen = self.look()
        if seen.step is Step.CERTIFICATES:
            self._enrol.certify(seen.account.id)
        return self.next()

    def look(self) -> Enrolling:
        """Where the enrolment of this browser stands."""
        kept: dict[str, str] = session.get(COOKIE, {})
        held = kept.get("secret")
        return self._enrol.look(kept.get("link", ""), Secret(held) if held else None)

    def next(self, *, sent: bool = False) -> Response:
        """Show, by redirection, the page of whatever step comes now."""
        address = url_for("enrolment.current", sent="1") if sent else url_for("enrolment.current")
        return make_response(redirect(address, 303))

    def _again(self, status: int, errors: dict[str, str]) -> Response:
        return self._show(self.look(), status, errors)

    def _show(
        self, seen: Enrolling, status: int = 200, errors: dict[str, str] | None = None
    ) -> Response:
        apps = self.services.apps
        return self.services.kit.render(
            _PAGES[seen.step],
            status=status,
            errors=errors,
            here=url_for("enrolment.current"),
            phone=self.services.mask(seen.account.phone),
            sent="sent" in request.args,
            phone_only=seen.link.kind is LinkKind.PHONE,
            terms_version=self._enrol.rules.terms_version,
            policy=self._enrol.rules.pins,
            offer_app=apps is not None and not apps.is_enrolled(seen.account.id),
        )


class _App:
    """An authenticator app, offered once the enrolment is done."""

    def __init__(self, steps: _Steps, apps: Apps) -> None:
        self._steps = steps
        self._kit = steps.services.kit
        self._apps = apps

    def begin(self) -> Response:
        """Show a new seed; the one shown before stops working."""
        account = self._done().account
        made = self._apps.enrol(account.id, label=self._steps.services.mask(account.phone))
        return self._kit.render(
            "enrol_app.html", qr_svg=made.qr_svg, key=made.key.reveal(), uri=made.uri.reveal()
        )

    def confirm(self) -> Response:
        """Take the app into use with its first code."""
        seen = self._done()

        def work() -> Response:
            if not self._apps.confirm(seen.account.id, secret("code")):
                raise IncorrectCodeError
            return self._steps.next()

        def again(status: int, errors: dict[str, str]) -> Response:
            return self._kit.render("enrol_app.html", status=status, errors=errors)

        return attempt(self._kit, work, again)

    def _done(self) -> Enrolling:
        seen = self._steps.look()
        if (
            seen.step is not Step.DONE
            or seen.link.kind is LinkKind.PHONE
            or self._apps.is_enrolled(seen.account.id)
        ):
            raise ConflictError
        return seen
