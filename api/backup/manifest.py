"""The list of a backup's files with their SHA-256, and what was counted when it was made."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from signer.domain.errors import ConfigurationError, InvalidRequestError

FORMAT: Final = "chancela-backup/1"
NAME: Final = "manifest.json"
DATABASE: Final = "database"
TOKENS: Final = "tokens"
CERTIFICATES: Final = "pki"
TSA_ANCHORS: Final = "tsa-anchors"
PINS: Final = "pins"
TRANSCRIPT: Final = "transcript.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds."""

    made_at: str
    """RFC 3339."""
    version: str
    revision: str
    """Of the database's tables."""
    hsm_profile: str
    tables: Mapping[str, int]
    """Rows."""
    keys: int
    """Signing keys in the database."""
    files: Mapping[str, str]
    """Relative path to hex SHA-256."""
    format: str = FORMAT

    def to_json(self) -> bytes:
        """The file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def read(cls, directory: Path) -> tuple[Self, str]:
        """The manifest and its own SHA-256, after checking every file.

        Raises InvalidRequestError when this is no backup, ConfigurationError naming the first
        file that is missing, changed or not listed.
        """
        try:
            content = (directory / NAME).read_bytes()
            found = cls(**json.loads(content))
        except (OSError, ValueError, TypeError) as error:
            raise InvalidRequestError(f"{directory} is no backup", field="directory") from error
        if found.format != FORMAT:
            raise InvalidRequestError(f"{directory} is a backup of another form")
        actual = hashes_of(directory)
        for name in sorted(found.files.keys() | actual.keys()):
            if name not in actual:
                raise ConfigurationError(f"the backup is incomplete: {name} is missing")
            if found.files.get(name) != actual[name]:
                raise ConfigurationError(f"the backup was changed: {name} is not what was written")
        return found, hashlib.sha256(content).hexdigest()


def hashes_of(directory: Path) -> dict[str, str]:
    """Hex SHA-256 of every file below ``directory`` but the manifest, by relative path."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() or path.is_symlink())
    return {
        path.relative_to(directory).as_posix(): _hash(path)
        for path in files
        if path != directory / NAME
    }


def write_private(path: Path, content: bytes) -> None:
    """A new file for the owner alone, on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def copy_private(source: Path, target: Path) -> None:
    """Copy a file or a whole folder; files 0600, folders 0700."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(target, source.read_bytes())
        return
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    for entry in sorted(source.iterdir()):
        copy_private(entry, target / entry.name)


def _hash(path: Path) -> str:
    if path.is_symlink():
        return "a symbolic link"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
