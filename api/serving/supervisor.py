"""Starts server processes, starts crashed ones again, and passes on the wish to stop.

It only starts programs: it opens neither token nor database, and has no thread a fork could copy.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import structlog

_LOG = structlog.get_logger(__name__)

STOP_SECONDS: Final = 15.0
"""Children that have not ended by then are killed."""
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 30.0
"""A child that ran this long has recovered: its pause starts small again."""
_TICK_SECONDS: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A program to keep running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)


@dataclass(slots=True)
class _Running:
    child: Child
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    due_at: float = 0.0
    failures: int = 0


class Supervisor:
    """Keeps children running until SIGTERM or SIGINT."""

    def __init__(
        self,
        children: tuple[Child, ...],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._running = [_Running(child) for child in children]
        self._monotonic = monotonic
        self._stopping = False

    def run(self, on_tick: Callable[[], None] = lambda: None) -> bool:
        """Block until asked to stop; ``on_tick`` is called a few times a second.

        False when a child had to be killed because it did not end in time.
        """
        before = {n: signal.signal(n, self._on_signal) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not self._stopping:
                for running in self._running:
                    self._look_after(running)
                on_tick()
                time.sleep(_TICK_SECONDS)
        finally:
            ended = self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)
        return ended

    def stop(self) -> None:
        """Make :meth:`run` end."""
        self._stopping = True

    def _look_after(self, running: _Running) -> None:
        now = self._monotonic()
        if running.process is not None:
            code = running.process.poll()
            if code is None:
                if running.failures and now - running.started_at > STEADY_SECONDS:
                    running.failures = 0
                return
            running.process = None
            pause = pause_after(running.failures)
            running.failures += 1
            running.due_at = now + pause
            _LOG.error("process ended", process=running.child.name, status=code, again_in=pause)
        if now >= running.due_at:
            running.process = _start(running.child)
            running.started_at = self._monotonic()

    def _end_all(self) -> bool:
        alive = {r.child.name: r.process for r in self._running if r.process is not None}
        for process in alive.values():
            process.send_signal(signal.SIGTERM)
        limit = self._monotonic() + STOP_SECONDS
        ended = True
        for name, process in alive.items():
            try:
                process.wait(max(0.0, limit - self._monotonic()))
            except subprocess.TimeoutExpired:
                _LOG.error("process killed: it did not end in time", process=name)
                process.kill()
                process.wait()
                ended = False
        return ended

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        _LOG.info("stopping", signal=signal.Signals(number).name)
        self._stopping = True


def pause_after(failures: int) -> float:
    """Seconds before the next start, after this many failures before the present one."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * (1 << min(failures, 10)))


def end_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent dies (Linux); for use in a child."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), signal.SIGTERM)


def _start(child: Child) -> "subprocess.Popen[bytes]":
    _LOG.info("starting", process=child.name)
    return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        child.command,
        env=dict(child.environment),
        stdin=subprocess.DEVNULL,
        # Ctrl-C reaches the supervisor alone: it decides how its children end.
        start_new_session=True,
    )
