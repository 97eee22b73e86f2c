"""The command line: a table of commands, each in a module of its own, loaded when asked for."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import click

from api import __version__

# The bootstrap prints this table before anything is installed: one entry, one line.
_COMMANDS: Final = {
    "application": "programs of the CMD signature services: create, list, policy",
    "archive": "calls of CMD clients without secrets: export",
    "audit": "what was done: verify, export, show",
    "backup": "copy database, tokens and certificates to a new folder",
    "bench": "measure this machine: rates, times and ratios, targets beside",
    "ceremony": "make keys and certificates from a description; signed transcript",
    "check": "format, lint, types, import contracts, secrets, licences, lock, links",
    "cipher": "keys that CMD clients encrypt to: list, add, retire, destroy",
    "client": "registered programs: create, list, show, rotate, suspend, resume, policy",
    "config": "show the settings in force, or describe every setting",
    "db": "the database's tables: upgrade, current, downgrade",
    "doctor": "check this installation: settings, tokens, database, certificates, channels",
    "evidence": "write what proves one signature",
    "demo": "set up, sign samples end to end, verify them, serve; --once exits after that",
    "lock": "pin every dependency with its hashes",
    "provider": "professional bodies hosted here: create, role, import, withdraw, list",
    "reset": "delete all state under the var folder",
    "restore": "bring a backup back into an empty installation",
    "serve": "run the servers and the worker",
    "sign": "sign a PDF or a file as a citizen, over HTTP",
    "test": "run the tests; --quick, --interop, --soak, --hsm, --wheel",
    "user": "citizens' accounts: register, show, list, link, suspend, resume, close",
    "verify": "verify PDFs, CMS signatures and time-stamps",
    "worker": "deliver messages and keep things in order",
}
COMMANDS: Final[Mapping[str, str]] = MappingProxyType(_COMMANDS)
"""Name of each command and its help line; module ``api.cli.<name>`` defines ``command``."""


class LazyGroup(click.Group):
    """Imports a command's module only when that command runs: a start stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the table's order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"{__name__}.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"{__name__}.{cmd_name}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the table without importing what it names."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="chancela")
def main() -> None:
    """Chancela: remote qualified-style signatures.

    Exit codes: 0 done or yes; 1 no or refused; 2 wrong usage; 3 installation incomplete or
    unavailable.  Every command has --json.
    """
