"""How each error looks on the native API: RFC 9457 problem details, one rendering per error."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flask import Response, jsonify

from signer.domain import errors

STATUS: Final[Mapping[type[errors.SigningServiceError], int]] = MappingProxyType(
    {
        errors.InvalidRequestError: 400,
        errors.DocumentRefusedError: 422,
        errors.PINPolicyError: 422,
        errors.ClientAuthenticationError: 401,
        errors.NotPermittedError: 403,
        errors.NotFoundError: 404,
        errors.ConflictError: 409,
        errors.DuplicateIdentityError: 409,
        errors.DuplicatePhoneError: 409,
        errors.IdempotencyConflictError: 422,
        errors.AttributeNotHeldError: 403,
        errors.IncorrectPINError: 403,
        errors.IncorrectCodeError: 403,
        errors.AuthorisationRefusedError: 403,
        errors.TransactionEndedError: 410,
        errors.AccountStateError: 403,
        errors.SignatureInactiveError: 403,
        errors.SignaturePausedError: 403,
        errors.PINsMustChangeError: 403,
        errors.SignaturePINMustChangeError: 403,
        errors.RetryLaterError: 429,
        errors.BusyError: 429,
        errors.RateLimitedError: 429,
        errors.UnavailableError: 503,
        errors.QSCDUnavailableError: 503,
        errors.StoreUnavailableError: 503,
        errors.ChannelUnavailableError: 503,
        errors.TimestampUnavailableError: 503,
        errors.RevocationUnavailableError: 503,
        errors.CertificateAuthorityUnavailableError: 503,
        errors.AttributeSourceUnavailableError: 503,
        errors.IntegrityAlarmError: 500,
        errors.ConfigurationError: 500,
    }
)

PROBLEM_JSON: Final = "application/problem+json"


def problem(error: errors.SigningServiceError, request_id: str) -> Response:
    """``{code, title, detail, status, field?, fields?, request_id}``; our faults say no detail."""
    status = STATUS[type(error)]
    body: dict[str, str | int | dict[str, str]] = {
        "type": "about:blank",
        "code": error.code,
        "title": error.title,
        "detail": error.detail if status < 500 else error.title,  # noqa: PLR2004 - HTTP's own line
        "status": status,
        "request_id": request_id,
    }
    if isinstance(error, errors.InvalidRequestError) and error.field:
        body["field"] = error.field
    if isinstance(error, errors.InvalidRequestError) and len(error.fields) > 1:
        body["fields"] = error.fields
    response = jsonify(body)
    response.status_code = status
    response.mimetype = PROBLEM_JSON
    if isinstance(error, errors.RetryLaterError):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.ClientAuthenticationError):
        response.headers["WWW-Authenticate"] = 'Basic realm="chancela", charset="UTF-8"'
    return response
