"""Delivery reports of the SMS gateway: whether a message arrived."""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from flask import Blueprint, Response, make_response, request

from signer.domain.errors import (
    ClientAuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
)
from signer.domain.values import Secret

CHANNEL: Final = "sms"
MAX_BYTES: Final = 64 * 1024
MAX_LENGTH: Final = 200


class Report(Protocol):
    """Notes what became of a message."""

    def __call__(self, channel: str, receipt: str, *, arrived: bool) -> bool:
        """False when unknown or known already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptServices:
    """What this door calls, and how the gateway writes its reports."""

    token: Secret | None
    """What the gateway shows; None refuses every report."""
    report: Report
    refused: Callable[[], None]
    """Records a refusal."""
    id_field: str
    status_field: str
    arrived: str
    lost: str


def blueprint(services: ReceiptServices) -> Blueprint:
    """The door at ``/api/v1/receipts``; raises ConfigurationError for a broken pattern."""
    door = Blueprint("receipts", __name__, url_prefix="/api/v1/receipts")
    arrived, lost = _pattern(services.arrived), _pattern(services.lost)

    @door.post("/sms")
    def sms() -> Response:
        """JSON or form, e.g. ``{"id": "gw-1", "status": "delivered"}``.

        Shown with ``Authorization: Bearer`` or as the password of HTTP Basic.  404 for an id that
        is unknown or was reported before: a report may come before the answer to the message,
        and gateways repeat what was not taken.
        """
        _demand_token(services)
        status = _member(services.status_field)
        is_lost = lost.fullmatch(status) is not None
        if not is_lost and arrived.fullmatch(status) is None:
            return make_response("", 204)  # "sent", "queued": nothing is decided yet
        if not services.report(CHANNEL, _member(services.id_field), arrived=not is_lost):
            raise NotFoundError("unknown, or reported before")
        return make_response("", 204)

    return door


def _demand_token(services: ReceiptServices) -> None:
    given = request.authorization
    shown = ((given.password if given.type == "basic" else given.token) or "") if given else ""
    expected = services.token.sha256() if services.token else ""
    if not hmac.compare_digest(Secret(shown).sha256(), expected):
        services.refused()
        raise ClientAuthenticationError("show the token agreed for delivery reports")


def _member(name: str) -> str:
    if (request.content_length or 0) > MAX_BYTES:
        raise InvalidRequestError(f"at most {MAX_BYTES} bytes", field="body")
    found: object = request.form.get(name)
    if request.is_json:
        body = request.get_json(silent=True)
        found = body.get(name) if isinstance(body, dict) else None
    text = str(found) if isinstance(found, str | int) else ""
    if not 1 <= len(text) <= MAX_LENGTH:
        raise InvalidRequestError(f"1 to {MAX_LENGTH} characters", field=name)
    return text


def _pattern(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise ConfigurationError(f"SMS reports: not a pattern: {error}") from error
