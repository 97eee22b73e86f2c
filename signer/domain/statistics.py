"""What is counted for public figures: steps of a transaction, never who took them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum, unique


@unique
class CountedEvent(StrEnum):
    """Steps from request to answer."""

    ASKED = "asked"
    PAGE_SHOWN = "page_shown"
    CODE_SENT = "code_sent"
    CODE_DELIVERED = "code_delivered"
    CODE_ENTERED = "code_entered"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """How often something happened on one UTC day."""

    day: date
    event: CountedEvent
    channel: str
    """Channel of the code, or empty where none is involved yet."""
    client: str
    count: int
