"""Everything that can go wrong, one class per thing a caller can act on.

Each door maps every leaf to its own wire form (``api/<door>/errors.py``); a test over all doors
finds gaps.  ``detail`` may be shown to the caller, ``__cause__`` is only logged.
"""

from collections.abc import Mapping
from typing import ClassVar


class SigningServiceError(Exception):
    """Root of all errors that cross a package boundary."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be completed"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title


# --- what the caller can mend -----------------------------------------------------------------


class InvalidRequestError(SigningServiceError):
    """A field is missing, malformed or out of range; ``field`` names it.

    Where several are wrong, ``fields`` has what is wrong with each and ``field`` is the first.
    """

    code = "request.invalid"
    title = "The request is not valid"

    def __init__(
        self,
        detail: str = "",
        *,
        field: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.fields = dict(fields or ({field: self.detail} if field else {}))
        self.field = field or next(iter(self.fields), None)


class DocumentRefusedError(InvalidRequestError):
    """A document is broken, hostile or of a kind that cannot be signed safely."""

    code = "document.refused"
    title = "The document cannot be signed"


class ClientAuthenticationError(SigningServiceError):
    """The calling program did not prove who it is (unknown, suspended and wrong look alike)."""

    code = "client.unauthenticated"
    title = "Client authentication failed"


class NotPermittedError(SigningServiceError):
    """The calling program is known, but its policy does not allow this."""

    code = "client.not_permitted"
    title = "This client may not do that"


class NotFoundError(SigningServiceError):
    """Unknown, or somebody else's: the two look alike."""

    code = "not_found"
    title = "There is no such thing here"


class ConflictError(SigningServiceError):
    """The thing exists already or is in a state that does not allow this."""

    code = "conflict"
    title = "That conflicts with what is already here"


class DuplicateIdentityError(ConflictError):
    """An account for this identity document exists already."""

    code = "account.duplicate_identity"
    title = "An account for this identity document exists already"


class DuplicatePhoneError(ConflictError):
    """An account with this phone number exists already."""

    code = "account.duplicate_phone"
    title = "An account with this phone number exists already"


class IdempotencyConflictError(ConflictError):
    """The same Idempotency-Key came with another body."""

    code = "idempotency.conflict"
    title = "This Idempotency-Key was used with another request"


class AttributeNotHeldError(SigningServiceError):
    """The citizen does not hold a required professional attribute (told only after the PIN)."""

    code = "attribute_not_held"
    title = "The citizen does not hold the required attribute"


class PINPolicyError(InvalidRequestError):
    """A new PIN is too short, too long, too common or derived from personal data."""

    code = "pin.policy"
    title = "Choose another PIN"


# --- authorisation -----------------------------------------------------------------------------


class IncorrectPINError(SigningServiceError):
    """The PIN is wrong, the account locked, closed or unknown: one answer on purpose."""

    code = "pin.incorrect"
    title = "The number or the PIN is not right"


class IncorrectCodeError(SigningServiceError):
    """The one-time code is wrong, old, spent or locked."""

    code = "code.incorrect"
    title = "The code is not right"


class AuthorisationRefusedError(SigningServiceError):
    """A SAD or handle is unknown, spent, expired, or bound to something else.

    One class on purpose: telling these apart would help only an attacker.
    The audit log records which it was.
    """

    code = "authorisation.refused"
    title = "The authorisation was refused"


class TransactionEndedError(SigningServiceError):
    """The transaction is finished, refused, cancelled, failed or expired."""

    code = "transaction.ended"
    title = "This transaction has ended"


class AccountStateError(SigningServiceError):
    """After a right PIN: the account or certificate cannot sign now (suspended, expired)."""

    code = "account.state"
    title = "The account cannot sign now"


class SignatureInactiveError(AccountStateError):
    """The account has no certificate in force that this door can sign with."""

    code = "account.signature_inactive"
    title = "The account has no active signature"


class SignaturePausedError(AccountStateError):
    """Signing is paused for this account."""

    code = "account.signature_paused"
    title = "Signing is paused for this account"


class PINsMustChangeError(AccountStateError):
    """Nothing is signed until the citizen has set new PINs."""

    code = "account.pins_must_change"
    title = "The PINs must be changed before the next signature"


class SignaturePINMustChangeError(AccountStateError):
    """Nothing is signed until the citizen has set a new signature PIN."""

    code = "account.signature_pin_must_change"
    title = "The signature PIN must be changed before the next signature"


# --- too much ----------------------------------------------------------------------------------


class RetryLaterError(SigningServiceError):
    """Try again after ``retry_after`` seconds; nothing was counted."""

    code = "retry_later"
    title = "Try again later"

    def __init__(self, detail: str = "", *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class BusyError(RetryLaterError):
    """Another check for the same PIN or code is running."""

    code = "busy"
    title = "Another attempt is being checked"


class RateLimitedError(RetryLaterError):
    """Too many requests of this kind."""

    code = "rate_limited"
    title = "Too many requests"


# --- faults of ours ----------------------------------------------------------------------------


class UnavailableError(RetryLaterError):
    """A part of the service does not answer: never the caller's error."""

    code = "unavailable"
    title = "The service is not available now"


class QSCDUnavailableError(UnavailableError):
    """The signature device does not answer."""

    code = "qscd.unavailable"
    title = "The signature device is not available now"


class StoreUnavailableError(UnavailableError):
    """The database does not answer."""

    code = "store.unavailable"
    title = "The database is not available now"


class ChannelUnavailableError(UnavailableError):
    """No channel could take the message."""

    code = "channel.unavailable"
    title = "The message could not be sent"


class TimestampUnavailableError(UnavailableError):
    """No acceptable time-stamp token could be had."""

    code = "timestamp.unavailable"
    title = "The time-stamping authority is not available now"


class RevocationUnavailableError(UnavailableError):
    """A certificate's revocation status could not be had, so the level cannot be reached now."""

    code = "revocation.unavailable"
    title = "Revocation data is not available now"


class CertificateAuthorityUnavailableError(UnavailableError):
    """The certificate could not be issued now; issuing is retryable."""

    code = "ca.unavailable"
    title = "The certificate authority is not available now"


class AttributeSourceUnavailableError(UnavailableError):
    """The professional body's data could not be asked."""

    code = "attributes.unavailable"
    title = "The attribute provider is not available now"


class IntegrityAlarmError(SigningServiceError):
    """Something sealed did not open after a matching claim, or a made signature did not verify.

    Never expected in normal operation: raises an alarm, releases nothing.
    """

    code = "integrity.alarm"
    title = "An internal integrity check failed"


class ConfigurationError(SigningServiceError):
    """A setting, token or key is missing or deviates; the text says cause and fix."""

    code = "configuration"
    title = "The service is not configured correctly"
