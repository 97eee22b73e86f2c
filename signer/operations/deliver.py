"""Sends what the outbox holds: one pass claims, opens, sends and marks."""

import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from signer.domain.audit import AuditEvent, AuditRecord, Fact
from signer.domain.errors import (
    ChannelUnavailableError,
    IntegrityAlarmError,
    InvalidRequestError,
    QSCDUnavailableError,
)
from signer.domain.outgoing import ClaimedMessage, Delivery, MessageKind, Route, pause_before
from signer.operations.breaker import Breaker
from signer.operations.outgoing import PURPOSE, message_for
from signer.ports import Channel, Clock, KeyVault, Statistics

_LOG = logging.getLogger(__name__)

_SENT = {
    MessageKind.CODE: AuditEvent.CODE_DELIVERED,
    MessageKind.LINK: AuditEvent.NOTICE_SENT,
    MessageKind.NOTICE: AuditEvent.NOTICE_SENT,
    MessageKind.WEBHOOK: AuditEvent.WEBHOOK_DELIVERED,
}
_LOST = {**_SENT, MessageKind.CODE: AuditEvent.CODE_UNDELIVERED}


class Outbox(Protocol):
    """The messages waiting; every change is conditional on the claim still standing."""

    def claim(
        self, limit: int, lease: timedelta, kinds: Collection[MessageKind]
    ) -> tuple[ClaimedMessage, ...]:
        """Due messages, exclusively until now + ``lease``."""
        ...

    def holds(self, claimed: ClaimedMessage) -> bool:
        """Whether the claim still stands (not cancelled, lease not taken over)."""
        ...

    def mark_sent(
        self, claimed: ClaimedMessage, channel: str, receipt: str, *, audit: AuditRecord
    ) -> bool:
        """Accepted by ``channel``; erases the body."""
        ...

    def mark_dead(self, claimed: ClaimedMessage, *, audit: AuditRecord) -> bool:
        """Given up; erases the body."""
        ...

    def retry(self, claimed: ClaimedMessage, route: Route, due_at: datetime) -> bool:
        """Back in the queue."""
        ...

    def expire(self, audit: Callable[[Delivery], AuditRecord]) -> tuple[Delivery, ...]:
        """End what is too old; erases the bodies."""
        ...

    def record_delivery(
        self,
        channel: str,
        receipt: str,
        *,
        arrived: bool,
        audit: Callable[[Delivery], AuditRecord],
    ) -> Delivery | None:
        """Note a gateway's report, once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """How long and how often."""

    batch: int = 8
    lease: timedelta = timedelta(seconds=120)
    """Longer than a batch can take: batch times the slowest channel's time-out."""
    attempts: int = 60
    """Claims after which a message is given up, whatever the reason."""
    hsm_pause: timedelta = timedelta(seconds=5)


