"""The page kit of every door with pages: layout, language, security headers, form errors.

Pages are rendered here on the server, need no JavaScript, load nothing from elsewhere, and post
only to ourselves.
"""

import secrets
from collections.abc import Mapping
from typing import Final, final

from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    g,
    make_response,
    render_template,
    request,
)
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect  # type: ignore[import-untyped]  # no stubs exist
from werkzeug.exceptions import HTTPException

from api.error_log import log_refusal, log_unexpected
from api.web.errors import page_of
from signer.domain.errors import InvalidRequestError, RetryLaterError, SigningServiceError
from signer.texts import LOCALES, Texts

LANGUAGE_COOKIE: Final = "lang"
_YEAR_SECONDS: Final = 365 * 24 * 3600
_MAX_FORM_BYTES: Final = 64 * 1024


class _Sessions(SecureCookieSessionInterface):
    """Programs send no cookie, and then nothing is made ready to read one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of the cookie, or an empty one."""
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


@final
class PageKit:
    """Made once by wiring; :meth:`install` it, then :meth:`guard` each blueprint with pages."""

    def __init__(self, texts: Texts, *, demo: bool, secure_cookies: bool) -> None:
        self.texts = texts
        self.demo = demo
        self._secure_cookies = secure_cookies
        self._csrf = CSRFProtect()

    def install(self, app: Flask, *, secret_key: str) -> None:
        """Register layout and style, and sign this application's cookies with ``secret_key``."""
        app.config.update(
            SECRET_KEY=secret_key,
            SESSION_COOKIE_NAME="chancela",
            SESSION_COOKIE_HTTPONLY=True,
            SESSION_COOKIE_SAMESITE="Lax",
            SESSION_COOKIE_SECURE=self._secure_cookies,
            WTF_CSRF_CHECK_DEFAULT=False,  # doors of programs have no cookies; pages call guard()
            WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        )
        app.session_interface = _Sessions()
        self._csrf.init_app(app)
        app.register_blueprint(
            Blueprint(
                "kit",
                __name__,
                template_folder="templates",
                static_folder="static",
                static_url_path="/assets",
            )
        )

    def guard(self, door: Blueprint) -> Blueprint:
        """Give a blueprint CSRF checks, headers, language and error pages."""

        @door.before_request
        def _before() -> None:
            request.max_content_length = _MAX_FORM_BYTES
            g.csp_nonce = secrets.token_urlsafe(16)
            g.form_targets = ["'self'"]
            self._csrf.protect()

        @door.after_request
        def _after(response: Response) -> Response:
            return self._headers(response)

        @door.errorhandler(SigningServiceError)
        def _ours(error: SigningServiceError) -> Response:
            log_refusal(error)
            return self.error_page(error)

        @door.errorhandler(Exception)
        def _unexpected(error: Exception) -> Response:
            log_unexpected(error)
            return self.render("error.html", status=500, message=self.text("error.ours"))

        @door.errorhandler(CSRFError)
        def _forged(_error: CSRFError) -> Response:
            return self.render("error.html", status=400, message=self.text("error.csrf"))

        @door.errorhandler(HTTPException)
        def _http(error: HTTPException) -> Response:
            status = error.code or 500
            msgid = "error.not_found" if status in {404, 405} else "error.invalid"
            return self.render("error.html", status=status, message=self.text(msgid))

        return door

    @property
    def locale(self) -> str:
        """Language of this request: ``?lang=``, then the cookie, then what the browser prefers."""
        for wanted in (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
            if wanted in LOCALES:
                return wanted
        return request.accept_languages.best_match(LOCALES) or LOCALES[0]

    def text(self, msgid: str, /, **values: object) -> str:
        """A text in the language of this request."""
        return self.texts.get(self.locale).format(msgid, **values)

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        errors: Mapping[str, str] | None = None,
        **context: object,
    ) -> Response:
        """Render with ``t``, ``locale``, ``demo``, ``csp_nonce`` and ``errors`` (field → text)."""
        page = render_template(
            template,
            t=self.text,
            locale=self.locale,
            locales=LOCALES,
            demo=self.demo,
            csp_nonce=g.get("csp_nonce", ""),
            errors=dict(errors or {}),
            **context,
        )
        return make_response(page, status)

    def errors_of(self, error: SigningServiceError) -> tuple[int, dict[str, str]]:
        """Status and field → text, for showing the form again; key ``""`` is the whole form."""
        status, msgid = page_of(error)
        field = error.field or "" if isinstance(error, InvalidRequestError) else ""
        wait = error.retry_after if isinstance(error, RetryLaterError) else 0
        return status, {field: self.text(msgid, seconds=wait)}

    def error_page(self, error: SigningServiceError) -> Response:
        """A page that only says what went wrong."""
        status, texts = self.errors_of(error)
        response = self.render("error.html", status=status, message=next(iter(texts.values())))
        if isinstance(error, RetryLaterError):
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    @staticmethod
    def allow_form_target(origin: str) -> None:
        """Let this page's form end, by redirection, at ``origin`` (``https://host:port``)."""
        g.form_targets.append(origin)

    def _headers(self, response: Response) -> Response:
        nonce = g.get("csp_nonce", "")
        targets = " ".join(g.get("form_targets", ["'self'"]))
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'self'; img-src 'self' data:; "
            f"script-src 'nonce-{nonce}'; connect-src 'self'; form-action {targets}; "
            f"base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        response.headers["Cache-Control"] = "no-store"
        wanted = request.args.get("lang")
        if wanted in LOCALES:
            response.set_cookie(
                LANGUAGE_COOKIE,
                wanted,
                max_age=_YEAR_SECONDS,
                samesite="Lax",
                httponly=True,
                secure=self._secure_cookies,
            )
        return response
