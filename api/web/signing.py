"""The page where a citizen sees what is asked and types PIN and code."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, redirect, request, url_for

from api.error_log import log_refusal
from api.web.kit import PageKit
from signer.domain.account import Account
from signer.domain.errors import (
    IncorrectCodeError,
    IncorrectPINError,
    InvalidRequestError,
    NotFoundError,
    RetryLaterError,
    RevocationUnavailableError,
    SigningServiceError,
    TimestampUnavailableError,
    TransactionEndedError,
)
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import Secret
from signer.operations.signing.code_entry import EnterCode
from signer.operations.signing.ending import EndSigning, FindTransaction
from signer.operations.signing.pin_entry import EnterPIN
from signer.operations.signing.resending import ResendCode
from signer.ports import Clock

HANDLE_COOKIE: Final = "handle"
_AT_FIELD: Final = (InvalidRequestError, IncorrectPINError, IncorrectCodeError)
_AWAITING: Final = (TransactionState.CREATED, TransactionState.ASKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningPage:
    """What this page calls."""

    kit: PageKit
    find: FindTransaction
    shown: Callable[[Transaction], None]
    """Counts and records that the request was shown."""
    enter_pin: EnterPIN
    enter_code: EnterCode
    resend: ResendCode
    end: EndSigning
    account_of: Callable[[Transaction], Account | None]
    mask: Callable[[str], str]
    label_of: Callable[[str, str, str], str]
    """Provider, role, locale to the words people know."""
    clock: Clock
    secure_cookies: bool


def blueprint(page: SigningPage) -> Blueprint:
    """The pages at ``/sign/<token>``."""
    door = page.kit.guard(Blueprint("signing", __name__, url_prefix="/sign"))

    @door.get("/<token>")
    def show(token: str) -> Response:
        transaction = _found(page, token)
        if transaction.state is TransactionState.CREATED:
            page.shown(transaction)
        return _render(page, transaction, token)

    @door.post("/<token>/pin")
    def pin(token: str) -> Response:
        return _enter_pin(page, token)

    @door.post("/<token>/code")
    def code(token: str) -> Response:
        return _enter_code(page, token)

    @door.post("/<token>/resend")
    def resend(token: str) -> Response:
        return _resend(page, token)

    return door


def _enter_pin(page: SigningPage, token: str) -> Response:
    transaction = _found(page, token)
    if _refused(page, transaction):
        return _back(token)
    try:
        entered = page.enter_pin(transaction, _field("pin"))
    except TransactionEndedError:
        return _back(token)
    except SigningServiceError as error:
        return _again(page, token, error, "pin")
    response = _back(token)
    response.set_cookie(
        HANDLE_COOKIE,
        entered.handle.reveal(),
        path=url_for("signing.show", token=token),
        httponly=True,
        secure=page.secure_cookies,
        samesite="Strict",
    )
    return response


def _enter_code(page: SigningPage, token: str) -> Response:
    transaction = _found(page, token)
    if _refused(page, transaction):
        return _back(token)
    try:
        page.enter_code(transaction, _handle(), _field("code"))
    except (
        TransactionEndedError,
        TimestampUnavailableError,
        RevocationUnavailableError,
    ):
        # The page itself says how it stands: ended, or signed and awaiting its time-stamp.
        return _back(token)
    except SigningServiceError as error:
        return _again(page, token, error, "code")
    return _back(token)


def _resend(page: SigningPage, token: str) -> Response:
    transaction = _found(page, token)
    try:
        page.resend(transaction, _handle(), channel=request.form.get("channel") or None)
    except TransactionEndedError:
        return _back(token)
    except SigningServiceError as error:
        return _again(page, token, error, "")
    return _back(token)


def _found(page: SigningPage, token: str) -> Transaction:
    """Past its time it looks expired, also before the worker ends it."""
    found = page.find.for_page(Secret(token).sha256())
    if found.state in _AWAITING and found.expires_at <= page.clock.now():
        return replace(found, state=TransactionState.EXPIRED)
    return found


def _refused(page: SigningPage, transaction: Transaction) -> bool:
    if request.form.get("answer") != "refuse":
        return False
    # Ended meanwhile: the page says so.
    with suppress(TransactionEndedError):
        page.end(transaction, TransactionState.REFUSED)
    return True


def _field(name: str) -> Secret:
    value = request.form.get(name, "").strip().replace(" ", "")
    if not value.isascii() or not value.isdigit() or not 4 <= len(value) <= 8:  # noqa: PLR2004 - CMD
        raise InvalidRequestError("digits only", field=name)
    return Secret(value)


def _handle() -> Secret:
    handle = request.cookies.get(HANDLE_COOKIE, "")
    if not handle:
        raise NotFoundError
    return Secret(handle)


def _back(token: str) -> Response:
    """See Other: a reload never posts again."""
    response = redirect(url_for("signing.show", token=token), 303)
    return Response(response.get_data(), 303, response.headers)


def _again(page: SigningPage, token: str, error: SigningServiceError, field: str) -> Response:
    """The page as it stands now, with what was wrong: at the field that can mend it."""
    log_refusal(error)
    status, texts = page.kit.errors_of(error)
    mendable = field if isinstance(error, _AT_FIELD) else ""
    errors = dict.fromkeys((mendable,), next(iter(texts.values())))
    response = _render(page, _found(page, token), token, errors=errors, status=status)
    if isinstance(error, RetryLaterError):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _render(
    page: SigningPage,
    transaction: Transaction,
    token: str,
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    state = transaction.state
    if state is TransactionState.ASKED and not _holds_handle(transaction):
        template = "sign_elsewhere.html"
    else:
        template = _TEMPLATES.get(state, "sign_ended.html")
    # Before a right PIN nothing may tell whether the phone has an account.
    account = page.account_of(transaction) if state is not TransactionState.CREATED else None
    locale = page.kit.locale
    return_url = _return_url(transaction)
    if return_url:
        parts = urlsplit(return_url)
        page.kit.allow_form_target(f"{parts.scheme}://{parts.netloc}")
    return page.kit.render(
        template,
        status=status,
        errors=errors,
        token=token,
        here=url_for("signing.show", token=token),
        transaction=transaction,
        phone=page.mask(account.phone) if account else "",
        channels=[name for name in (account.channels if account else ()) if name != "totp"],
        required=[
            page.label_of(one.provider, one.role, locale) for one in transaction.required_attributes
        ],
        return_url=return_url,
    )


_TEMPLATES: Final = {
    TransactionState.CREATED: "sign_pin.html",
    TransactionState.ASKED: "sign_code.html",
    TransactionState.CLAIMED: "sign_working.html",
    TransactionState.COMPLETING: "sign_working.html",
    TransactionState.SIGNED: "sign_done.html",
}


def _holds_handle(transaction: Transaction) -> bool:
    handle = request.cookies.get(HANDLE_COOKIE, "")
    return bool(handle) and Secret(handle).sha256() == transaction.handle_sha256


def _return_url(transaction: Transaction) -> str:
    """The client's registered address with what happened, never with a secret."""
    if transaction.callback_url is None or not transaction.state.has_ended:
        return ""
    query = urlencode({"signature": transaction.id, "state": transaction.state.value})
    joint = "&" if urlsplit(transaction.callback_url).query else "?"
    return f"{transaction.callback_url}{joint}{query}"
