"""Opens the tokens a process is allowed to use; nothing is loaded before the first use."""

import os
from functools import cached_property
from pathlib import Path

from api.settings import Settings
from hsm import SAMToken, TokenConfig, open_pki, open_root, open_sam
from hsm.tokens import ServiceToken
from signer.domain.errors import ConfigurationError
from signer.domain.values import Secret


class Device:
    """Tokens by role; the supervisor and most commands never touch one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def sam(self) -> SAMToken:
        """Master keys, field keys, audit key."""
        return open_sam(self.sam_config)

    @property
    def sam_config(self) -> TokenConfig:
        """How to reach token ``sam``, for tests of the device in a process of their own."""
        return self._config(self._settings.hsm_sam_label, self._settings.hsm_sam_pin_file)

    @cached_property
    def pki(self) -> ServiceToken:
        """CA, OCSP, TSA, attribute authority, trusted list."""
        return open_pki(self._config(self._settings.hsm_pki_label, self._settings.hsm_pki_pin_file))

    @cached_property
    def root(self) -> ServiceToken:
        """The root CA's key: for ceremonies only."""
        return open_root(
            self._config(self._settings.hsm_root_label, self._settings.hsm_root_pin_file)
        )

    def _config(self, label: str, pin_file: Path) -> TokenConfig:
        settings = self._settings
        conf = settings.hsm_softhsm_conf if settings.hsm_profile == "softhsm" else None
        if conf is not None:
            os.environ["SOFTHSM2_CONF"] = str(conf)
        return TokenConfig(
            module=find_module(settings.pkcs11_module),
            label=label,
            user_pin=_pin(pin_file),
            lock_path=settings.hsm_lock_file,
            profile=settings.hsm_profile,
            softhsm_conf=conf,
            reinitialise_interval_seconds=settings.hsm_reinitialise_interval_seconds,
        )


KNOWN_MODULES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/lib64/softhsm/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)


def find_module(configured: Path | None) -> Path:
    """The PKCS#11 module; raises ConfigurationError that says cause and fix."""
    candidates = (configured,) if configured else KNOWN_MODULES
    for path in candidates:
        if path.is_file():
            return path
    tried = ", ".join(str(path) for path in candidates)
    raise ConfigurationError(
        f"PKCS#11 module not found. Tried: {tried}. Fix: install softhsm2, or set "
        "CHANCELA_PKCS11_MODULE. Details: docs/hsm.md"
    )


def _pin(file: Path) -> Secret:
    try:
        return Secret(file.read_text().strip())
    except OSError as error:
        raise ConfigurationError(
            f"the token's PIN file {file} cannot be read. Fix: run the ceremony, or give this "
            "process access. Details: docs/hsm.md"
        ) from error
