"""Shares run side by side, the exclusive side alone, and nobody waits for ever."""

import subprocess
import sys
import threading
import time

import pytest

from hsm.gate import EXIT_STATUS_STUCK, Gate
from signer.domain.errors import QSCDUnavailableError


def test_shares_run_side_by_side():
    gate, barrier = Gate(), threading.Barrier(3, timeout=5)

    def work() -> None:
        with gate.shared():
            barrier.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    barrier.wait()
    for thread in threads:
        thread.join()


def test_the_exclusive_side_waits_for_shares_and_holds_new_ones_back():
    gate, order = Gate(), []
    inside, leave, closed = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with gate.shared():
            inside.set()
            leave.wait(5)
            order.append("first share ends")

    def alone() -> None:
        with gate.exclusive():
            order.append("exclusive")
            time.sleep(0.05)
            order.append("exclusive ends")

    def late() -> None:
        closed.wait(5)
        with gate.shared():
            order.append("late share")

    threads = [threading.Thread(target=work) for work in (first, alone, late)]
    threads[0].start()
    inside.wait(5)
    threads[1].start()
    while not gate._closed:  # noqa: SLF001 - to know that the exclusive side waits
        time.sleep(0.001)
    threads[2].start()
    closed.set()
    time.sleep(0.05)
    leave.set()
    for thread in threads:
        thread.join()
    assert order == ["first share ends", "exclusive", "exclusive ends", "late share"]


def test_a_share_that_does_not_end_ends_the_worker_and_frees_the_gate():
    stuck = []
    gate = Gate(drain_seconds=0.05, on_stuck=lambda: stuck.append(1))
    with gate.shared(), pytest.raises(QSCDUnavailableError), gate.exclusive():
        pytest.fail("not alone")
    assert stuck == [1]
    with gate.shared():
        pass


def test_by_default_a_stuck_worker_exits_with_its_status():
    program = (
        "from hsm.gate import Gate\n"
        "gate = Gate(drain_seconds=0.05)\n"
        "with gate.shared(), gate.exclusive(): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.returncode == EXIT_STATUS_STUCK


def test_an_error_gives_the_share_back():
    gate = Gate(drain_seconds=0.05, on_stuck=lambda: None)
    with pytest.raises(KeyError), gate.shared():
        raise KeyError
    with gate.exclusive():
        pass
