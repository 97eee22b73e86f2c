"""``chancela application``: programs of the CMD signature services.

Their passwords and suspension are the client's: ``client rotate``, ``suspend``, ``resume``.
"""

import click

from api.cli.operators import ACTOR, services_of
from api.cli.output import Reporter, reporter
from signer.domain.client import Client, ClientLimits, ClientPolicy, Role
from signer.domain.cmd_application import BareHash, BasicRule, CMDApplication
from signer.domain.values import DEFAULT_TENANT, ClientId
from signer.operations.applications import NewApplication

_BASIC = click.Choice([rule.value for rule in BasicRule])
_BARE_HASH = click.Choice([rule.value for rule in BareHash])


@click.group("application")
def command() -> None:
    """Register programs that call the CMD signature services (SOAP)."""


@command.command("create")
@click.argument("client_id")
@click.option("--name", required=True, help="The name people see in messages.")
@click.option("--application-id", default="", help="A GUID; made when left out.")
@click.option("--username", default="", help="Of HTTP Basic; CLIENT_ID when left out.")
@click.option(
    "--basic",
    type=_BASIC,
    default=BasicRule.EXCEPT_MULTIPLE_SIGN.value,
    show_default=True,
    help="When the legacy service demands HTTP Basic; SCMDService always does.",
)
@click.option(
    "--bare-hash",
    type=_BARE_HASH,
    default=BareHash.REJECT.value,
    show_default=True,
    help="Legacy service: 32 bytes without a DigestInfo are refused, or taken as SHA-256.",
)
@click.option("--failures-per-hour", type=int, default=ClientLimits().failures_per_hour)
@click.option("--requests-per-minute", type=int, default=ClientLimits().requests_per_minute)
@click.pass_context
@reporter
def create(  # noqa: PLR0913, PLR0917 - one parameter per option
    report: Reporter,
    ctx: click.Context,
    client_id: str,
    name: str,
    application_id: str,
    username: str,
    basic: str,
    bare_hash: str,
    failures_per_hour: int,
    requests_per_minute: int,
) -> None:
    """Register CLIENT_ID and print ApplicationId, user name and password, once."""
    services = services_of(ctx)
    made = services.register_application(
        NewApplication(
            client=Client(
                id=ClientId(client_id),
                tenant=DEFAULT_TENANT,
                name=name,
                roles=frozenset({Role.RELYING_PARTY}),
                policies=frozenset({ClientPolicy.MAY_CARRY_PIN}),
                limits=ClientLimits(
                    failures_per_hour=failures_per_hour, requests_per_minute=requests_per_minute
                ),
                created_at=services.clock.now(),
            ),
            application_id=application_id,
            username=username,
            basic=BasicRule(basic),
            bare_hash=BareHash(bare_hash),
        ),
        actor=ACTOR,
    )
    shown = {
        **_described(made.application, made.username),
        "password": made.password.reveal(),
    }
    report.done(f"application {client_id} registered; its password is not shown again")
    for label in ("application_id", "username", "password"):
        report.say(f"{label:<14} {shown[label]}")
    report.fact(**shown)


@command.command("list")
@click.pass_context
@reporter
def list_(report: Reporter, ctx: click.Context) -> None:
    """Print every application."""
    shown = [_described(one, name) for one, name in services_of(ctx).change_application.all()]
    for one in shown:
        report.say("  ".join(map(str, one.values())))
    report.fact(applications=shown)


@command.command("policy")
@click.argument("client_id")
@click.option("--basic", type=_BASIC, help="When the legacy service demands HTTP Basic.")
@click.option("--bare-hash", type=_BARE_HASH, help="What becomes of 32 bytes on their own.")
@click.pass_context
@reporter
def policy(
    report: Reporter,
    ctx: click.Context,
    client_id: str,
    basic: str | None,
    bare_hash: str | None,
) -> None:
    """Change the rules of CLIENT_ID; without options nothing changes."""
    change = services_of(ctx).change_application
    after = change.one(ClientId(client_id))
    if basic or bare_hash:
        after = change(
            ClientId(client_id),
            basic=BasicRule(basic) if basic else None,
            bare_hash=BareHash(bare_hash) if bare_hash else None,
            actor=ACTOR,
        )
    report.done(f"application {client_id}: basic {after.basic}, bare hash {after.bare_hash}")
    report.fact(basic=after.basic.value, bare_hash=after.bare_hash.value)


def _described(one: CMDApplication, username: str) -> dict[str, str]:
    return {
        "client_id": one.client.id,
        "state": one.client.state.value,
        "application_id": one.application_id,
        "username": username,
        "basic": one.basic.value,
        "bare_hash": one.bare_hash.value,
        "name": one.client.name,
    }