class Deliver:
    """One pass over the outbox.  At least once: see the store's module for what that means.

    ``kinds`` lets webhooks have a worker thread of their own, so that codes never wait for them.
    """

    def __init__(
        self,
        outbox: Outbox,
        vault: KeyVault,
        channels: Mapping[str, Channel],
        statistics: Statistics,
        clock: Clock,
        *,
        kinds: Collection[MessageKind] = tuple(MessageKind),
        limits: DeliveryLimits | None = None,
        jitter: Callable[[], float] = lambda: secrets.randbelow(1000) / 1000,
    ) -> None:
        self._outbox = outbox
        self._vault = vault
        self._channels = channels
        self._statistics = statistics
        self._clock = clock
        self._kinds = tuple(kinds)
        self._limits = limits or DeliveryLimits()
        self._jitter = jitter
        self.breakers = {name: Breaker(clock) for name in channels}

    def __call__(self) -> int:
        """Expire, claim and handle one batch; gives how many messages were handled.

        Raises StoreUnavailableError when the database fails; claims run out by themselves.
        """
        for lost in self._outbox.expire(_expired):
            self._count(f"{lost.kind}.undelivered", lost.channel, lost.client)
        batch = self._outbox.claim(self._limits.batch, self._limits.lease, self._kinds)
        for claimed in batch:
            self._handle(claimed)
        return len(batch)

    def report(self, channel: str, receipt: str, *, arrived: bool) -> bool:
        """Note a gateway's delivery report; False when unknown or known already."""
        delivery = self._outbox.record_delivery(
            channel, receipt, arrived=arrived, audit=lambda sent: _reported(sent, arrived=arrived)
        )
        if delivery is None:
            return False
        if not arrived:
            self._count(f"{delivery.kind}.undelivered", delivery.channel, delivery.client)
        return True

    def _handle(self, claimed: ClaimedMessage) -> None:
        message = claimed.message
        if claimed.attempts > self._limits.attempts:
            self._give_up(claimed, "attempts")
            return
        breaker = self.breakers.get(claimed.route.channel)
        if breaker is None:
            self._without_this_channel(claimed, "unknown-channel")
            return
        if breaker.is_open:
            self._later(claimed, not_before=breaker.opens_again_at)
            return
        try:
            plaintext = self._vault.expose(PURPOSE, message.body, aad=message.aad())
            ready = message_for(claimed, plaintext)
        except QSCDUnavailableError:
            self._outbox.retry(claimed, claimed.route, self._clock.now() + self._limits.hsm_pause)
            return
        except IntegrityAlarmError:
            _LOG.critical("message %s does not open", message.id)
            self._outbox.mark_dead(
                claimed, audit=_record(claimed, AuditEvent.INTEGRITY_ALARM, "does-not-open")
            )
            return
        if self._clock.now() >= message.expires_at or not self._outbox.holds(claimed):
            return
        try:
            receipt = self._channels[ready.channel].deliver(ready)
        except ChannelUnavailableError as error:
            breaker.failed()
            _LOG.warning("message %s: %s: %s", message.id, ready.channel, error.detail)
            self._later(claimed)
        except InvalidRequestError:
            breaker.succeeded()
            self._without_this_channel(claimed, "refused")
        else:
            breaker.succeeded()
            self._sent(claimed, receipt)

    def _sent(self, claimed: ClaimedMessage, receipt: str) -> None:
        channel = claimed.route.channel
        facts: dict[str, Fact] = {"channel": channel, "receipt": receipt}
        record = _record(claimed, _SENT[claimed.message.kind], "accepted", facts)
        if self._outbox.mark_sent(claimed, channel, receipt, audit=record):
            self._count(f"{claimed.message.kind}.delivered", channel, claimed.message.client)
        else:
            _LOG.warning("message %s was sent but its claim is gone", claimed.message.id)

    def _later(self, claimed: ClaimedMessage, *, not_before: datetime | None = None) -> None:
        route = claimed.route.after_temporary_failure()
        turn = route.round - claimed.route.round
        pause = pause_before(claimed.message.kind, route.round if turn else 0, self._jitter())
        due = self._clock.now() + pause
        if turn and not_before is not None:
            due = max(due, not_before)
        self._outbox.retry(claimed, route, due)

    def _without_this_channel(self, claimed: ClaimedMessage, why: str) -> None:
        route = claimed.route.after_permanent_failure()
        if route is None:
            self._give_up(claimed, why)
            return
        _LOG.warning("message %s: %s: %s", claimed.message.id, claimed.route.channel, why)
        self._outbox.retry(claimed, route, self._clock.now())

    def _give_up(self, claimed: ClaimedMessage, why: str) -> None:
        record = _record(
            claimed, _LOST[claimed.message.kind], why, {"channel": claimed.route.channel}
        )
        if self._outbox.mark_dead(claimed, audit=record):
            _LOG.error("message %s given up: %s", claimed.message.id, why)
            self._count(
                f"{claimed.message.kind}.undelivered", claimed.route.channel, claimed.message.client
            )

    def _count(self, event: str, channel: str, client: str) -> None:
        self._statistics.count(event, channel, client)


def _record(
    claimed: ClaimedMessage,
    event: AuditEvent,
    outcome: str,
    facts: Mapping[str, Fact] | None = None,
) -> AuditRecord:
    message = claimed.message
    return AuditRecord(
        event=event,
        outcome=outcome,
        actor="service",
        subject=message.subject or message.client,
        transaction=message.process,
        facts={
            "message": message.id,
            "kind": message.kind.value,
            "attempts": claimed.attempts,
            **(facts or {}),
        },
    )


def _expired(delivery: Delivery) -> AuditRecord:
    return _fate(delivery, _LOST[delivery.kind], "expired")


def _reported(delivery: Delivery, *, arrived: bool) -> AuditRecord:
    events = _SENT if arrived else _LOST
    return _fate(delivery, events[delivery.kind], "arrived" if arrived else "not-arrived")


def _fate(delivery: Delivery, event: AuditEvent, outcome: str) -> AuditRecord:
    return AuditRecord(
        event=event,
        outcome=outcome,
        actor="service",
        subject=delivery.subject or delivery.client,
        transaction=delivery.process,
        facts={
            "message": delivery.id,
            "kind": delivery.kind.value,
            "channel": delivery.channel,
            "receipt": delivery.receipt,
        },
    )
