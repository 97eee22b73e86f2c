"""``chancela ceremony``: keys, transcript, certificates, tables."""

from pathlib import Path

import click
from cryptography.hazmat.primitives import hashes

from api.cli.output import Reporter, reporter
from api.installation import establish_certificates, migrate, run_ceremony
from api.settings import Settings
from api.wiring import open_services
from api.wiring.cipher_keys import cipher_key_rotation
from certs.setup import Hierarchy
from signer.domain.errors import ConflictError

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("ceremony")
@click.argument("description", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--transcript", type=_FILE, required=True, help="Signed record; must be new.")
@click.option("--keys-only", is_flag=True, help="No certificates, no database.")
@reporter
def command(report: Reporter, *, description: Path, transcript: Path, keys_only: bool) -> None:
    """Make the keys that DESCRIPTION names, read them back, attack them, sign the transcript.

    Then make the certificates of all services and the database's tables.  The signed transcript
    must lie where CHANCELA_HSM_TRANSCRIPT_FILE points before a server starts.
    """
    settings = Settings.load()
    if transcript.exists():
        raise ConflictError(f"{transcript} exists: a ceremony is held once. Fix: name a new file")
    softhsm = settings.hsm_softhsm_conf if settings.hsm_profile == "softhsm" else None
    run_ceremony(
        description.absolute(), transcript.absolute(), softhsm, lambda line: report.say(f"  {line}")
    )
    report.fact(transcript=str(transcript))
    report.done(f"keys made, transcript {transcript}")
    if keys_only:
        return
    services = open_services(settings)
    hierarchy = establish_certificates(services)
    migrate(services)
    cipher_key_rotation(services).ensure(actor="ceremony")
    prints = fingerprints(hierarchy)
    report.fact(fingerprints=prints, certificates=str(services.trust.directory))
    report.done(f"certificates in {services.trust.directory}; SHA-256 fingerprints:")
    for name, fingerprint in prints.items():
        report.say(f"  {name:<20} {fingerprint}")


def fingerprints(hierarchy: Hierarchy) -> dict[str, str]:
    """SHA-256 over the DER of each certificate, hex in upper case with colons."""
    return {
        role.value: certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        for role, certificate in hierarchy.certificates.items()
    }
