"""``chancela test``: one pytest process over the tiers that were asked for."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import click

from api.cli.output import Reporter, reporter
from api.cli.tree import ROOT, require_checkout
from signer.domain.errors import ConfigurationError

PEERS: Final = {
    "certutil": "libnss3-tools",
    "chromium": "chromium",
    "javac": "default-jdk-headless",
    "mvn": "maven",
    "node": "nodejs",
    "openssl": "openssl",
    "pdfsig": "poppler-utils",
    "qpdf": "qpdf",
    "xmlsec1": "xmlsec1",
}
"""Programs that check what we made, and the Debian packages that bring them."""
SOAK_REPORT: Final = ROOT / "docs" / "soak.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What one run covers."""

    quick: bool = False
    interop: bool = False
    soak: bool = False
    hsm: bool = False
    arguments: tuple[str, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether the coverage gate can be judged: no tier and no test was left out."""
        return not (self.quick or self.hsm or self.soak or self.arguments)


@click.command("test", context_settings={"ignore_unknown_options": True})
@click.option("--quick", is_flag=True, help="Unit, contract and architecture tests only.")
@click.option("--interop", is_flag=True, help="Also against other programs; on when CI=true.")
@click.option(
    "--soak", is_flag=True, help="Only tests with figures, at full size; becomes docs/soak.md."
)
@click.option("--hsm", is_flag=True, help="Only the HSM tests, on the device of the settings.")
@click.option("--wheel", is_flag=True, help="Build the wheel, install it alone and try it.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@reporter
def command(
    report: Reporter,
    *,
    quick: bool,
    interop: bool,
    soak: bool,
    hsm: bool,
    wheel: bool,
    arguments: tuple[str, ...],
) -> None:
    """Run the tests; further arguments go to pytest, whose own last line ends the output."""
    require_checkout()
    if wheel:
        from api.cli.wheel import try_wheel  # noqa: PLC0415 - needs hatchling only here

        try_wheel(report)
        return
    in_ci = os.environ.get("CI") == "true"
    chosen = Selection(
        quick=quick, interop=interop or in_ci, soak=soak, hsm=hsm, arguments=arguments
    )
    if chosen.interop and not chosen.quick:
        install_peers(report)
    outcome = run_pytest(chosen, strict=in_ci, quiet=report.as_json)
    report.fact(pytest_exit_code=outcome)
    if outcome:
        report.failed = True


def pytest_arguments(chosen: Selection, *, strict: bool, gate: Mapping[str, object]) -> list[str]:
    """Build pytest's arguments for a selection."""
    arguments = [sys.executable, "-m", "pytest"]
    left_out = {"soak"} if not chosen.soak else set()
    if not chosen.interop:
        left_out.add("interop")
    if chosen.quick:
        left_out |= {"interop", "hsm", "api", "browser", "pki"}
    arguments.append(f"--tiers-without={','.join(sorted(left_out))}")
    if strict:
        arguments.append("--strict-skips")
    if chosen.soak:
        # -rP: the figures that tests print are the point of this run.
        arguments += ["--figures-only", "-rP", "-p", "no:randomly"]
    if chosen.hsm:
        arguments.append("tests/hsm")
    if chosen.is_full:
        packages = gate["packages"]
        if not isinstance(packages, list):
            raise ConfigurationError("tool.chancela.coverage.packages must be a list.")
        # Whole paths: processes that tests start elsewhere are measured too.
        arguments += [f"--cov={ROOT / package}" for package in packages]
        arguments += ["--cov-branch", "--cov-report=term:skip-covered"]
        if gate["enforce"] is True:
            arguments.append(f"--cov-each-at-least={gate['minimum']}")
    return [*arguments, *chosen.arguments]


def coverage_gate() -> dict[str, object]:
    """Read ``[tool.chancela.coverage]`` of pyproject.toml."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    gate: dict[str, object] = document["tool"]["chancela"]["coverage"]
    return gate


def run_pytest(chosen: Selection, *, strict: bool, quiet: bool) -> int:
    """Run one pytest process; give its exit code (no test at all is a failure)."""
    arguments = pytest_arguments(chosen, strict=strict, gate=coverage_gate())
    environment = dict(os.environ)
    if chosen.soak:
        environment["CHANCELA_SOAK"] = "1"
        return _run_and_keep(arguments, environment)
    if quiet:
        return subprocess.run(  # noqa: S603 - our own interpreter and arguments
            arguments, cwd=ROOT, env=environment, check=False, stdout=sys.stderr
        ).returncode
    return subprocess.run(arguments, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - our own interpreter and arguments


def _run_and_keep(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run, show the output as it comes, and keep it as docs/soak.md."""
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None:
            raise ConfigurationError("pytest could not be started.")
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    text = "".join(lines).replace(str(ROOT), ".")
    heading = "# Last soak run\n\nMade by `./chancela test --soak`.\n"
    SOAK_REPORT.write_text(f"{heading}\n```text\n{text}```\n")
    return process.returncode


def install_peers(report: Reporter) -> None:
    """Install the programs interop tests need, where possible; tests say what is missing."""
    missing = [program for program in PEERS if shutil.which(program) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        report.say(f"! not installed: {', '.join(missing)}; tests that need them will be skipped")
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = [PEERS[program] for program in missing]
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    for step in (install, ["apt-get", "update", "-q"], install):
        outcome = subprocess.run(step, check=False, env=environment, capture_output=True, text=True)  # noqa: S603 - fixed arguments
        if outcome.returncode == 0 and step is install:
            report.done(f"installed {', '.join(packages)}")
            return
    raise ConfigurationError(
        f"apt-get could not install {', '.join(packages)}: {outcome.stderr.strip()[-200:]}"
    )
