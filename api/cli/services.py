"""What commands work with: the services of this process, opened late."""

import click

from api.wiring import open_services as open_process
from api.wiring.commands import CommandServices


def open_services(ctx: click.Context) -> CommandServices:
    """The services of this command; raises SettingsError."""
    del ctx
    return CommandServices(open_process())
