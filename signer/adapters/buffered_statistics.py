"""Counts in memory and writes now and then, so that counting costs a signature nothing."""

import logging
import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import Protocol

from signer.domain.errors import StoreUnavailableError
from signer.domain.statistics import CountedEvent
from signer.ports import Clock

_LOG = logging.getLogger(__name__)
_EVERY = timedelta(seconds=5)
_COUNTED = {event.value: event for event in CountedEvent} | {
    "code.delivered": CountedEvent.CODE_DELIVERED
}


class StatisticsStore(Protocol):
    """Where counts end up."""

    def count(
        self, event: CountedEvent, *, channel: str = "", client: str = "", times: int = 1
    ) -> None:
        """Add ``times``."""
        ...


class BufferedStatistics:
    """Figures for the public, not evidence: what a killed process had in memory is lost."""

    def __init__(self, store: StatisticsStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[tuple[CountedEvent, str, str]] = Counter()
        self._written: datetime = clock.now()

    def count(self, event: str, channel: str = "", client: str = "") -> None:
        """Add one; writes when the last writing is five seconds ago.  Never raises.

        Events that no public figure needs (notices, webhooks) are left out.
        """
        counted = _COUNTED.get(event)
        if counted is None:
            return
        with self._lock:
            self._counts[counted, channel, client] += 1
            due = self._clock.now() - self._written >= _EVERY
        if due:
            self.flush()

    def flush(self) -> None:
        """Write what was counted; keeps it for later when the database is away."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._written = self._clock.now()
        for (event, channel, client), times in counts.items():
            try:
                self._store.count(event, channel=channel, client=client, times=times)
            except StoreUnavailableError:
                _LOG.warning("statistics are kept for later: the database is away")
                with self._lock:
                    self._counts[event, channel, client] += times
