"""The worker: intervals, failures, stopping."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from signer.domain.errors import StoreUnavailableError
from signer.operations.housekeeping import Job, Worker

ROOT = Path(__file__).resolve().parents[4]


class Ticking:
    """Real time: the worker's waiting is what is tested."""

    def now(self):
        from datetime import UTC, datetime

        return datetime.now(UTC)  # noqa: TID251 - see the class


def run_until(jobs, condition, clock=None):
    stop = threading.Event()
    worker = Worker(tuple(jobs), clock or Ticking(), stop)
    thread = threading.Thread(target=worker.run, kwargs={"install_signals": False})
    thread.start()
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert condition()
    return worker


def test_a_failing_job_stops_no_other_and_is_counted(caplog):
    done = []

    def fails():
        raise RuntimeError("broken")

    def unavailable():
        raise StoreUnavailableError

    def works():
        done.append(1)
        return 0

    tick = timedelta(milliseconds=5)
    jobs = [
        Job(name="fails", run=fails, every=tick),
        Job(name="unavailable", run=unavailable, every=tick),
        Job(name="works", run=works, every=tick),
    ]
    worker = run_until(jobs, lambda: len(done) > 3)
    assert worker.health["fails"].failures > 0
    assert worker.health["unavailable"].failures > 0
    assert worker.health["works"].failures == 0
    assert worker.health["works"].last_success is not None
    assert "job fails failed" in caplog.text


def test_failures_space_out(clock):
    attempts = []

    def fails():
        attempts.append(clock.now())
        raise StoreUnavailableError

    worker = Worker(
        (Job(name="x", run=fails, every=timedelta(seconds=1)),), clock, threading.Event()
    )
    pauses = []
    for _ in range(9):
        worker.run_once()
        pauses.append(worker._pause(worker._jobs[0], None).total_seconds())  # noqa: SLF001 - the schedule
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_a_job_with_more_to_do_runs_again_at_once():
    left = [3]

    def works():
        if left[0]:
            left[0] -= 1
            return 1
        return 0

    run_until([Job(name="x", run=works, every=timedelta(hours=1))], lambda: left[0] == 0)


def test_lanes_do_not_wait_for_each_other():
    release, done = threading.Event(), []

    def slow():
        release.wait(10)
        return 0

    def quick():
        done.append(1)
        release.set()
        return 0

    jobs = [
        Job(name="slow", run=slow, every=timedelta(hours=1), lane="webhooks"),
        Job(name="quick", run=quick, every=timedelta(hours=1)),
    ]
    began = time.monotonic()
    run_until(jobs, lambda: bool(done))
    assert time.monotonic() - began < 5


def test_one_pass_in_order():
    order = []
    jobs = tuple(
        Job(name=name, run=lambda name=name: order.append(name) or 2, every=timedelta(seconds=1))
        for name in "abc"
    )
    assert Worker(jobs, Ticking(), threading.Event()).run_once() == 6
    assert order == ["a", "b", "c"]


def test_jobs_with_one_name_are_refused():
    job = Job(name="x", run=lambda: 0, every=timedelta(seconds=1))
    with pytest.raises(ValueError, match="names"):
        Worker((job, job), Ticking(), threading.Event())


DRAINING = """
import sys, threading, time
from datetime import UTC, datetime, timedelta
from signer.operations.housekeeping import Job, Worker

class Clock:
    def now(self):
        return datetime.now(UTC)

def work():
    print("begun", flush=True)
    time.sleep(0.5)
    print("ended", flush=True)
    return 1

jobs = (Job(name="work", run=work, every=timedelta(seconds=1)),)
Worker(jobs, Clock(), threading.Event()).run()
print("drained", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_worker_after_the_pass_begun(number):
    with subprocess.Popen(
        [sys.executable, "-c", DRAINING],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    ) as worker:
        assert worker.stdout.readline() == b"begun\n"
        worker.send_signal(number)
        rest = worker.stdout.read()
    assert rest == b"ended\ndrained\n"
    assert worker.returncode == 0
