"""``/metrics`` for Prometheus: the figures of all processes, on the loopback address only."""

import os
import signal
import threading
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, multiprocess, start_http_server

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus_client when it is imported: set it for children, not for oneself."""


def prepare_directory(directory: Path) -> None:
    """Make the folder where processes leave their figures; drop those of processes that are gone.

    Figures of a worker that another service unit runs stay.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in directory.glob("*.db"):
        pid = file.stem.rpartition("_")[2]
        if not (pid.isdigit() and _alive(int(pid))):
            file.unlink(missing_ok=True)


def serve_figures(port: int) -> None:
    """Answer until SIGTERM or SIGINT."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # untyped there
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    while not stop.wait(1.0):
        pass
    server.shutdown()
    server.server_close()
    thread.join()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
