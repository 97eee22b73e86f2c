"""How each error looks on a page: HTTP status and the id of the text people read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from signer.domain import errors

PAGES: Final[Mapping[type[errors.SigningServiceError], tuple[int, str]]] = MappingProxyType(
    {
        errors.InvalidRequestError: (422, "error.invalid"),
        errors.DocumentRefusedError: (422, "error.invalid"),
        errors.ClientAuthenticationError: (401, "error.refused"),
        errors.NotPermittedError: (403, "error.refused"),
        errors.NotFoundError: (404, "error.not_found"),
        errors.ConflictError: (409, "error.conflict"),
        errors.DuplicateIdentityError: (409, "error.conflict"),
        errors.DuplicatePhoneError: (409, "error.conflict"),
        errors.IdempotencyConflictError: (409, "error.conflict"),
        errors.AttributeNotHeldError: (403, "error.attribute_not_held"),
        errors.PINPolicyError: (422, "error.pin_policy"),
        errors.IncorrectPINError: (403, "error.pin"),
        errors.IncorrectCodeError: (403, "error.code"),
        errors.AuthorisationRefusedError: (403, "error.refused"),
        errors.TransactionEndedError: (410, "error.ended"),
        errors.AccountStateError: (403, "error.account_state"),
        errors.SignatureInactiveError: (403, "error.account_state"),
        errors.SignaturePausedError: (403, "error.account_state"),
        errors.PINsMustChangeError: (403, "error.account_state"),
        errors.SignaturePINMustChangeError: (403, "error.account_state"),
        errors.RetryLaterError: (429, "error.wait"),
        errors.BusyError: (429, "error.wait"),
        errors.RateLimitedError: (429, "error.wait"),
        errors.UnavailableError: (503, "error.unavailable"),
        errors.QSCDUnavailableError: (503, "error.unavailable"),
        errors.StoreUnavailableError: (503, "error.unavailable"),
        errors.ChannelUnavailableError: (503, "error.unavailable"),
        errors.TimestampUnavailableError: (503, "error.unavailable"),
        errors.RevocationUnavailableError: (503, "error.unavailable"),
        errors.CertificateAuthorityUnavailableError: (503, "error.unavailable"),
        errors.AttributeSourceUnavailableError: (503, "error.unavailable"),
        errors.IntegrityAlarmError: (500, "error.ours"),
        errors.ConfigurationError: (500, "error.ours"),
    }
)


def page_of(error: errors.SigningServiceError) -> tuple[int, str]:
    """Status and text id; a class without an entry looks like its nearest parent's."""
    for ancestor in type(error).__mro__:
        if ancestor in PAGES:
            return PAGES[ancestor]
    return 500, "error.ours"
