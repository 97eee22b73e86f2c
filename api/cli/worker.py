"""``chancela worker``: delivers messages and keeps things in order."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import click
from prometheus_client import Gauge

from api.cli.output import Reporter, reporter
from api.cli.serve import only_one
from api.logging_setup import configure_logging
from api.serving.supervisor import end_with_parent
from api.settings import Settings
from api.wiring import Services, open_services
from api.wiring.jobs import jobs
from api.wiring.process_life import compare_with_ceremony, record_started, record_stopped
from signer.adapters.store.migrating import require_current
from signer.operations.housekeeping import Job, Worker

_FAILURES = Gauge(
    "chancela_job_failures_in_a_row",
    "Passes of a worker's job that failed since it last succeeded",
    ["job"],
    multiprocess_mode="livemax",
)
_HANDLED = Gauge(
    "chancela_job_handled",
    "Things a worker's job has handled since the worker started",
    ["job"],
    multiprocess_mode="livesum",
)


@click.command("worker")
@click.option("--parent", type=int, hidden=True)
@reporter
def command(report: Reporter, *, parent: int | None) -> None:
    """Deliver messages, end what has expired, sign the audit log; until SIGTERM or Ctrl-C."""
    if parent is not None:
        end_with_parent(parent)
    os.umask(0o077)  # what these processes write is for them alone
    settings = Settings.load()
    configure_logging(form=settings.log_format, level=settings.log_level)
    require_current(settings.database_url)
    with _place(settings):
        services = open_services(settings)
        compare_with_ceremony(services)
        record_started(services, "worker")
        try:
            run(services)
        finally:
            record_stopped(services, "worker")
    report.done("worker stopped")


def run(services: Services) -> None:
    """Work until a signal comes."""
    found = jobs(services)
    figures = Job(name="figures", run=lambda: show(worker), every=timedelta(seconds=5))
    worker = Worker((*found, figures), services.stores.clock, threading.Event())
    worker.run()


def show(worker: Worker) -> int:
    """Put the jobs' health into the figures; handles nothing."""
    for name, health in worker.health.items():
        _FAILURES.labels(name).set(health.failures_in_a_row)
        _HANDLED.labels(name).set(health.handled)
    return 0


@contextmanager
def _place(settings: Settings) -> Iterator[None]:
    """On SQLite there is one worker; raises ConflictError for the second."""
    lock = settings.var / "run" / "worker.lock"
    refusal = "a worker runs on this database already, and SQLite has room for one. Fix: stop it"
    with only_one(lock, refusal) if settings.uses_sqlite else nullcontext():
        yield
