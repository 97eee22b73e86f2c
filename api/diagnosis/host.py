"""Disk and files of this machine."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from api.diagnosis.check import NotWellError
from api.wiring import Services
from signer.domain.errors import ConfigurationError

_LEAST_FREE_PERCENT: Final = 5
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_VARIABLES: Final = ("SMS_GATEWAY_TOKEN", "SMTP_PASSWORD", "SMS_RECEIPT_TOKEN", "WEB_SECRET_KEY")


def disk_space(process: Services) -> str:
    """More than 5 % free where state is written."""
    var = process.settings.var
    usage = shutil.disk_usage(var if var.exists() else var.parent)
    percent = usage.free * 100 / usage.total
    if percent <= _LEAST_FREE_PERCENT:
        raise ConfigurationError(f"{percent:.1f} % of the disk of {var} is free")
    return f"{percent:.0f} % free"


def private_files(process: Services) -> str:
    """Files with secrets may be read by their owner only."""
    found = tuple(_secret_files(process))
    for file in found:
        mode = file.stat().st_mode
        if mode & _OTHERS:
            raise ConfigurationError(f"{file} may be read by others (mode {stat.S_IMODE(mode):o})")
        if not os.access(file, os.R_OK):
            raise ConfigurationError(f"{file} cannot be read by this user")
    given = [name for name in _VARIABLES if os.environ.get(f"CHANCELA_{name}")]
    if given:
        names = ", ".join(f"CHANCELA_{name}" for name in given)
        raise NotWellError(f"secrets in the environment: {names}; give them as files (…_FILE)")
    return f"{len(found)} files with secrets are private"


def _secret_files(process: Services) -> Iterator[Path]:
    settings = process.settings
    pins = (settings.hsm_sam_pin_file, settings.hsm_pki_pin_file)
    for file in pins:
        if not file.is_file():
            raise ConfigurationError(
                f"{file} is missing. Fix: hold the ceremony, or put the PIN file in place"
            )
        yield file
    files = [settings.hsm_root_pin_file, settings.var / "web.key"]
    files += [settings.var / "demo" / "tls" / "server.key"]
    if settings.is_production and settings.uses_sqlite:
        files.append(Path(make_url(settings.database_url).database or ""))
    files += [Path(os.environ[name]) for name in _file_variables() if os.environ.get(name)]
    yield from (file for file in files if file.is_file())


def _file_variables() -> Iterator[str]:
    return (f"CHANCELA_{name}_FILE" for name in _VARIABLES)
