"""Makes what an installation stands on: tokens, certificates, database.  Safe to repeat."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import hsm
from api.settings import Settings
from api.wiring import Services
from api.wiring.device import find_module
from certs.keys import PrivateKey
from certs.setup import Hierarchy, Role, establish
from hsm.service_keys import ServiceKey
from signer.adapters.store.migrating import upgrade
from signer.domain.errors import ConfigurationError

_ROOT: Final = Path(__file__).resolve().parents[1]
Say = Callable[[str], None]


def softhsm_script() -> Path:
    """The script that prepares a SoftHSM directory, from the tree or from the wheel."""
    for directory in (_ROOT, Path(hsm.__file__).parent):
        script = directory / "softhsm-config" / "init-softhsm.sh"
        if script.is_file():
            return script
    raise ConfigurationError("softhsm-config is missing from this installation; reinstall it")


def make_softhsm_tokens(settings: Settings, say: Say) -> None:
    """Configuration, random PINs (0600) and the ceremony; nothing when the transcript exists."""
    if settings.hsm_transcript_file.exists():
        return
    directory = settings.hsm_transcript_file.parent
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    subprocess.run(  # noqa: S603 - our own script with our own path
        ["/bin/sh", str(softhsm_script()), str(directory)], check=True, capture_output=True
    )
    description = directory / "ceremony.toml"
    description.write_text(_description(settings, directory))
    run_ceremony(description, settings.hsm_transcript_file, settings.hsm_softhsm_conf, say)


def _description(settings: Settings, directory: Path) -> str:
    so_pin = directory / "so.pin"
    _draw_pin(so_pin)
    lines = [
        f'module = "{find_module(settings.pkcs11_module)}"',
        f'profile = "{settings.hsm_profile}"',
    ]
    for name, label, pin_file in (
        ("root", settings.hsm_root_label, settings.hsm_root_pin_file),
        ("pki", settings.hsm_pki_label, settings.hsm_pki_pin_file),
        ("sam", settings.hsm_sam_label, settings.hsm_sam_pin_file),
    ):
        _draw_pin(pin_file)
        lines += [
            f"[tokens.{name}]",
            f'label = "{label}"',
            f'user_pin_file = "{pin_file}"',
            f'so_pin_file = "{so_pin}"',
        ]
    return "\n".join(lines) + "\n"


def _draw_pin(file: Path) -> None:
    if file.exists():
        return
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(secrets.token_hex(16))


def run_ceremony(description: Path, transcript: Path, softhsm_conf: Path | None, say: Say) -> None:
    """Run ``hsm.ceremony`` in its own process; raises ConfigurationError with its last words."""
    environment = dict(os.environ)
    if softhsm_conf is not None:
        environment["SOFTHSM2_CONF"] = str(softhsm_conf)
    done = subprocess.run(  # noqa: S603 - our own module in our own interpreter
        [sys.executable, "-m", "hsm.ceremony", str(description), "--transcript", str(transcript)],
        env=environment,
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.strip().splitlines()
    if done.returncode != 0:
        raise ConfigurationError(lines[-1] if lines else "the ceremony failed")
    for line in lines:
        say(line)


def establish_certificates(services: Services) -> Hierarchy:
    """All certificates of our services; the only time the root's key is used."""
    trust = services.trust
    if (trust.directory / "root.crl").exists():
        return trust.hierarchy
    hierarchy = establish(
        _keys(services),
        trust.names,
        services.settings.pki_url,
        services.stores.clock,
        country=trust.country,
    )
    hierarchy.save(trust.directory)
    return trust.hierarchy


def _keys(services: Services) -> Mapping[str, PrivateKey]:
    root, pki = services.device.root.keys, services.device.pki.keys
    keys = {Role.ROOT_CA.value: root.key(ServiceKey.ROOT_CA)}
    for role in Role:
        if role is not Role.ROOT_CA:
            keys[role.value] = pki.key(ServiceKey(role.value))
    return keys


def migrate(services: Services) -> None:
    """Bring the database to the newest revision and make our certificates known to it."""
    services.settings.var.mkdir(parents=True, exist_ok=True)
    upgrade(services.settings.database_url)
    services.trust.hierarchy.register(services.stores.certificates)
