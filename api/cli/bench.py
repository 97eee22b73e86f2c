"""``chancela bench``: figures of this machine, floor and product measured in the same run."""

import json
from pathlib import Path

import click
import httpx2

from api.bench.cmd_row import cmd_row
from api.bench.figures import Row
from api.bench.http_rows import clients_needed, end_to_end_row, load_row
from api.bench.installation import TemporaryInstallation
from api.bench.large import large_row
from api.bench.preparing import Preparing
from api.bench.rows import (
    Floors,
    authority_http_rows,
    authority_rows,
    batch_row,
    digest_rows,
    floors_rows,
    pades_row,
)


@click.command("bench")
@click.option("--large", is_flag=True, help="Also among a million credentials (many minutes).")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the figures to FILE as JSON.",
)
@click.option(
    "--repetitions",
    type=click.IntRange(5, 10_000),
    default=50,
    show_default=True,
    help="Of each operation; a few more or less where one takes long.",
)
@click.option(
    "--seconds", type=click.FloatRange(1, 600), default=15, show_default=True, help="Of full load."
)
def command(*, large: bool, json_file: Path | None, repetitions: int, seconds: float) -> None:
    """Measure on an installation of its own, which is deleted again.

    ✓ and ✗ say whether a target was met; a missed one is no failure.
    """
    rows: list[Row] = []

    def show(*made: Row) -> None:
        for row in made:
            click.echo(row.as_text())
            rows.append(row)

    with TemporaryInstallation.make() as installation:
        citizens = [installation.enrol() for _ in range(clients_needed())]
        floors = Floors(Preparing(installation, citizens[0]), repetitions)
        show(*floors_rows(floors))
        with installation.served() as server:
            show(end_to_end_row(installation, citizens[0], server.pid, floors))
            show(load_row(installation, citizens, server.pid, seconds))
            with httpx2.Client(trust_env=False) as http:
                beside = authority_http_rows(floors, http)
        show(batch_row(floors))
        show(cmd_row(floors))
        show(*digest_rows(floors))
        show(pades_row(floors))
        show(*authority_rows(floors), *beside)
        if large:
            show(large_row(installation))
    if json_file is not None:
        figures = {"operations": [row.as_json() for row in rows]}
        json_file.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n")
        click.echo(f"written to {json_file}")
