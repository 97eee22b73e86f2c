"""A call of the CMD doors as it is kept for ten years: without secrets."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

RETENTION: Final = timedelta(days=3653)
"""Ten years with their leap days (integration rules of the service, archive of requests)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedExchange:
    """One request and its answer, redacted."""

    id: str
    at: datetime
    service: str
    operation: str
    client: str
    """Empty: an application nobody knows."""
    transaction: str
    """Public id; empty when no transaction belongs to it."""
    request: str
    response: str
