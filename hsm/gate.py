"""Lets PKCS#11 calls run side by side, and re-initialisation only when none runs."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from signer.domain.errors import QSCDUnavailableError

DRAIN_SECONDS: Final = 5.0
EXIT_STATUS_STUCK: Final = 75
"""EX_TEMPFAIL of sysexits.h: the supervisor starts a fresh worker."""

_LOG = logging.getLogger(__name__)


def exit_worker() -> None:
    """End this process at once: a PKCS#11 call hangs, and finalising beneath it would crash."""
    _LOG.critical("PKCS#11 calls did not drain; this worker ends and is to be started again")
    os._exit(EXIT_STATUS_STUCK)


class Gate:
    """A shared/exclusive lock that prefers the exclusive side and does not wait for ever."""

    def __init__(
        self, *, drain_seconds: float = DRAIN_SECONDS, on_stuck: Callable[[], None] = exit_worker
    ) -> None:
        self._drain_seconds = drain_seconds
        self._on_stuck = on_stuck
        self._changed = threading.Condition()
        self._shares = 0
        self._closed = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold one share for the duration of a PKCS#11 operation; not re-entrant."""
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._shares += 1
        try:
            yield
        finally:
            with self._changed:
                self._shares -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep new shares out, wait for the present ones to end, then run alone.

        After ``drain_seconds`` calls ``on_stuck`` (which ends the process); should that return,
        raises QSCDUnavailableError.
        """
        deadline = time.monotonic() + self._drain_seconds
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._closed = True
        try:
            with self._changed:
                drained = self._changed.wait_for(
                    lambda: self._shares == 0, timeout=deadline - time.monotonic()
                )
            if not drained:
                self._on_stuck()
                raise QSCDUnavailableError
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()
