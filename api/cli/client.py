"""``chancela client``: register, look up, rotate, suspend, resume, change rights."""

from dataclasses import replace
from datetime import timedelta

import click

from api.cli.operators import ACTOR, services_of
from api.cli.output import Reporter, reporter
from signer.domain.client import Client, ClientLimits, ClientPolicy, Role
from signer.domain.values import DEFAULT_TENANT, ClientId

_ROLES = click.Choice([role.value for role in Role])
_POLICIES = click.Choice([policy.value for policy in ClientPolicy])


@click.group("client")
def command() -> None:
    """Register the programs that may call this service."""


@command.command("create")
@click.argument("client_id")
@click.option("--name", required=True, help="The name people see on the page and in messages.")
@click.option("--role", "roles", type=_ROLES, multiple=True, default=("relying-party",))
@click.option("--policy", "policies", type=_POLICIES, multiple=True)
@click.option("--redirect-url", "redirect_urls", multiple=True)
@click.option("--webhook-url", help="Where results are announced; makes a second secret.")
@click.option("--purpose", "purposes", multiple=True, default=("signature",))
@click.option("--attribute", "attributes", multiple=True, default=("*",), help="provider/role or *")
@click.option("--provider", "providers", multiple=True, help="Body whose attributes it maintains.")
@click.option("--failures-per-hour", type=int, default=ClientLimits().failures_per_hour)
@click.option("--requests-per-minute", type=int, default=ClientLimits().requests_per_minute)
@click.pass_context
@reporter
def create(  # noqa: PLR0913, PLR0917 - one parameter per option
    report: Reporter,
    ctx: click.Context,
    client_id: str,
    name: str,
    roles: tuple[str, ...],
    policies: tuple[str, ...],
    redirect_urls: tuple[str, ...],
    webhook_url: str | None,
    purposes: tuple[str, ...],
    attributes: tuple[str, ...],
    providers: tuple[str, ...],
    failures_per_hour: int,
    requests_per_minute: int,
) -> None:
    """Register CLIENT_ID and print its secret, once."""
    services = services_of(ctx)
    registered = services.register_client(
        Client(
            id=ClientId(client_id),
            tenant=DEFAULT_TENANT,
            name=name,
            roles=frozenset(Role(role) for role in roles),
            policies=frozenset(ClientPolicy(policy) for policy in policies),
            redirect_urls=redirect_urls,
            webhook_url=webhook_url,
            purposes=frozenset(purposes),
            attributes=frozenset(attributes),
            providers=frozenset(providers),
            limits=ClientLimits(
                failures_per_hour=failures_per_hour, requests_per_minute=requests_per_minute
            ),
            created_at=services.clock.now(),
        ),
        actor=ACTOR,
    )
    report.done(f"client {client_id} registered; what follows is not shown again")
    _print_secret(report, registered.client.id, registered.secret.reveal())
    if registered.webhook_secret is not None:
        report.say(f"webhook_secret  {registered.webhook_secret.reveal()}")
        report.fact(webhook_secret=registered.webhook_secret.reveal())


@command.command("list")
@click.pass_context
@reporter
def list_(report: Reporter, ctx: click.Context) -> None:
    """Print every client."""
    clients = services_of(ctx).find_clients.all()
    for client in clients:
        report.say(f"{client.id}  {client.state.value}  {client.name}")
    report.fact(clients=[_described(client) for client in clients])


@command.command("show")
@click.argument("client_id")
@click.pass_context
@reporter
def show(report: Reporter, ctx: click.Context, client_id: str) -> None:
    """Print one client; secrets cannot be shown."""
    described = _described(services_of(ctx).find_clients.one(ClientId(client_id)))
    for name, value in described.items():
        shown = " ".join(map(str, value)) if isinstance(value, list) else value
        report.say(f"{name} = {'' if shown is None else shown}")
    report.fact(client=described)


