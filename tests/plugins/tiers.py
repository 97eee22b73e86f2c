"""Which tiers run, and the table of what passed and why something was skipped.

Options: ``--tiers-without interop,soak`` leaves tiers out; ``--strict-skips`` makes every skip a
failure whose reason does not start with ``allowed:``; ``--figures-only`` keeps the tests that are
larger in a soak run: tier ``soak``, and whatever asks for the fixture ``rounds`` or ``soak``.
Such a test states its own time limit, for the limit of all others is meant for small figures.
"""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

ALLOWED = "allowed:"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chancela")
    group.addoption("--figures-only", action="store_true", help="tests with larger soak figures")
    group.addoption("--tiers-without", default="", help="tiers to leave out, by commas")
    group.addoption(
        "--strict-skips",
        action="store_true",
        help=f"a skip is a failure unless its reason starts with '{ALLOWED}'",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Tiers(config), "chancela-tiers")


def tier_of(nodeid: str) -> str:
    """The folder under tests/ that a test lives in."""
    parts = Path(nodeid.partition("::")[0]).parts
    return parts[1] if len(parts) > 2 and parts[0] == "tests" else "other"


class Tiers:
    """Counts outcomes per tier; turns forbidden skips into a failing run."""

    def __init__(self, config: pytest.Config) -> None:
        self.without = {name for name in config.getoption("--tiers-without").split(",") if name}
        self.figures_only = config.getoption("--figures-only")
        self.strict = config.getoption("--strict-skips")
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.reasons: dict[str, Counter[str]] = defaultdict(Counter)
        self.forbidden: list[tuple[str, str]] = []

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out tiers that were not asked for: by folder, or by marker of the same name."""
        kept, left, unlimited = [], [], []
        for item in items:
            marks = {mark.name for mark in item.iter_markers()} | {tier_of(item.nodeid)}
            figures = "soak" in marks or {"rounds", "soak"} & set(getattr(item, "fixturenames", ()))
            if figures and "timeout" not in marks:
                unlimited.append(item.nodeid)
            unwanted = marks & self.without or (self.figures_only and not figures)
            (left if unwanted else kept).append(item)
        if unlimited:
            raise pytest.UsageError(
                f"larger in a soak run, so they need pytest.mark.timeout: {', '.join(unlimited)}"
            )
        if left:
            config.hook.pytest_deselected(items=left)
            items[:] = kept

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a module that was skipped as a whole."""
        if report.skipped:
            self._skip(report.nodeid, report.longrepr)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count each test once."""
        tier = tier_of(report.nodeid)
        if report.skipped and hasattr(report, "wasxfail"):
            self.counts[tier]["xfailed"] += 1
        elif report.skipped:
            self._skip(report.nodeid, report.longrepr)
        elif report.failed:
            self.counts[tier]["failed"] += 1
        elif report.when == "call":
            self.counts[tier]["passed"] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run for skips that are not allowed, keeping worse outcomes."""
        if self.strict and self.forbidden and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table before pytest's own last line."""
        write = terminalreporter.write_line
        terminalreporter.section("tiers")
        write(f"{'tier':<14}{'passed':>8}{'skipped':>9}{'failed':>8}")
        for tier in sorted(self.counts):
            count = self.counts[tier]
            write(f"{tier:<14}{count['passed']:>8}{count['skipped']:>9}{count['failed']:>8}")
            for reason, times in sorted(self.reasons[tier].items()):
                write(f"    skipped {times} x: {reason}")
        if self.strict:
            for nodeid, reason in self.forbidden:
                write(f"FORBIDDEN SKIP {nodeid}: {reason}", red=True)

    def _skip(self, nodeid: str, longrepr: object) -> None:
        text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
        reason = str(text).removeprefix("Skipped: ")
        tier = tier_of(nodeid)
        self.counts[tier]["skipped"] += 1
        self.reasons[tier][reason] += 1
        if not reason.startswith(ALLOWED):
            self.forbidden.append((nodeid, reason))
            if self.strict:
                self.counts[tier]["failed"] += 1
