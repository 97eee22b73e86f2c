"""The services of the process that runs one command."""

import click

from api.settings import Settings
from api.wiring import Services, open_services


def command_services(settings: Settings) -> Services:
    """Services whose database connections close when the command ends."""
    services = open_services(settings)
    click.get_current_context().call_on_close(services.stores.database.dispose)
    return services
