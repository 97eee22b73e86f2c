"""Status codes of the CMD contract, and which text goes with them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from signer.domain import errors
from signer.domain.cmd_process import Refusal
from signer.operations.cmd.finish import PENDING

OK: Final = "200"
NOT_YET: Final = "102"
GENERIC: Final = "900"
TOO_MANY: Final = Refusal(reason="documents.too_many")
"""More documents than one call may bring."""

CODES: Final[Mapping[type[errors.SigningServiceError], str]] = MappingProxyType(
    {
        errors.InvalidRequestError: "800",
        errors.DocumentRefusedError: "800",
        errors.PINPolicyError: "800",
        errors.ClientAuthenticationError: GENERIC,
        errors.NotPermittedError: GENERIC,
        errors.NotFoundError: GENERIC,
        errors.ConflictError: GENERIC,
        errors.DuplicateIdentityError: GENERIC,
        errors.DuplicatePhoneError: GENERIC,
        errors.IdempotencyConflictError: GENERIC,
        errors.AttributeNotHeldError: GENERIC,
        errors.IncorrectPINError: "801",
        errors.IncorrectCodeError: "802",
        errors.AuthorisationRefusedError: "802",
        errors.TransactionEndedError: "816",
        errors.AccountStateError: "817",
        errors.SignatureInactiveError: "817",
        errors.SignaturePausedError: "817",
        errors.PINsMustChangeError: "901",
        errors.SignaturePINMustChangeError: "902",
        errors.RetryLaterError: GENERIC,
        errors.BusyError: "500",
        errors.RateLimitedError: GENERIC,
        errors.UnavailableError: "500",
        errors.QSCDUnavailableError: "500",
        errors.StoreUnavailableError: "500",
        errors.ChannelUnavailableError: "500",
        errors.TimestampUnavailableError: "500",
        errors.RevocationUnavailableError: "500",
        errors.CertificateAuthorityUnavailableError: "500",
        errors.AttributeSourceUnavailableError: "500",
        errors.IntegrityAlarmError: "500",
        errors.ConfigurationError: "500",
    }
)
"""Never 0 and never 1000 or more: the desktop program takes those for success."""

_BY_REASON: Final = MappingProxyType(
    {
        **{kind.code: code for kind, code in CODES.items()},
        PENDING.reason: NOT_YET,
        TOO_MANY.reason: GENERIC,
    }
)
_OWN_TEXT: Final = MappingProxyType(
    {
        TOO_MANY.reason: "cmd.too-many-documents",
        errors.RateLimitedError.code: "cmd.too-many-requests",
    }
)


def status_of(refusal: Refusal | None, *, legacy: bool) -> tuple[str, str]:
    """Code and id of its text.

    The legacy service tells an account without a certificate in force by 900 and a literal text
    that old desktop programs compare.
    """
    if refusal is None:
        return OK, "cmd.200"
    if legacy and refusal.reason == errors.SignatureInactiveError.code:
        return GENERIC, "cmd.no-active-signature"
    code = _BY_REASON.get(refusal.reason, "500")
    return code, _OWN_TEXT.get(refusal.reason, f"cmd.{code}")
