"""Makes a backup."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from api import __version__
from api.backup import manifest
from api.backup.manifest import Manifest, copy_private, hashes_of, write_private
from api.backup.softhsm import token_directory
from api.wiring import Services
from signer.adapters.store import dump, migrating
from signer.audit.archive import rfc3339
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import ConfigurationError, ConflictError


@dataclass(frozen=True, slots=True)
class Made:
    """What a backup holds."""

    path: Path
    manifest: Manifest
    sha256: str
    """Of the manifest: note it down elsewhere."""
    left_out: tuple[str, ...]
    """What somebody else must copy."""


def make_backup(services: Services, target: Path, *, actor: str, with_pins: bool) -> Made:
    """Write everything to the new folder ``target``; safe while servers run.

    Recorded as ``backup.made``; a backup that cannot be recorded is deleted again.
    Raises ConflictError when ``target`` exists, StoreUnavailableError.
    """
    partial = target.with_name(f".{target.name}.partial")
    if target.exists() or partial.exists():
        raise ConflictError(f"{target} exists: a backup never overwrites. Fix: name a new folder")
    partial.mkdir(parents=True, mode=0o700)
    try:
        made, left_out = _write(services, partial, with_pins=with_pins)
        sha256 = hashlib.sha256((partial / manifest.NAME).read_bytes()).hexdigest()
        services.stores.audit_log.record(
            AuditRecord(
                event=AuditEvent.BACKUP_MADE,
                actor=actor,
                facts={"sha256": sha256, "target": target.name, "with_pins": with_pins},
            )
        )
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Made(target, made, sha256, left_out)


def _write(
    services: Services, directory: Path, *, with_pins: bool
) -> tuple[Manifest, tuple[str, ...]]:
    settings, database = services.settings, services.stores.database
    revision = migrating.current(settings.database_url)
    if revision is None:
        raise ConfigurationError("the database has no tables: there is nothing to back up")
    # Tokens first: keys are never deleted from them, so a row's key is always in the copy.
    left_out = _copy_files(services, directory, with_pins=with_pins)
    tables = dump.dump_tables(database, directory / manifest.DATABASE)
    made = Manifest(
        made_at=rfc3339(services.stores.clock.now()),
        version=__version__,
        revision=revision,
        hsm_profile=settings.hsm_profile,
        tables=tables,
        keys=dump.count_keys_in(directory / manifest.DATABASE),
        files=hashes_of(directory),
    )
    write_private(directory / manifest.NAME, made.to_json())
    return made, left_out


def _copy_files(services: Services, directory: Path, *, with_pins: bool) -> tuple[str, ...]:
    settings = services.settings
    left_out: list[str] = []
    if settings.hsm_profile == "softhsm":
        copy_private(token_directory(settings.hsm_softhsm_conf), directory / manifest.TOKENS)
    else:
        labels = (settings.hsm_root_label, settings.hsm_pki_label, settings.hsm_sam_label)
        left_out.append(
            f"tokens {', '.join(labels)} of the HSM ({settings.hsm_profile}): copy them with the "
            "vendor's tool"
        )
    for source, name in (
        (settings.hsm_transcript_file, manifest.TRANSCRIPT),
        (services.trust.directory, manifest.CERTIFICATES),
        (settings.var / manifest.TSA_ANCHORS, manifest.TSA_ANCHORS),
    ):
        if source.exists():
            copy_private(source, directory / name)
    pins = {
        "root": settings.hsm_root_pin_file,
        "pki": settings.hsm_pki_pin_file,
        "sam": settings.hsm_sam_pin_file,
    }
    if with_pins:
        for name, file in pins.items():
            if file.is_file():
                copy_private(file, directory / manifest.PINS / f"{name}.pin")
    else:
        left_out.append("PINs of the tokens: keep them apart from this folder")
    left_out.append("settings and their secrets (configuration file, credentials)")
    return tuple(left_out)
