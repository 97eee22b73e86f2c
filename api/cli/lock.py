"""``chancela lock``: pin every dependency with its hashes, both lock files in one resolution."""

import hashlib
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import click

from api.cli.output import Reporter, reporter
from api.cli.tree import ROOT, require_checkout
from signer.domain.errors import ConfigurationError

RUNTIME_LOCK: Final = ROOT / "requirements.lock"
TEST_LOCK: Final = ROOT / "requirements-test.lock"
_DIGEST: Final = re.compile(r"^# inputs: sha256:([0-9a-f]{64})$", re.MULTILINE)


def inputs_digest(pyproject: bytes) -> str:
    """SHA-256 (hex) over every requirement that pyproject.toml names, runtime and extras."""
    project = tomllib.loads(pyproject.decode())["project"]
    lines = [f"core {requirement}" for requirement in project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        lines += [f"{extra} {requirement}" for requirement in requirements]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def locked_digest(lock: str) -> str | None:
    """Give the digest a lock file was made from, or None when it carries none."""
    found = _DIGEST.search(lock)
    return found[1] if found else None


@click.command("lock")
@click.option("--upgrade", is_flag=True, help="Take the newest versions that fit.")
@reporter
def command(report: Reporter, *, upgrade: bool) -> None:
    """Resolve pyproject.toml into requirements.lock and requirements-test.lock (needs uv)."""
    require_checkout()
    uv = shutil.which("uv")
    if uv is None:
        text = "uv was not found. Fix: pip install uv, then start again."
        raise ConfigurationError(text)
    # The test lock is resolved first; the runtime lock is the part of it that products need.
    _compile(uv, TEST_LOCK, "--extra", "test", *(["--upgrade"] if upgrade else []))
    _compile(uv, RUNTIME_LOCK, "--constraint", str(TEST_LOCK))
    report.done("requirements.lock and requirements-test.lock written")


def _compile(uv: str, target: Path, *options: str) -> None:
    """Run one universal resolution; keep pinned versions unless told otherwise."""
    arguments = [uv, "pip", "compile", "--universal", "--generate-hashes", "--python-version"]
    arguments += ["3.11", "--no-header", "--no-annotate", "--quiet", *options]
    arguments += ["--output-file", str(target), "pyproject.toml"]
    outcome = subprocess.run(arguments, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed arguments, no shell
    if outcome.returncode:
        raise ConfigurationError(f"uv could not resolve {target.name}; its reason is above.")
    digest = inputs_digest((ROOT / "pyproject.toml").read_bytes())
    header = (
        f"# Made by ./chancela lock from pyproject.toml; do not edit.\n# inputs: sha256:{digest}\n"
    )
    target.write_text(header + target.read_text())
