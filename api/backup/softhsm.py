"""Where SoftHSM keeps its tokens."""

from pathlib import Path

from signer.domain.errors import ConfigurationError


def token_directory(configuration: Path) -> Path:
    """``directories.tokendir`` of a softhsm2.conf; raises ConfigurationError."""
    try:
        lines = configuration.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(
            f"{configuration} cannot be read. Fix: check CHANCELA_HSM_SOFTHSM_CONF"
        ) from error
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() == "directories.tokendir":
            return Path(value.strip())
    raise ConfigurationError(f"{configuration} names no directories.tokendir")
