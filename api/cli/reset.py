"""``chancela reset``: delete everything under the var folder."""

import shutil
from pathlib import Path

import click

from api.cli.output import Reporter, reporter
from api.settings import Profile, Settings
from signer.domain.errors import ConflictError, InvalidRequestError

_MARKS = ("chancela.db", "demo", "hsm", "softhsm")


@click.command("reset")
@reporter
def command(report: Reporter) -> None:
    """Delete all demo state (database, tokens, certificates, files) under the var folder.

    Refuses in the production profile, while a server runs, and for a folder that is not ours.
    """
    settings = Settings.load()
    if settings.profile is Profile.PRODUCTION:
        raise InvalidRequestError("reset never touches a production installation.")
    removed = wipe(settings.var)
    report.fact(var=str(settings.var), removed=removed)
    report.done(f"{settings.var} is empty" if removed else f"{settings.var} was empty already")


def wipe(var: Path) -> list[str]:
    """Delete what is under ``var``; give the names removed.

    Raises InvalidRequestError for a folder that does not look like ours and ConflictError while a
    server that left its process id in ``var/serve.pid`` is alive.
    """
    if not var.exists():
        return []
    names = sorted(entry.name for entry in var.iterdir())
    if names and not set(names) & set(_MARKS):
        raise InvalidRequestError(f"{var} holds none of {', '.join(_MARKS)}: not deleting it.")
    if _alive(var / "serve.pid"):
        raise ConflictError(f"a server is running on {var}. Fix: stop it first.")
    for name in names:
        entry = var / name
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return names


def _alive(pid_file: Path) -> bool:
    """Tell whether the process whose id the file holds still exists."""
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return False
    return Path(f"/proc/{pid}").exists()
