"""``--cov-each-at-least 95``: every folder given with ``--cov`` must reach this share of branches.

pytest-cov itself judges only the total, in which one package can hide behind another.
"""

import io
from collections.abc import Generator

import pytest
from coverage import Coverage
from coverage.exceptions import CoverageException


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("chancela").addoption(
        "--cov-each-at-least", type=float, default=None, help="percentage for each --cov folder"
    )


def pytest_configure(config: pytest.Config) -> None:
    minimum = config.getoption("--cov-each-at-least")
    if minimum is not None:
        config.pluginmanager.register(CoverageGate(config, minimum), "chancela-coverage-gate")


class CoverageGate:
    """Judges each folder once all measurements, those of other processes too, are together."""

    def __init__(self, config: pytest.Config, minimum: float) -> None:
        self.config = config
        self.minimum = minimum
        self.reached: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Judge after pytest-cov, whose wrapper is inside this one, put everything together."""
        result = yield
        controller = self.config.pluginmanager.getplugin("_cov").cov_controller
        for folder in self.config.getoption("cov_source"):
            self.reached[folder] = _share(controller.cov, folder)
        if self._too_low():
            session.testsfailed += 1
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print each folder's share."""
        terminalreporter.section(f"coverage of branches, each at least {self.minimum:g} %")
        for folder, share in self.reached.items():
            low = folder in self._too_low()
            terminalreporter.write_line(
                f"{'TOO LOW  ' if low else ''}{folder}: {share:.2f} %", red=low
            )

    def _too_low(self) -> list[str]:
        return [folder for folder, share in self.reached.items() if share < self.minimum]


def _share(measured: Coverage, folder: str) -> float:
    try:
        return measured.report(include=[f"{folder}/*"], file=io.StringIO())
    except CoverageException:
        return 0.0  # nothing of it was ever imported
