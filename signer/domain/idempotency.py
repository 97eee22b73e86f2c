"""Repeating a request without doing it twice (Idempotency-Key)."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from signer.domain.errors import InvalidRequestError
from signer.domain.values import ClientId

KEPT: Final = timedelta(hours=24)
"""How long an answer is given again."""
ABANDONED: Final = timedelta(seconds=60)
"""An unfinished execution older than this belongs to a dead process."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentRequest:
    """A request and its key; the key belongs to the client, so clients never meet."""

    client: ClientId
    key: str
    """1 to 128 visible ASCII characters."""
    operation: str
    """Method and path, e.g. ``POST /api/v1/signatures``."""
    body_sha256: str
    """Hex SHA-256 of the body as received."""

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            msg = "1 to 128 visible ASCII characters"
            raise InvalidRequestError(msg, field="Idempotency-Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What was answered, byte for byte; never one that holds a secret."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Execution:
    """The right to execute the request now; ``id`` proves it when the answer is stored."""

    id: str
