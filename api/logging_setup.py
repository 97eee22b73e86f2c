"""Logging, set up once per process: one line per event on stderr, nothing secret in it.

Secrets must not be logged in the first place; what gets this far by mistake is taken out here.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Final, Literal, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

STARS: Final = "***"

_SECRET_NAMES: Final = (
    "pin",
    "pins",
    "code",
    "otp",
    "totp",
    "sad",
    "handle",
    "secret",
    "password",
    "passphrase",
    "authorization",
    "cookie",
    "token",
)
_ENDINGS: Final = tuple(f"_{name}" for name in _SECRET_NAMES if name != "code")
_PHONE: Final = re.compile(r"(?:\+|%2[Bb]|\b00)[0-9][0-9 .-]{6,17}[0-9]|\b9[0-9]{8}\b")
_ASSIGNED: Final = re.compile(
    rf"(?i)\b((?:[a-z]+_)?(?:{'|'.join(_SECRET_NAMES)})[\"']?\s*[=:]\s*)"
    r"(?:(?:basic|bearer)\s+)?(\"[^\"]*\"|'[^']*'|[^\s,;&\"'})\]]+)"
)
_LINK: Final = re.compile(r"(/(?:sign|enrol|link|account)/)[A-Za-z0-9_-]{16,}")


def configure_logging(
    *,
    form: Literal["console", "json"],
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    stream: TextIO | None = None,
) -> None:
    """Send structlog and the standard library's logging through one redacting chain."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # A plain trace: tracebacks with local variables would show PINs.
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in ("httpx", "httpcore", "alembic"):
        logging.getLogger(library).setLevel(logging.WARNING)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values of secret names by stars and mask phone numbers, at any depth."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: object) -> object:
    lowered = name.lower()
    if lowered in _SECRET_NAMES or lowered.endswith(_ENDINGS):
        return STARS
    if isinstance(value, Mapping):
        return {str(key): _clean(str(key), member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", member) for member in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redacted_text(str(value))


def redacted_text(text: str) -> str:
    """A text without values that are assigned to secret names, links and whole phone numbers."""
    text = _ASSIGNED.sub(rf"\1{STARS}", text)
    text = _LINK.sub(rf"\1{STARS}", text)
    return _PHONE.sub(lambda found: f"•••{found[0][-3:]}", text)
