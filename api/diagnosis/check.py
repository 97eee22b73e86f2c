"""One check, and what it found."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum, unique

from signer.domain.errors import SigningServiceError


@unique
class Verdict(StrEnum):
    """What a check says."""

    OK = "ok"
    WARNING = "warning"
    """Works, but not for long or not well."""
    FAULT = "fault"
    SKIPPED = "skipped"
    """Not asked, because something it stands on is at fault."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check."""

    name: str
    verdict: Verdict
    detail: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """For ``--json``."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "detail": self.detail,
            "fix": self.fix,
        }


class NotWellError(Exception):
    """Raised by a check for what is a warning; never leaves this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something to look at."""

    name: str
    look: Callable[[], str]
    """Gives what is well; raises SigningServiceError or OSError (fault) or NotWellError."""
    fix: str
    """What to do about it, unless the error itself says so."""
    needs: tuple[str, ...] = ()
    """Checks without which this one says nothing new."""


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Look at everything, in order."""
    unsound: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in unsound]
        if missing:
            finding = Finding(check.name, Verdict.SKIPPED, f"needs {', '.join(missing)}")
        else:
            finding = _look(check)
        if finding.verdict in {Verdict.FAULT, Verdict.SKIPPED}:
            unsound.add(check.name)
        yield finding


def _look(check: Check) -> Finding:
    try:
        return Finding(check.name, Verdict.OK, check.look())
    except NotWellError as warning:
        return Finding(check.name, Verdict.WARNING, str(warning), check.fix)
    except SigningServiceError as error:
        cause, _, own_fix = error.detail.partition("Fix: ")
        return Finding(check.name, Verdict.FAULT, cause.strip(), own_fix or check.fix)
    except OSError as error:
        return Finding(check.name, Verdict.FAULT, str(error), check.fix)
