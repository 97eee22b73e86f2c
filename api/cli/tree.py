"""Where the checkout is: only commands that tend the source tree itself need to know."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""Folder of ``chancela`` and ``pyproject.toml``; meaningless in an installed wheel."""
