"""Reads what people typed on the account pages, and shows a form again with what is wrong."""

from collections.abc import Callable
from typing import Final

from flask import Response, request

from api.web.kit import PageKit
from signer.domain.errors import (
    AccountStateError,
    ConflictError,
    IncorrectCodeError,
    IncorrectPINError,
    InvalidRequestError,
    RetryLaterError,
    SigningServiceError,
    UnavailableError,
)
from signer.domain.values import Secret

MENDABLE: Final = (
    InvalidRequestError,
    IncorrectPINError,
    IncorrectCodeError,
    RetryLaterError,
    AccountStateError,
    ConflictError,
)
"""Errors after which the same form is shown again; all others get a page of their own."""


def typed(name: str) -> str:
    """A form field without surrounding space; empty when it was not sent."""
    return request.form.get(name, "").strip()


def secret(name: str) -> Secret:
    """A form field that is a PIN or code; people may type spaces between its groups."""
    return Secret(request.form.get(name, "").replace(" ", ""))


def pin_twice(name: str) -> Secret:
    """A new PIN and its repetition; raises InvalidRequestError when they differ."""
    first = secret(name)
    if first != secret(f"{name}_again"):
        raise InvalidRequestError("type the same PIN twice", field=f"{name}_again")
    return first


def attempt(
    kit: PageKit,
    work: Callable[[], Response],
    again: Callable[[int, dict[str, str]], Response],
    *,
    pin_field: str = "pin",
) -> Response:
    """Do ``work``; after an error people can mend, ``again(status, errors)`` shows the form.

    A wrong PIN is shown at ``pin_field``, a wrong code at ``code``.
    """
    try:
        return work()
    except UnavailableError:
        raise
    except MENDABLE as error:
        status, texts = kit.errors_of(error)
        response = again(status, _placed(kit, error, texts, pin_field))
        if isinstance(error, RetryLaterError):
            response.headers["Retry-After"] = str(error.retry_after)
        return response


def _placed(
    kit: PageKit, error: SigningServiceError, texts: dict[str, str], pin_field: str
) -> dict[str, str]:
    whole = texts.get("", "")
    if isinstance(error, IncorrectPINError):
        return {pin_field: whole}
    if isinstance(error, IncorrectCodeError):
        return {"code": whole}
    if isinstance(error, InvalidRequestError) and error.field and error.field.endswith("_again"):
        return {error.field: kit.text("account.pin_differs")}
    return texts
