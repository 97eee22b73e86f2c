"""Builds the wheel, installs it into a venv of its own and tries it: nothing may come from here."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from api.cli.output import Reporter
from api.cli.tree import ROOT
from signer.domain.errors import ConfigurationError, NotFoundError

SHIPPED: Final = (
    "api/web/templates",
    "api/web/static",
    "hsm/softhsm-config",
    "signer/adapters/store/migrations",
    "signer/profiles",
    "signer/texts",
)
"""Folders of data that an installation needs: each must hold at least one file in the wheel."""


def try_wheel(report: Reporter) -> None:
    """Build, inspect, install and run the wheel.

    Raises ConfigurationError when a step fails and NotFoundError when data is missing in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        # Built from what git knows, so that a forgotten `git add` shows.
        source = work / "source"
        source.mkdir()
        archive = work / "tree.tar"
        _run("git", "-C", str(ROOT), "archive", "--output", str(archive), "HEAD")
        shutil.unpack_archive(archive, source, filter="data")
        _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(work), str(source))
        (wheel,) = work.glob("chancela-*.whl")
        report.done(f"{wheel.name} built, {wheel.stat().st_size // 1024} KiB")
        missing = missing_data(wheel)
        if missing:
            raise NotFoundError(f"the wheel lacks {', '.join(missing)}.")
        report.done("templates, migrations, profiles, texts and token configuration are inside")
        python = work / "venv" / "bin" / "python"
        _run(sys.executable, "-m", "venv", str(work / "venv"))
        lock = str(source / "requirements.lock")
        pip = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check")
        _run(*pip, "--require-hashes", "-r", lock)
        _run(*pip, "--no-deps", "--no-index", str(wheel))
        for arguments in (("--help",), ("--version",), ("config", "show", "--json")):
            _run(str(work / "venv" / "bin" / "chancela"), *arguments, cwd=work)
        _run(str(python), "-m", "pip", "check", cwd=work)
        report.done("installed alone; chancela --help and config show work")
        report.fact(wheel=wheel.name)


def missing_data(wheel: Path) -> list[str]:
    """Name the folders of :data:`SHIPPED` without a file in the wheel."""
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    return [folder for folder in SHIPPED if not any(n.startswith(f"{folder}/") for n in names)]


def _run(*arguments: str, cwd: Path | None = None) -> None:
    outcome = subprocess.run(arguments, cwd=cwd, check=False, capture_output=True, text=True)  # noqa: S603 - fixed arguments
    if outcome.returncode:
        tail = (outcome.stderr or outcome.stdout).strip()[-600:]
        raise ConfigurationError(f"{Path(arguments[0]).name} {arguments[1]} failed: {tail}")
