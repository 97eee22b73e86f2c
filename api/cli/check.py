"""``chancela check``: every gate that needs no test run, one line each."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from api.cli import gates
from api.cli.output import Reporter, reporter
from api.cli.tree import ROOT, require_checkout

_BIN: Final = Path(sys.executable).parent
_SECRETS_BASELINE: Final = ".secrets.baseline"
_SHOWN: Final = 60
_NOT_SEARCHED: Final = ("requirements.lock", "requirements-test.lock", _SECRETS_BASELINE)


@dataclass(frozen=True, slots=True)
class Gate:
    """One check: its name and what finds faults, one line each."""

    name: str
    faults: Callable[[], Iterable[str]]


def run_tool(*arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Run a program of our environment; None when it is not installed."""
    program = [str(_BIN / arguments[0]), *arguments[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    try:
        return subprocess.run(  # noqa: S603 - fixed programs of our own environment
            program, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
        )
    except FileNotFoundError:
        return None


def tool(*arguments: str, passes: tuple[int, ...] = (0,)) -> Callable[[], Iterable[str]]:
    """Make a gate of a program: its output is the findings when its exit code is not a pass."""

    def run() -> Iterable[str]:
        outcome = run_tool(*arguments)
        if outcome is None:
            return [f"{arguments[0]} is not installed: nothing could be checked"]
        if outcome.returncode in passes:
            return []
        lines = (outcome.stdout + outcome.stderr).splitlines()
        return [line for line in lines if line.strip()] or [f"exit code {outcome.returncode}"]

    return run


def secrets() -> Iterable[str]:
    """Search every tracked file for secrets that the baseline does not explain.

    The hook rewrites its baseline (exit code 3) when only line numbers moved, so it gets a copy.
    """
    files = [str(name) for name in gates.tracked_files() if str(name) not in _NOT_SEARCHED]
    with tempfile.TemporaryDirectory() as folder:
        baseline = Path(folder) / _SECRETS_BASELINE
        shutil.copyfile(ROOT / _SECRETS_BASELINE, baseline)
        return tool("detect-secrets-hook", "--baseline", str(baseline), *files, passes=(0, 3))()


GATES: Final = (
    Gate("format", tool("ruff", "format", "--check", "--quiet", ".")),
    Gate("lint", tool("ruff", "check", "--quiet", "--output-format=concise", ".")),
    Gate("types", tool("mypy", "--no-error-summary")),
    Gate("imports", tool("lint-imports", "--no-logo")),
    Gate("secrets", secrets),
    Gate("licences", gates.refused_licences),
    Gate("lock", gates.stale_locks),
    Gate("links", gates.broken_links),
    Gate("configuration", gates.stale_reference),
    Gate("module size", gates.long_modules),
    Gate("texts", gates.incomplete_texts),
)


@click.command("check")
@click.option("--only", multiple=True, help="Run only the gate of this name; may be repeated.")
@reporter
def command(report: Reporter, *, only: tuple[str, ...]) -> None:
    """Check format, lint, types, imports, secrets, licences, lock, links, sizes and texts."""
    require_checkout()
    unknown = set(only) - {gate.name for gate in GATES}
    if unknown:
        raise click.BadParameter(f"no gate is called {', '.join(sorted(unknown))}")
    results = []
    for gate in GATES:
        if only and gate.name not in only:
            continue
        began = time.monotonic()
        faults = list(gate.faults())
        seconds = time.monotonic() - began
        line = f"{gate.name:<16}{seconds:6.1f} s"
        if faults:
            report.fail(f"{line}  {len(faults)} lines")
            for fault in faults[:_SHOWN]:
                report.say(f"    {fault}")
            if len(faults) > _SHOWN:
                report.say(
                    f"    … {len(faults) - _SHOWN} more; --only '{gate.name}' --json has all"
                )
        else:
            report.done(line)
        results.append({"gate": gate.name, "ok": not faults, "faults": faults})
    report.fact(gates=results)
