"""``chancela config``: the settings in force, and the reference of all of them."""

from pathlib import Path
from typing import Final

import click

from api.cli.output import Reporter, reporter
from api.cli.tree import ROOT, require_checkout
from api.settings import Settings

REFERENCE: Final = ROOT / "docs" / "configuration.md"

_INTRODUCTION: Final = """# Configuration

Made by `./chancela config reference`; do not edit.

Every setting is an environment variable, or a key of the TOML file that `CHANCELA_CONFIG_FILE`
names (a table name is a prefix: `[sms]` with `gateway_url`). The environment wins over the file.
Any setting may be given as a file instead, by the same name with `_FILE`: the way for secrets.
All mistakes are reported together, and a name that does not exist is a mistake.
`./chancela config show` prints what is in force, with secrets as stars.

| variable | default | meaning |
|---|---|---|
"""


@click.group("config")
def command() -> None:
    """Show the settings in force, or describe every setting."""


@command.command("show")
@reporter
def show(report: Reporter) -> None:
    """Print every setting in force; secrets and passwords are stars."""
    settings = Settings.load()
    values = settings.redacted()
    for name, value in values.items():
        report.say(f"{name} = {value}")
    for warning in settings.warnings:
        report.say(f"! {warning}")
    report.fact(settings=values, warnings=settings.warnings)


@command.command("reference")
@reporter
def reference(report: Reporter) -> None:
    """Write docs/configuration.md."""
    require_checkout()
    REFERENCE.write_text(reference_text())
    report.fact(path=str(REFERENCE))
    report.done(f"{REFERENCE.name} written")


def reference_text() -> str:
    """Give the reference as Markdown: name, default and the docstring of every setting."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default in (None, "", (), Path()) else f"`{_plain(default)}`"
        meaning = (field.description or "").replace("``", "`").replace("\n", " ")
        meaning = meaning.replace("|", "\\|")
        rows.append(f"| `CHANCELA_{name.upper()}` | {shown} | {meaning} |\n")
    return _INTRODUCTION + "".join(rows)


def _plain(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(str(item) for item in default)
    return str(default).replace("|", "\\|")
