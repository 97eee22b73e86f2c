"""Errors of the service as plain-text HTTP answers."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from flask import Response

from signer.domain.errors import RetryLaterError, SigningServiceError, UnavailableError

STATUS: Final[Mapping[type[SigningServiceError], HTTPStatus]] = MappingProxyType(
    {
        RetryLaterError: HTTPStatus.TOO_MANY_REQUESTS,
        UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
        SigningServiceError: HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)
"""By the nearest class above: what reaches this door from inside is never the caller's doing."""


def status_of(kind: type[SigningServiceError]) -> HTTPStatus:
    """Status for an error class."""
    return next(STATUS[one] for one in kind.__mro__ if one in STATUS)


def render(error: SigningServiceError) -> Response:
    """One line of text; Retry-After where trying again helps."""
    answer = plain(error.title, status_of(type(error)))
    if isinstance(error, RetryLaterError):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def plain(text: str, status: HTTPStatus) -> Response:
    """A text answer that nobody keeps."""
    answer = Response(f"{text}\n", status, mimetype="text/plain")
    answer.headers["Cache-Control"] = "no-store"
    return answer
