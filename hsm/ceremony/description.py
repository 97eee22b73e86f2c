"""The description file a ceremony follows."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hsm.keys import KEYS, KeySpec, TokenName
from hsm.profile import HSMProfile, profile_named
from signer.domain.errors import ConfigurationError
from signer.domain.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDescription:
    """One token to be filled."""

    name: TokenName
    label: str
    user_pin: Secret
    so_pin: Secret | None
    """None when the HSM's own tools made the token."""

    @property
    def keys(self) -> tuple[KeySpec, ...]:
        """The rows of the key table that live here."""
        return tuple(spec for spec in KEYS if spec.token is self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the ceremony is to make."""

    module: Path
    profile: HSMProfile
    tokens: tuple[TokenDescription, ...]

    def token(self, name: TokenName) -> TokenDescription:
        """One of the tokens; raises ConfigurationError when it is not described."""
        for token in self.tokens:
            if token.name is name:
                return token
        msg = f"the description has no [tokens.{name}]"
        raise ConfigurationError(msg)


def read_description(path: Path) -> Description:
    """Parse a description; relative paths in it start at its own folder.

    Form: ``module``, ``profile``, and per token ``[tokens.root|pki|sam]`` with ``label``,
    ``user_pin_file`` and, where the ceremony makes the token itself, ``so_pin_file``.  Raises
    ConfigurationError naming what is wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        msg = f"{path}: {failure}"
        raise ConfigurationError(msg) from failure
    unknown = raw.keys() - {"module", "profile", "tokens"}
    if unknown:
        msg = f"{path}: unknown settings {sorted(unknown)}"
        raise ConfigurationError(msg)
    profile = profile_named(_text(raw, "profile", "softhsm"))
    module = path.parent / _text(raw, "module")
    if not module.is_file():
        msg = f"PKCS#11 module not found: {module}.  Fix: install softhsm2, or correct `module`"
        raise ConfigurationError(msg)
    sections = raw.get("tokens")
    if not isinstance(sections, dict) or sections.keys() != set(TokenName):
        msg = f"{path}: one section each for {', '.join(f'tokens.{n}' for n in TokenName)}"
        raise ConfigurationError(msg)
    tokens = tuple(_token(path.parent, name, sections[name], profile) for name in TokenName)
    if len({token.label for token in tokens}) != len(tokens):
        msg = f"{path}: token labels must differ"
        raise ConfigurationError(msg)
    return Description(module=module, profile=profile, tokens=tokens)


def _token(
    folder: Path, name: TokenName, section: Mapping[str, object], profile: HSMProfile
) -> TokenDescription:
    unknown = section.keys() - {"label", "user_pin_file", "so_pin_file"}
    if unknown:
        msg = f"tokens.{name}: unknown settings {sorted(unknown)}"
        raise ConfigurationError(msg)
    so_pin = None
    if profile.initialises_tokens:
        so_pin = read_pin(folder / _text(section, "so_pin_file"))
    return TokenDescription(
        name=name,
        label=_text(section, "label"),
        user_pin=read_pin(folder / _text(section, "user_pin_file")),
        so_pin=so_pin,
    )


def _text(section: Mapping[str, object], name: str, default: str = "") -> str:
    value = section.get(name, default)
    if not isinstance(value, str) or not value:
        msg = f"setting {name}: a text is needed"
        raise ConfigurationError(msg)
    return value


def read_pin(path: Path) -> Secret:
    """A PIN from a file that only its owner can read; raises ConfigurationError otherwise."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(descriptor, encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
            mode = os.fstat(descriptor).st_mode
            pin = file.read().strip()
    except OSError as failure:
        msg = f"PIN file {path}: {failure.strerror}"
        raise ConfigurationError(msg) from failure
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"PIN file {path} is open to others.  Fix: chmod 600"
        raise ConfigurationError(msg)
    if not pin:
        msg = f"PIN file {path} is empty"
        raise ConfigurationError(msg)
    return Secret(pin)