@command.command("rotate")
@click.argument("client_id")
@click.option(
    "--overlap-hours", type=float, default=24.0, help="How long the old one works; 0-720."
)
@click.pass_context
@reporter
def rotate(report: Reporter, ctx: click.Context, client_id: str, overlap_hours: float) -> None:
    """Give CLIENT_ID a new secret and print it, once."""
    try:
        overlap = timedelta(hours=overlap_hours)
    except (OverflowError, ValueError) as error:
        raise click.BadParameter("between 0 and 720", param_hint="--overlap-hours") from error
    secret = services_of(ctx).rotate_secret(ClientId(client_id), overlap=overlap, actor=ACTOR)
    report.done(f"the old secret works for another {overlap_hours:g} h")
    _print_secret(report, client_id, secret.reveal())


@command.command("suspend")
@click.argument("client_id")
@click.option("--reason", default="compromised", show_default=True, help="One word.")
@click.pass_context
@reporter
def suspend(report: Reporter, ctx: click.Context, client_id: str, reason: str) -> None:
    """Shut CLIENT_ID out at once and end all it has open."""
    ended = services_of(ctx).suspend_client(ClientId(client_id), reason=reason, actor=ACTOR)
    report.done(f"client {client_id} suspended, {ended} open transactions ended")
    report.fact(client_id=client_id, transactions_ended=ended)


@command.command("resume")
@click.argument("client_id")
@click.pass_context
@reporter
def resume(report: Reporter, ctx: click.Context, client_id: str) -> None:
    """Let a suspended client work again."""
    services_of(ctx).resume_client(ClientId(client_id), actor=ACTOR)
    report.done(f"client {client_id} is active")
    report.fact(client_id=client_id)


@command.command("policy")
@click.argument("client_id")
@click.option("--add", "added", type=_POLICIES, multiple=True)
@click.option("--remove", "removed", type=_POLICIES, multiple=True)
@click.option("--purpose", "purposes", multiple=True, help="Replaces all purposes.")
@click.option("--attribute", "attributes", multiple=True, help="Replaces all attributes.")
@click.option("--provider", "providers", multiple=True, help="Replaces all bodies.")
@click.option("--failures-per-hour", type=int)
@click.option("--requests-per-minute", type=int)
@click.pass_context
@reporter
def policy(  # noqa: PLR0913, PLR0917 - one parameter per option
    report: Reporter,
    ctx: click.Context,
    client_id: str,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    purposes: tuple[str, ...],
    attributes: tuple[str, ...],
    providers: tuple[str, ...],
    failures_per_hour: int | None,
    requests_per_minute: int | None,
) -> None:
    """Change what CLIENT_ID may do; without options nothing changes."""
    services = services_of(ctx)
    before = services.find_clients.one(ClientId(client_id))
    limits = before.limits
    if failures_per_hour is not None:
        limits = replace(limits, failures_per_hour=failures_per_hour)
    if requests_per_minute is not None:
        limits = replace(limits, requests_per_minute=requests_per_minute)
    policies = before.policies | {ClientPolicy(one) for one in added}
    after = replace(
        before,
        policies=policies - {ClientPolicy(one) for one in removed},
        purposes=frozenset(purposes) or before.purposes,
        attributes=frozenset(attributes) or before.attributes,
        providers=frozenset(providers) or before.providers,
        limits=limits,
    )
    if after != before:
        services.change_client(before, after, actor=ACTOR)
    report.done(f"client {client_id}: {' '.join(sorted(after.policies)) or 'no policies'}")
    report.fact(client=_described(after))


def _print_secret(report: Reporter, client_id: str, secret: str) -> None:
    report.say(f"client_id      {client_id}")
    report.say(f"client_secret  {secret}")
    report.fact(client_id=client_id, client_secret=secret)


def _described(client: Client) -> dict[str, object]:
    return {
        "client_id": client.id,
        "name": client.name,
        "state": client.state.value,
        "roles": sorted(client.roles),
        "policies": sorted(client.policies),
        "redirect_urls": list(client.redirect_urls),
        "webhook_url": client.webhook_url,
        "purposes": sorted(client.purposes),
        "attributes": sorted(client.attributes),
        "providers": sorted(client.providers),
        "failures_per_hour": client.limits.failures_per_hour,
        "requests_per_minute": client.limits.requests_per_minute,
        "created_at": client.created_at.isoformat().replace("+00:00", "Z"),
    }
