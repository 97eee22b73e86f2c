"""One line in the log for every refusal, from whichever door."""

import logging

import structlog

from signer.domain.errors import IntegrityAlarmError, SigningServiceError, UnavailableError

_LOG = structlog.get_logger(__name__)


def log_refusal(error: SigningServiceError) -> None:
    """Alarms are critical, faults of ours warnings, the rest information; never a detail."""
    level = logging.INFO
    if isinstance(error, IntegrityAlarmError):
        level = logging.CRITICAL
    elif isinstance(error, UnavailableError):
        level = logging.WARNING
    cause = repr(error.__cause__) if error.__cause__ is not None else None
    _LOG.log(level, "refused", error_code=error.code, cause=cause)


def log_unexpected(error: Exception) -> None:
    """What nobody foresaw, with its trace; shown to nobody."""
    _LOG.error("unexpected", kind=type(error).__name__, exc_info=error)
