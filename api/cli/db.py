"""``chancela db``: the database's tables, in the form this version of the program needs."""

import click

from api.cli.output import Reporter, reporter
from api.settings import Settings
from signer.adapters.store import migrating
from signer.domain.errors import ConflictError


@click.group("db")
def command() -> None:
    """Bring the database's tables up to date, or look at them."""


@command.command("upgrade")
@reporter
def upgrade(report: Reporter) -> None:
    """Apply what is missing, in one transaction; safe to repeat."""
    settings = Settings.load()
    if settings.uses_sqlite:
        settings.var.mkdir(parents=True, exist_ok=True)
    before = migrating.current(settings.database_url)
    migrating.upgrade(settings.database_url)
    after = migrating.current(settings.database_url)
    report.fact(before=before, after=after)
    report.done(f"{before or 'no tables'} → {after}" if before != after else f"already at {after}")


@command.command("current")
@reporter
def current(report: Reporter) -> None:
    """Print the revision; exit code 1 when it is not this program's."""
    found = migrating.current(Settings.load().database_url)
    needed = migrating.heads()[0]
    report.fact(current=found, needed=needed)
    if found == needed:
        report.done(f"{found}: up to date")
    else:
        report.fail(f"{found or 'no tables'}, needed: {needed}. Fix: ./chancela db upgrade")


@command.command("downgrade")
@click.argument("revision")
@click.option("--lose-data", is_flag=True, help="Confirm: what dropped tables hold is lost.")
@reporter
def downgrade(report: Reporter, *, revision: str, lose_data: bool) -> None:
    """Go back to REVISION (base: no tables)."""
    settings = Settings.load()
    if not lose_data:
        raise ConflictError("data in dropped tables would be lost. Fix: back up, add --lose-data")
    migrating.downgrade(settings.database_url, revision)
    after = migrating.current(settings.database_url)
    report.fact(after=after)
    report.done(f"now at {after or 'no tables'}")
