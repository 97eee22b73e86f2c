"""What operators' commands need from the wired services."""

import importlib
from typing import Protocol

import click

from signer.operations.applications import ChangeApplication, RegisterApplication
from signer.operations.clients import (
    ChangeClient,
    FindClients,
    RegisterClient,
    ResumeClient,
    RotateSecret,
    SuspendClient,
)
from signer.operations.providers import (
    ImportAttributes,
    ListProviders,
    SetUpProvider,
    WithdrawAttribute,
)
from signer.ports import Clock

ACTOR = "operator"
"""Who the audit says it was: whoever may run commands on this machine."""


class OperatorServices(Protocol):
    """The operations of ``chancela client``, ``application`` and ``provider``."""

    @property
    def clock(self) -> Clock:
        """The one source of time."""
        ...

    @property
    def register_client(self) -> RegisterClient:
        """``client create``."""
        ...

    @property
    def rotate_secret(self) -> RotateSecret:
        """``client rotate``."""
        ...

    @property
    def suspend_client(self) -> SuspendClient:
        """``client suspend``."""
        ...

    @property
    def resume_client(self) -> ResumeClient:
        """``client resume``."""
        ...

    @property
    def change_client(self) -> ChangeClient:
        """``client policy``."""
        ...

    @property
    def find_clients(self) -> FindClients:
        """``client list`` and ``client show``."""
        ...

    @property
    def register_application(self) -> RegisterApplication:
        """``application create``."""
        ...

    @property
    def change_application(self) -> ChangeApplication:
        """``application policy`` and ``application list``."""
        ...

    @property
    def set_up_provider(self) -> SetUpProvider:
        """``provider create``, ``role`` and ``state``."""
        ...

    @property
    def import_attributes(self) -> ImportAttributes:
        """``provider import``."""
        ...

    @property
    def withdraw_attribute(self) -> WithdrawAttribute:
        """``provider withdraw``."""
        ...

    @property
    def list_providers(self) -> ListProviders:
        """``provider list``."""
        ...


def services_of(ctx: click.Context) -> OperatorServices:
    """The context's object where a caller gave one, else what ``api.cli.services`` wires."""
    services: OperatorServices | None = ctx.obj
    if services is None:
        # Loaded when asked for: --help must not need settings or tokens.
        services = importlib.import_module("api.cli.services").open_services(ctx)
        ctx.obj = services
    return services
