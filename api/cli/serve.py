"""``chancela serve``: HTTP, in the demo HTTPS too, the worker, and the figures for Prometheus."""

import fcntl
import http.client
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from api.app import create_app
from api.cli.output import Reporter, reporter
from api.logging_setup import configure_logging
from api.serving.figures import DIRECTORY_VARIABLE, prepare_directory, serve_figures
from api.serving.start_gate import StartGate
from api.serving.supervisor import Child, Supervisor, end_with_parent
from api.serving.tls import TLSFiles, ensure_tls
from api.serving.web import WebHooks, WebOptions, WebServer
from api.settings import Settings
from api.wiring import Services, open_services
from api.wiring.process_life import compare_with_ceremony, record_started, record_stopped
from signer.adapters.store.migrating import require_current
from signer.adapters.system_clock import SystemClock
from signer.domain.errors import ConflictError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_PACKAGES: Final = Path(__file__).resolve().parents[2]
PARTS: Final = ("http", "tls", "metrics")


@click.command("serve")
@click.option(
    "--profile", type=click.Choice(["demo", "production"]), help="As CHANCELA_PROFILE does."
)
@click.option("--no-worker", is_flag=True, help="The worker is a service of its own.")
@click.option("--part", type=click.Choice(PARTS), hidden=True)
@click.option("--parent", type=int, hidden=True)
@reporter
def command(
    report: Reporter, *, profile: str | None, no_worker: bool, part: str | None, parent: int | None
) -> None:
    """Run the servers until SIGTERM or Ctrl-C; requests that have begun are answered first."""
    if profile is not None:
        os.environ["CHANCELA_PROFILE"] = profile
    os.umask(0o077)  # what these processes write is for them alone
    settings = Settings.load()
    configure_logging(form=settings.log_format, level=settings.log_level)
    if part is not None:
        if parent is not None:
            end_with_parent(parent)
        _run_part(part, settings)
        return
    for warning in settings.warnings:
        report.say(f"! {warning}")

    def ready() -> None:
        report.done(f"serving on {settings.base_url}")

    if not serve(settings, with_worker=not no_worker, on_ready=ready):
        report.fail("a process did not end in time and was killed")


def serve(
    settings: Settings,
    *,
    with_worker: bool = True,
    on_ready: Callable[[], None] = lambda: None,
) -> bool:
    """Start all processes and keep them running; blocks until SIGTERM or SIGINT.

    The processes read the settings again from the same environment and file.  ``on_ready`` is
    called once, when HTTP answers.  False when a process had to be killed at the end.
    Raises ConfigurationError when the database is not at this program's revision, ConflictError
    when a server runs on this ``var`` already.
    """
    require_current(settings.database_url)
    with _alone(settings.var / "serve.pid"):
        prepare_directory(figures_directory(settings))
        if not settings.is_production:
            demo_tls(settings)
        waiting = _Waiting(settings, on_ready)
        return Supervisor(children(settings, with_worker=with_worker)).run(waiting)


def children(settings: Settings, *, with_worker: bool) -> tuple[Child, ...]:
    """The programs to run."""
    environment = {
        **os.environ,
        "CHANCELA_PROFILE": settings.profile.value,
        "CHANCELA_VAR": str(settings.var),
        DIRECTORY_VARIABLE: str(figures_directory(settings)),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH")))),
    }

    def child(name: str, *arguments: str) -> Child:
        start = (sys.executable, "-m", "api.cli", *arguments, "--parent", str(os.getpid()))
        return Child(name=name, command=start, environment=environment)

    parts = [part for part in PARTS if part != "tls" or not settings.is_production]
    found = [child(part, "serve", "--part", part) for part in parts]
    if with_worker:
        found += [child(f"worker-{n}", "worker") for n in range(1, settings.outbox_workers + 1)]
    return tuple(found)


def figures_directory(settings: Settings) -> Path:
    """Where processes leave their figures."""
    return settings.var / "run" / "figures"


def demo_tls(settings: Settings) -> TLSFiles:
    """The demo's certificates; ``authority`` is what clients trust."""
    return ensure_tls(settings.var / "demo" / "tls", SystemClock())


def _run_part(part: str, settings: Settings) -> None:
    if part == "metrics":
        serve_figures(settings.metrics_port)
        return
    require_current(settings.database_url)
    process = _WebProcess(settings, part)
    tls = demo_tls(settings) if part == "tls" else None
    options = WebOptions(
        name=part,
        bind=f"{settings.host}:{settings.tls_port if tls else settings.port}",
        # The demo's second door exists to be tried, not for load.
        workers=1 if tls else settings.web_workers,
        threads=settings.web_threads,
        certificate=tls.certificate if tls else None,
        key=tls.key if tls else None,
    )
    hooks = WebHooks(make_app=process.make_app, started=process.started, stopped=process.stopped)
    WebServer(options, hooks).run()


class _WebProcess:
    """The application of one gunicorn worker; made after the fork."""

    def __init__(self, settings: Settings, part: str) -> None:
        self._settings = settings
        self._part = part

    @cached_property
    def _services(self) -> Services:
        return open_services(self._settings)

    @cached_property
    def _gate(self) -> StartGate:
        return StartGate(self._begin)

    def make_app(self) -> "WSGIApplication":
        return self._gate.guard(create_app(self._services))

    def started(self) -> None:
        self._gate.open()

    def stopped(self) -> None:
        if self._gate.is_open:
            record_stopped(self._services, self._part)

    def _begin(self) -> None:
        compare_with_ceremony(self._services)
        record_started(self._services, self._part)


class _Waiting:
    """Calls back once, when ``/livez`` answers."""

    def __init__(self, settings: Settings, on_ready: Callable[[], None]) -> None:
        everywhere = settings.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
        self._address = ("127.0.0.1" if everywhere else settings.host, settings.port)
        self._on_ready = on_ready
        self._done = False

    def __call__(self) -> None:
        if self._done:
            return
        connection = http.client.HTTPConnection(*self._address, timeout=1)
        try:
            connection.request("GET", "/livez")
            self._done = connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        if self._done:
            self._on_ready()


@contextmanager
def _alone(pid_file: Path) -> Iterator[None]:
    """Hold the file's lock and leave our process id in it."""
    with only_one(pid_file, "a server runs on this var folder already. Fix: stop it first"):
        pid_file.write_text(str(os.getpid()))
        try:
            yield
        finally:
            pid_file.unlink()


@contextmanager
def only_one(file: Path, refusal: str) -> Iterator[None]:
    """Hold an exclusive lock; raises ConflictError when another process holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(refusal) from error
        yield
    finally:
        os.close(descriptor)
