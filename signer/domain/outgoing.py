"""Messages on their way out: what the outbox holds, and where a failed one goes next."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from signer.domain.values import ClientId, length_prefixed, to_microseconds

NOBODY: Final = ClientId("")


@unique
class MessageKind(StrEnum):
    """What a message carries; codes go first when the outbox is busy."""

    CODE = "code"
    LINK = "link"
    NOTICE = "notice"
    WEBHOOK = "webhook"

    @property
    def priority(self) -> int:
        """Lower goes first."""
        return tuple(MessageKind).index(self)


@unique
class MessageState(StrEnum):
    """Life of a message; only QUEUED can still be sent."""

    QUEUED = "queued"
    """Waiting, or claimed by a worker whose lease runs."""
    SENT = "sent"
    """A channel accepted it; its body is erased."""
    DELIVERED = "delivered"
    """The channel reported that it arrived."""
    UNDELIVERED = "undelivered"
    """The channel reported that it did not arrive."""
    CANCELLED = "cancelled"
    """Replaced by a newer one or no longer wanted, before it was sent."""
    EXPIRED = "expired"
    DEAD = "dead"
    """Every channel refused it, or too many attempts: an operator may look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message, its body already encrypted: written in the transaction that causes it."""

    id: str
    """UUIDv4, stable over retries: idempotency key and e-mail Message-ID."""
    kind: MessageKind
    channels: tuple[str, ...]
    """Order of fall-back; the addresses are inside the body."""
    body: bytes = field(repr=False)
    """Protected under MK_field, purpose ``outbox``, with :meth:`aad`."""
    created_at: datetime
    expires_at: datetime
    """End of the code's or link's life: never sent after, body erased."""
    subject: str = ""
    """Signer id, for audit."""
    client: ClientId = NOBODY
    """Who asked; for webhooks whose secret signs."""
    process: str = ""
    """Public transaction or challenge id; of a process's codes only the newest is sent."""

    def __post_init__(self) -> None:
        if not self.channels or any("," in name or not name for name in self.channels):
            msg = "a message needs at least one channel, and channel names have no comma"
            raise ValueError(msg)

    @property
    def channel(self) -> str:
        """The channel tried first."""
        return self.channels[0]

    def aad(self) -> bytes:
        """What the encrypted body is bound to, so that bodies cannot be swapped between rows."""
        return length_prefixed(
            "chancela-outbox/1",
            self.id,
            self.kind,
            ",".join(self.channels),
            self.subject,
            self.client,
            self.process,
            to_microseconds(self.expires_at),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which channels may still carry a message, and which is next."""

    channels: tuple[str, ...]
    position: int = 0
    round: int = 0
    """How often every channel was tried in vain."""

    @property
    def channel(self) -> str:
        """The channel to try now."""
        return self.channels[self.position]

    def after_temporary_failure(self) -> "Route":
        """Fall back to the next channel; after the last one a new round begins."""
        if self.position + 1 < len(self.channels):
            return replace(self, position=self.position + 1)
        return replace(self, position=0, round=self.round + 1)

    def after_permanent_failure(self) -> "Route | None":
        """Forget this channel; None when no other is left."""
        left = self.channels[: self.position] + self.channels[self.position + 1 :]
        if not left:
            return None
        if self.position < len(left):
            return replace(self, channels=left)
        return Route(channels=left, round=self.round + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedMessage:
    """A message one worker may handle until its lease ends."""

    message: OutgoingMessage
    route: Route
    attempts: int
    """Claims so far, this one included; a killed worker's claim counts."""
    lease: str = field(repr=False)
    """Drawn at the claim; whoever lost it cannot mark the message any more."""
    leased_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a message: for evidence, audit and the operator's page."""

    id: str
    kind: MessageKind
    state: MessageState
    subject: str
    client: ClientId
    process: str
    channel: str
    """The channel that took it; empty before."""
    receipt: str
    """The gateway's id for it, may be empty."""
    attempts: int
    created_at: datetime
    ended_at: datetime | None
    """When it was accepted, reported, cancelled, expired or given up."""


_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = {
    MessageKind.CODE: timedelta(seconds=20),
    MessageKind.LINK: timedelta(minutes=10),
    MessageKind.NOTICE: timedelta(minutes=10),
    MessageKind.WEBHOOK: timedelta(hours=1),
}


def pause_before(kind: MessageKind, rounds: int, jitter: float) -> timedelta:
    """Back-off after ``rounds`` rounds in vain: doubling, capped, between half and whole.

    ``jitter`` is in [0, 1); round 0 (another channel is left) waits for nothing.
    """
    if rounds < 1:
        return timedelta()
    doubled: int = 1 << min(rounds - 1, 20)
    pause = min(_FIRST_PAUSE * doubled, _LONGEST_PAUSE[kind])
    return pause * (0.5 + jitter / 2)
