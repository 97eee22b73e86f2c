"""``chancela restore``."""

import os
from pathlib import Path

import click

from api.backup.restore import restore_backup
from api.cli.operators import ACTOR
from api.cli.output import Reporter, reporter
from api.cli.process import command_services
from api.cli.serve import only_one
from api.settings import Settings
from api.wiring.process_life import compare_with_ceremony


@click.command("restore")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sha256", help="Of the manifest, as noted when the backup was made.")
@reporter
def command(report: Reporter, *, directory: Path, sha256: str | None) -> None:
    """Bring the backup in DIRECTORY back; database, tokens and var folder must be empty.

    What was waiting for a code when the backup was made is void afterwards.
    """
    os.umask(0o077)
    settings = Settings.load()
    with only_one(settings.var / "serve.pid", "a server runs here. Fix: stop it first"):
        services = command_services(settings)
        done = restore_backup(services, directory, actor=ACTOR, expected_sha256=sha256)
    report.fact(
        made_at=done.manifest.made_at,
        sha256=done.sha256,
        keys=done.manifest.keys,
        rows=sum(done.manifest.tables.values()),
        ended=done.ended,
        missing=done.missing,
    )
    report.done(f"{sum(done.manifest.tables.values())} rows and {done.manifest.keys} keys are back")
    if done.missing:
        for what in done.missing:
            report.say(f"! put in place: {what}")
        report.say("  then: ./chancela doctor")
        return
    compare_with_ceremony(services)
    report.done("the tokens' keys are those of the ceremony")
