"""Where the checkout is: only commands that tend the source tree itself need to know."""

from pathlib import Path
from typing import Final

from signer.domain.errors import ConfigurationError

ROOT: Final = Path(__file__).resolve().parents[2]
"""Folder of ``chancela`` and ``pyproject.toml``; meaningless in an installed wheel."""


def require_checkout() -> None:
    """Raise ConfigurationError in an installed wheel, which has no tests, lock or documents."""
    if not (ROOT / "pyproject.toml").is_file():
        raise ConfigurationError("this command works in a source checkout only.")
