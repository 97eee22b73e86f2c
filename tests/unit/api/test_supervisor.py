"""Processes are started again, with pauses, and stopped in time."""

import os
import signal
import ssl
import stat
import sys
import threading
import time

import pytest

from api.serving import figures, supervisor
from api.serving.supervisor import Child, Supervisor, pause_after
from api.serving.tls import ensure_tls


def child(program, *arguments):
    return Child(
        name="child",
        command=(sys.executable, "-c", program, *map(str, arguments)),
        environment=dict(os.environ),
    )


def run(one, until, seconds=20):
    """Run a supervisor in this thread until ``until`` holds; gives its verdict."""
    watched = Supervisor((one,))
    deadline = time.monotonic() + seconds

    def tick():
        if until() or time.monotonic() > deadline:
            watched.stop()

    verdict = watched.run(tick)
    assert until()
    return verdict


def test_a_crashed_process_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.05)
    log = tmp_path / "starts"
    program = "import sys, os; open(sys.argv[1], 'a').write('x'); os._exit(7)"
    assert run(child(program, log), lambda: log.exists() and len(log.read_text()) >= 3)


def test_pauses_grow_and_end():
    pauses = [pause_after(n) for n in range(8)]
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses == sorted(pauses)
    assert pause_after(1000) == supervisor.LONGEST_PAUSE_SECONDS


def test_stopping_is_passed_on_and_waited_for(tmp_path):
    done, ready = tmp_path / "done", tmp_path / "ready"
    program = (
        "import sys, signal, time, pathlib\n"
        "def end(*_):\n"
        "    time.sleep(0.5); pathlib.Path(sys.argv[1]).touch(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "pathlib.Path(sys.argv[2]).touch()\n"
        "time.sleep(60)\n"
    )
    assert run(child(program, done, ready), ready.exists)
    assert done.exists()


def test_a_process_that_will_not_end_is_killed_and_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.5)
    ready = tmp_path / "ready"
    program = (
        "import sys, signal, time, pathlib\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pathlib.Path(sys.argv[1]).touch()\n"
        "time.sleep(60)\n"
    )
    assert not run(child(program, ready), ready.exists)


def test_a_signal_ends_it():
    watched = Supervisor((child("import time; time.sleep(60)"),))
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    before = signal.getsignal(signal.SIGTERM)
    assert watched.run()
    timer.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_only_figures_of_dead_processes_are_deleted(tmp_path):
    directory = tmp_path / "figures"
    directory.mkdir()
    alive, dead = f"counter_{os.getpid()}.db", "counter_4194303.db"
    for name in (alive, dead):
        (directory / name).touch()
    figures.prepare_directory(directory)
    assert [file.name for file in directory.iterdir()] == [alive]


def test_the_demo_certificate_is_for_this_machine_and_its_key_is_private(tmp_path, clock):
    files = ensure_tls(tmp_path / "tls", clock)
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    context = ssl.create_default_context(cafile=str(files.authority))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    (authority,) = context.get_ca_certs()
    assert authority["subject"] == ((("commonName", "Chancela TESTE TLS CA"),),)
    first = files.certificate.read_bytes()
    assert ensure_tls(tmp_path / "tls", clock).certificate.read_bytes() == first
    clock.advance(days=340)
    assert ensure_tls(tmp_path / "tls", clock).certificate.read_bytes() != first


@pytest.mark.parametrize("name", ["key", "certificate", "authority"])
def test_a_missing_file_makes_a_new_set(tmp_path, clock, name):
    files = ensure_tls(tmp_path / "tls", clock)
    before = files.authority.read_bytes()
    getattr(files, name).unlink()
    assert ensure_tls(tmp_path / "tls", clock).authority.read_bytes() != before
