"""The worker: repeats jobs at their intervals until told to stop."""

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import FrameType, MappingProxyType
from typing import Final

from signer.domain.errors import RetryLaterError
from signer.ports import Clock

_LOG = logging.getLogger(__name__)
_LONGEST_SLEEP: Final = 1.0
"""Seconds: how late a stop or a step of the clock can be noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to repeat.  It must be safe to kill at any point and to run twice."""

    name: str
    run: Callable[[], int]
    """One bounded pass; gives how many things it handled."""
    every: timedelta
    """Pause after a pass that found nothing."""
    lane: str = "main"
    """Jobs of one lane take turns in one thread; lanes do not wait for each other."""


@dataclass(slots=True)
class JobHealth:
    """How a job fares: for readiness and metrics."""

    passes: int = 0
    handled: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_success: datetime | None = None


class Worker:
    """Runs lanes of jobs; a failing job is logged, counted and tried again later."""

    def __init__(self, jobs: tuple[Job, ...], clock: Clock, stop: threading.Event) -> None:
        """Raises ValueError when two jobs share a name."""
        if len({job.name for job in jobs}) != len(jobs):
            msg = "jobs need names of their own"
            raise ValueError(msg)
        self._jobs = jobs
        self._clock = clock
        self._stop = stop
        self._health = {job.name: JobHealth() for job in jobs}

    @property
    def health(self) -> Mapping[str, JobHealth]:
        """Per job name."""
        return MappingProxyType(self._health)

    def run(self, *, install_signals: bool = True) -> None:
        """Work until ``stop`` is set (by SIGTERM and SIGINT too), then end the passes begun."""
        if install_signals:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
        lanes = dict.fromkeys(job.lane for job in self._jobs)
        threads = [
            threading.Thread(target=self._lane, args=(lane,), name=f"worker-{lane}")
            for lane in lanes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            # A join without limit would keep signals waiting.
            while thread.is_alive():
                thread.join(_LONGEST_SLEEP)

    def run_once(self) -> int:
        """One pass of every job, in order, in this thread: for the demo's set-up and tests."""
        return sum(self._pass(job) or 0 for job in self._jobs)

    def _lane(self, lane: str) -> None:
        jobs = [job for job in self._jobs if job.lane == lane]
        due = {job.name: self._clock.now() for job in jobs}
        while not self._stop.is_set():
            for job in jobs:
                if due[job.name] > self._clock.now():
                    continue
                handled = self._pass(job)
                pause = self._pause(job, handled)
                due[job.name] = self._clock.now() + pause
                if self._stop.is_set():
                    return
            wait = (min(due.values()) - self._clock.now()).total_seconds()
            if wait > 0:
                self._stop.wait(min(wait, _LONGEST_SLEEP))

    def _pause(self, job: Job, handled: int | None) -> timedelta:
        if handled is None:
            failures = self._health[job.name].failures_in_a_row
            return min(job.every * (1 << min(failures, 10)), max(job.every, timedelta(minutes=1)))
        return timedelta() if handled else job.every

    def _pass(self, job: Job) -> int | None:
        """Handled, or None when it failed."""
        health = self._health[job.name]
        health.passes += 1
        try:
            handled = job.run()
        except RetryLaterError as error:
            _LOG.warning("job %s: %s", job.name, error.detail)
        except Exception:  # noqa: BLE001 - the boundary of a job: one must not stop the others
            _LOG.exception("job %s failed", job.name)
        else:
            health.handled += handled
            health.failures_in_a_row = 0
            health.last_success = self._clock.now()
            return handled
        health.failures += 1
        health.failures_in_a_row += 1
        return None

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        _LOG.info("signal %s: stopping after the passes begun", number)
        self._stop.set()
