"""Brings a backup back into an empty installation."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from api.backup import manifest
from api.backup.manifest import Manifest, copy_private
from api.backup.softhsm import token_directory
from api.installation import softhsm_script
from api.wiring import Services
from signer.adapters.store import dump, migrating
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import ConfigurationError, ConflictError


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    manifest: Manifest
    sha256: str
    ended: int
    """Transactions that were open in the copy and are void now."""
    missing: tuple[str, ...]
    """What must be put in place by hand."""


def restore_backup(
    services: Services, source: Path, *, actor: str, expected_sha256: str | None = None
) -> Restored:
    """Check the manifest, then tokens, certificates and database; recorded in a new chain.

    Nothing is written unless every file is what the manifest says and every target is empty.
    Raises InvalidRequestError, ConfigurationError, ConflictError, StoreUnavailableError.
    """
    found, sha256 = Manifest.read(source)
    if expected_sha256 is not None and expected_sha256.lower() != sha256:
        raise ConfigurationError("the backup is not the one with this SHA-256")
    _require_empty(services, source)
    _restore_files(services, source, found)
    url = services.settings.database_url
    migrating.upgrade(url, found.revision)
    loaded = dump.load_tables(services.stores.database, source / manifest.DATABASE)
    if loaded != dict(found.tables):
        raise ConfigurationError("the rows of the backup are not as many as its manifest says")
    migrating.upgrade(url)
    ended = dump.end_what_was_open(
        services.stores.database,
        services.stores.chain,
        services.stores.clock,
        audit=AuditRecord(
            event=AuditEvent.BACKUP_RESTORED,
            actor=actor,
            facts={"sha256": sha256, "made_at": found.made_at},
        ),
    )
    if dump.count_keys(services.stores.database) != found.keys:
        raise ConfigurationError("the number of keys is not that of the backup")
    return Restored(found, sha256, ended, _missing(services))


def _require_empty(services: Services, source: Path) -> None:
    settings = services.settings
    settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    if migrating.current(settings.database_url) is not None:
        raise ConflictError("the database has tables already: restore needs an empty one")
    targets = [services.trust.directory, settings.hsm_transcript_file]
    if (source / manifest.TOKENS).is_dir() and settings.hsm_softhsm_conf.is_file():
        targets.append(token_directory(settings.hsm_softhsm_conf))
    for target in targets:
        if target.is_file() or (target.is_dir() and any(target.iterdir())):
            raise ConflictError(f"{target} is there already: restore needs an empty installation")


def _restore_files(services: Services, source: Path, found: Manifest) -> None:
    settings = services.settings
    if (source / manifest.TOKENS).is_dir():
        if settings.hsm_profile != found.hsm_profile:
            raise ConfigurationError(
                f"the tokens are of profile {found.hsm_profile}, CHANCELA_HSM_PROFILE is "
                f"{settings.hsm_profile}"
            )
        if not settings.hsm_softhsm_conf.is_file():
            subprocess.run(  # noqa: S603 - our own script with our own path
                ["/bin/sh", str(softhsm_script()), str(settings.hsm_softhsm_conf.parent)],
                check=True,
                capture_output=True,
            )
        copy_private(source / manifest.TOKENS, token_directory(settings.hsm_softhsm_conf))
    for name, target in (
        (manifest.TRANSCRIPT, settings.hsm_transcript_file),
        (manifest.CERTIFICATES, services.trust.directory),
        (manifest.TSA_ANCHORS, settings.var / manifest.TSA_ANCHORS),
        (f"{manifest.PINS}/root.pin", settings.hsm_root_pin_file),
        (f"{manifest.PINS}/pki.pin", settings.hsm_pki_pin_file),
        (f"{manifest.PINS}/sam.pin", settings.hsm_sam_pin_file),
    ):
        if (source / name).exists() and not target.is_file():
            copy_private(source / name, target)


def _missing(services: Services) -> tuple[str, ...]:
    settings = services.settings
    wanted = (settings.hsm_sam_pin_file, settings.hsm_pki_pin_file)
    return tuple(f"PIN file {file}" for file in wanted if not file.is_file())
