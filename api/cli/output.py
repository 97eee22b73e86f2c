"""What every command prints: lines for people on stdout, or one JSON object with ``--json``.

Exit codes, the same for every command:

* 0: done, or the answer is yes (every check passed, every signature is valid)
* 1: the answer is no, or the operation was refused
* 2: wrong usage: an option, an argument or input that does not fit
* 3: the installation is incomplete or not available: settings, tokens, database, network
"""

import functools
import json
import sys
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Concatenate, Final, ParamSpec

import click

from signer.domain.errors import (
    ConfigurationError,
    InvalidRequestError,
    QSCDUnavailableError,
    SigningServiceError,
    StoreUnavailableError,
    UnavailableError,
)

P = ParamSpec("P")

_FIX: Final[Mapping[type[SigningServiceError], tuple[str, str]]] = {
    ConfigurationError: ("./chancela doctor shows what is missing.", "docs/configuration.md"),
    QSCDUnavailableError: ("./chancela doctor tests the tokens.", "docs/hsm.md"),
    StoreUnavailableError: ("check CHANCELA_DATABASE_URL.", "docs/configuration.md"),
    UnavailableError: ("try again; ./chancela doctor shows which part.", "docs/configuration.md"),
}


class ExitCode(IntEnum):
    """What a command tells its caller."""

    OK = 0
    NO = 1
    USAGE = 2
    UNAVAILABLE = 3


class Reporter:
    """Collects what a command has to say and prints it in the form that was asked for."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.failed = False
        self._facts: dict[str, object] = {}

    def say(self, text: str = "") -> None:
        """Print a line for people."""
        if not self.as_json:
            click.echo(text)

    def done(self, text: str) -> None:
        """Print ✓ and what was done."""
        self.say(f"✓ {text}")

    def fail(self, text: str) -> None:
        """Print ✗ and what went wrong; the command ends with exit code 1."""
        self.failed = True
        self.say(f"✗ {text}")

    def fact(self, **facts: object) -> None:
        """Add members to the JSON object; people see nothing of them."""
        self._facts.update(facts)

    def close(self) -> None:
        """Print the JSON object; ``ok`` is always its first member."""
        if self.as_json:
            answer = {"ok": not self.failed, **self._facts}
            click.echo(json.dumps(answer, ensure_ascii=False, indent=2, default=str))


def reporter(body: Callable[Concatenate[Reporter, P], None]) -> Callable[P, None]:
    """Give a command ``--json``, a :class:`Reporter` and the common exit codes."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
    @functools.wraps(body)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        report = Reporter(as_json=bool(kwargs.pop("as_json", False)))
        try:
            body(report, *args, **kwargs)
        except SigningServiceError as error:
            sys.exit(_render(report, error))
        report.close()
        if report.failed:
            sys.exit(ExitCode.NO)

    return run


def exit_code(error: SigningServiceError) -> ExitCode:
    """Choose the exit code for an error that ends a command."""
    if isinstance(error, InvalidRequestError):
        return ExitCode.USAGE
    if isinstance(error, ConfigurationError | UnavailableError):
        return ExitCode.UNAVAILABLE
    return ExitCode.NO


def rendering(error: SigningServiceError) -> str:
    """Cause, fix and page in one line; a text that carries its own ``Fix:`` keeps it."""
    text = error.detail if error.detail.endswith(".") else f"{error.detail}."
    found = next((_FIX[kind] for kind in type(error).__mro__ if kind in _FIX), None)
    if found is None:
        return f"✗ {text}"
    fix, page = found
    if "Fix:" not in text:
        text = f"{text} Fix: {fix}"
    return f"✗ {text} Details: {page}"


def _render(report: Reporter, error: SigningServiceError) -> ExitCode:
    code = exit_code(error)
    report.failed = True
    click.echo(rendering(error), err=True)
    report.fact(error={"code": error.code, "detail": error.detail, "exit_code": int(code)})
    report.close()
    return code
