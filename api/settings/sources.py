"""Where setting values come from: a TOML file, the environment, files that hold secrets."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PREFIX: Final = "CHANCELA_"
BOOTSTRAP: Final = frozenset(
    {"PYTHON", "SOFTHSM_PATHS", "INSTALLER", "CONFIG_FILE", "SOAK", "SPECS", "INTEROP"}
)
"""Names after the prefix that are not settings: the bootstrap and the tests read them."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Values by field name, and what was wrong already while collecting."""

    values: dict[str, object] = field(repr=False)
    problems: tuple[str, ...]


def collect(environment: Mapping[str, str], known: Collection[str]) -> Collected:
    """Read the TOML file, then the environment, then the files of secrets; later wins."""
    values: dict[str, object] = {}
    problems: list[str] = []
    variables = {name: value for name, value in environment.items() if value}
    path = variables.get(f"{PREFIX}CONFIG_FILE")
    if path:
        _read_toml(Path(path), known, values, problems)
    files: dict[str, str] = {}
    for variable in sorted(variables):
        name = variable.removeprefix(PREFIX).lower()
        value = variables[variable]
        if name == variable.lower() or name.upper() in BOOTSTRAP:
            continue
        if name in known:
            values[name] = value
        elif name.endswith("_file") and name.removesuffix("_file") in known:
            files[name.removesuffix("_file")] = value
        else:
            problems.append(f"{variable}: there is no such setting")
    for name, file in files.items():
        if f"{PREFIX}{name.upper()}" in variables:
            problems.append(f"{PREFIX}{name.upper()}: given twice, by value and by file")
        try:
            values[name] = Path(file).read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            problems.append(f"{PREFIX}{name.upper()}_FILE: cannot read {file}")
    return Collected(values, tuple(problems))


def _read_toml(
    path: Path, known: Collection[str], values: dict[str, object], problems: list[str]
) -> None:
    try:
        document = tomllib.loads(path.read_text())
    except OSError:
        problems.append(f"{PREFIX}CONFIG_FILE: cannot read {path}")
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{PREFIX}CONFIG_FILE: {path} is not TOML: {error}")
        return
    for name, value in _flat(document).items():
        if name in known:
            values[name] = value
        else:
            problems.append(f"{name} in {path}: there is no such setting")


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Join table names and keys with underscores."""
    flat: dict[str, object] = {}
    for key, value in table.items():
        name = f"{prefix}{key}".lower()
        flat.update(_flat(value, f"{name}_") if isinstance(value, dict) else {name: value})
    return flat
