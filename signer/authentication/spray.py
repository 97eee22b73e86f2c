"""Notices guessing that is spread over many people (checklist L9), where no single limit trips."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, final

from signer.domain.activation import Tried
from signer.domain.audit import AuditEvent, AuditRecord
from signer.ports import Clock

_LOG = logging.getLogger(__name__)

WINDOW: Final = timedelta(minutes=10)
LOOK_EVERY: Final = timedelta(seconds=5)


@final
class SprayGuard:
    """Tells whether too large a share of all recent attempts was wrong.

    Looks at the rows at most every five seconds in each process; between looks it answers from
    memory, so that an attempt costs no further query.
    """

    def __init__(
        self,
        tried_since: Callable[[datetime], Tried],
        clock: Clock,
        *,
        attempts: int,
        percent: int,
    ) -> None:
        """Raised above ``percent`` wrong ones of more than ``attempts`` in ten minutes."""
        self._tried_since = tried_since
        self._clock = clock
        self._attempts = attempts
        self._percent = percent
        self._look_at: datetime | None = None
        self.seen = Tried(0, 0)

    def __call__(self) -> bool:
        """True while raised; raises StoreUnavailableError."""
        now = self._clock.now()
        if self._look_at is None or now >= self._look_at:
            self._look_at = now + LOOK_EVERY  # before looking: other threads need not look too
            self.seen = self._tried_since(now - WINDOW)
        many = self.seen.attempts > self._attempts
        return many and self.seen.failures * 100 > self.seen.attempts * self._percent


@final
class SprayAlarm:
    """The worker's part: says once that guessing began, and that it ended."""

    def __init__(
        self,
        guard: SprayGuard,
        record: Callable[[AuditRecord], None],
        show: Callable[[bool], None],
    ) -> None:
        self._guard = guard
        self._record = record
        self._show = show
        self._raised = False

    def __call__(self) -> int:
        """Give 1 when the alarm was raised by this look, else 0."""
        raised, before = self._guard(), self._raised
        self._show(raised)
        if raised and not before:
            seen = self._guard.seen
            self._record(
                AuditRecord(
                    event=AuditEvent.INTEGRITY_ALARM,
                    outcome="spray",
                    actor="service",
                    facts={
                        "where": "attempts",
                        "attempts": seen.attempts,
                        "failures": seen.failures,
                    },
                )
            )
            _LOG.critical("guessing: %d of %d attempts were wrong", seen.failures, seen.attempts)
        elif before and not raised:
            _LOG.warning("guessing has ended")
        self._raised = raised
        return int(raised and not before)
