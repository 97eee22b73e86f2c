"""gunicorn inside our own process: threads, hooks, and a stop that loses no request."""

import mmap
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped] # no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped] # no types
from gunicorn.glogging import Logger  # type: ignore[import-untyped] # no types
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped] # no types
from prometheus_client import multiprocess

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from gunicorn.config import Config  # type: ignore[import-untyped] # no types
    from gunicorn.workers.base import Worker  # type: ignore[import-untyped] # no types

DRAIN_SECONDS: Final = 1.0
"""After the signal, readiness says no for this long before the port closes."""
GRACEFUL_SECONDS: Final = 12
"""What runs then may end within this; together below the 15 s a stop may take."""

_STOPPING: Final = (
    b'{"checks":{"stopping":"unavailable"},"status":"unavailable"}\n'  # the shape of /readyz
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """What one listener is."""

    bind: str
    """``address:port``."""
    workers: int
    threads: int
    name: str
    certificate: Path | None = None
    """PEM; with ``key`` the listener speaks TLS."""
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebHooks:
    """What happens in each worker process, never in the process that forks."""

    make_app: "Callable[[], WSGIApplication]"
    started: Callable[[], None]
    """Before the first request; an exception stops the server."""
    stopped: Callable[[], None]


class DrainFlag:
    """One byte shared by the arbiter and its workers."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def raise_(self) -> None:
        """Readiness says no from now on."""
        self._memory[0] = 1

    @property
    def is_up(self) -> bool:
        """Whether the server is about to stop."""
        return self._memory[0] == 1


class WebServer(BaseApplication):  # type: ignore[misc] # gunicorn ships no types
    """A gunicorn server made of values instead of a configuration file."""

    def __init__(self, options: WebOptions, hooks: WebHooks) -> None:
        self._options = options
        self._hooks = hooks
        self._draining = DrainFlag()
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings."""
        options = self._options
        values: dict[str, object] = {
            "bind": options.bind,
            "workers": options.workers,
            "threads": options.threads,
            "worker_class": DrainingWorker,
            "graceful_timeout": GRACEFUL_SECONDS,
            "timeout": 60,
            "preload_app": False,  # a PKCS#11 library must be loaded after the fork
            "control_socket_disable": True,
            "logger_class": _Log,
            "proc_name": f"chancela-{options.name}",
            "post_worker_init": self._started,
            "worker_exit": self._stopped,
            "child_exit": _forget_figures,
        }
        if options.certificate and options.key:
            values |= {"certfile": str(options.certificate), "keyfile": str(options.key)}
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        """Make the application; runs in a worker."""
        return _with_readiness(self._hooks.make_app(), self._draining)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; ends the process."""
        _Arbiter(self, self._draining).run()

    def _started(self, worker: "Worker") -> None:
        del worker
        self._hooks.started()

    def _stopped(self, arbiter: Arbiter, worker: "Worker") -> None:
        del arbiter
        if worker.booted:
            self._hooks.stopped()


class _Arbiter(Arbiter):  # type: ignore[misc] # gunicorn ships no types
    """Says "not ready" first, so that a balancer sends nobody any more, and then stops."""

    def __init__(self, app: WebServer, draining: DrainFlag) -> None:
        self._draining = draining
        super().__init__(app)

    def handle_term(self) -> None:
        """SIGTERM."""
        self._draining.raise_()
        time.sleep(DRAIN_SECONDS)
        super().handle_term()

    def handle_int(self) -> None:
        """SIGINT: the same; nobody's request is worth less because of Ctrl-C."""
        self.handle_term()


class DrainingWorker(ThreadWorker):  # type: ignore[misc] # gunicorn ships no types
    """Takes what waits in the listeners' queues before it stops to listen.

    gunicorn keeps the listening socket open without accepting while old requests end, then
    closes it: whoever connected in between would be reset.
    """

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """Accept or not; when stopping, empty the queue and close."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            with suppress(OSError):  # EAGAIN: the queue is empty
                while True:
                    self._take(listener)
            listener.close()

    def _take(self, listener: socket.socket) -> None:
        client, address = listener.accept()
        self.nr_conns += 1
        client.setblocking(True)  # noqa: FBT003 - the standard library's signature
        self.enqueue_req(TConn(self.cfg, client, address, listener.getsockname()))


class _Log(Logger):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn's messages go where ours go; requests are counted, not logged."""

    def setup(self, cfg: "Config") -> None:
        """No handlers of its own."""
        del cfg
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.access_log.disabled = True


def _with_readiness(application: "WSGIApplication", draining: DrainFlag) -> "WSGIApplication":
    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if draining.is_up and environ.get("PATH_INFO") == "/readyz":
            headers = [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(_STOPPING))),
                ("Retry-After", "5"),
            ]
            start_response("503 Service Unavailable", headers)
            return [_STOPPING]
        return application(environ, start_response)

    return answer


def _forget_figures(arbiter: Arbiter, worker: "Worker") -> None:
    del arbiter
    with suppress(OSError, KeyError, TypeError):  # no folder for several processes' figures
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call] # untyped there
