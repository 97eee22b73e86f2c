"""``chancela backup``."""

import os
from pathlib import Path

import click

from api.backup.make import make_backup
from api.cli.operators import ACTOR
from api.cli.output import Reporter, reporter
from api.cli.process import command_services
from api.settings import Settings


@click.command("backup")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--with-pins", is_flag=True, help="Also the tokens' PINs: whoever has it has all.")
@reporter
def command(report: Reporter, *, directory: Path, with_pins: bool) -> None:
    """Copy database, tokens (SoftHSM), certificates and transcript to the new folder DIRECTORY.

    Servers may go on running: the database is read as it was at one moment.
    """
    os.umask(0o077)
    made = make_backup(
        command_services(Settings.load()), directory.absolute(), actor=ACTOR, with_pins=with_pins
    )
    report.fact(
        path=str(made.path),
        sha256=made.sha256,
        keys=made.manifest.keys,
        tables=dict(made.manifest.tables),
        files=len(made.manifest.files),
        left_out=made.left_out,
    )
    report.done(
        f"{sum(made.manifest.tables.values())} rows, {made.manifest.keys} keys, {made.path}"
    )
    report.say(f"  SHA-256 of the manifest, to be noted elsewhere: {made.sha256}")
    for what in made.left_out:
        report.say(f"! not in it: {what}")
