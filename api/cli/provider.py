"""``chancela provider``: professional bodies hosted here, their roles and members."""

from pathlib import Path

import click

from api.cli.operators import ACTOR, services_of
from api.cli.output import Reporter, reporter
from signer.domain.professional_body import Provider, ProviderRole, ProviderState
from signer.operations.attribute_csv import MAX_BYTES


@click.group("provider")
def command() -> None:
    """Host professional bodies and what they confirm."""


@command.command("create")
@click.argument("provider_id")
@click.option("--name", required=True, help="Portuguese name.")
@click.option("--name-en", required=True, help="English name.")
@click.option("--uri", required=True, help="The body's own https address.")
@click.pass_context
@reporter
def create(
    report: Reporter, ctx: click.Context, provider_id: str, name: str, name_en: str, uri: str
) -> None:
    """Create the body PROVIDER_ID."""
    provider = Provider(id=provider_id, name=name, name_en=name_en, uri=uri)
    services_of(ctx).set_up_provider.create(provider, actor=ACTOR)
    report.done(f"{provider_id} created; define its roles next")
    report.fact(provider=provider_id)


@command.command("role")
@click.argument("provider_id")
@click.argument("role_id")
@click.option("--label", required=True, help="What people read, in Portuguese.")
@click.option("--label-en", required=True, help="The same in English.")
@click.pass_context
@reporter
def role(
    report: Reporter, ctx: click.Context, provider_id: str, role_id: str, label: str, label_en: str
) -> None:
    """Define ROLE_ID of a body, or change its labels."""
    defined = ProviderRole(provider=provider_id, id=role_id, label_pt=label, label_en=label_en)
    services_of(ctx).set_up_provider.define_role(defined, actor=ACTOR)
    report.done(f"{provider_id}/{role_id}: {label}")
    report.fact(provider=provider_id, role=role_id)


@command.command("state")
@click.argument("provider_id")
@click.argument("state", type=click.Choice([state.value for state in ProviderState]))
@click.pass_context
@reporter
def state_(report: Reporter, ctx: click.Context, provider_id: str, state: str) -> None:
    """Suspend a body (its attributes stop at once) or let it work again."""
    services_of(ctx).set_up_provider.set_state(provider_id, ProviderState(state), actor=ACTOR)
    report.done(f"{provider_id} is {state}")
    report.fact(provider=provider_id, state=state)


@command.command("import")
@click.argument("provider_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Tell what would happen; store nothing.")
@click.pass_context
@reporter
def import_(
    report: Reporter, ctx: click.Context, provider_id: str, file: Path, *, dry_run: bool
) -> None:
    """Take a body's CSV file, whole or not at all."""
    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    done = services_of(ctx).import_attributes(
        provider_id,
        content,
        actor=ACTOR,
        dry_run=dry_run,
        progress=lambda count: report.say(f"  {count} rows read"),
    )
    for problem in done.problems:
        where = f"line {problem.line}" + (f", {problem.column}" if problem.column else "")
        report.fail(f"{where}: {problem.fix}")
    change = done.change
    if done.problems:
        report.say(f"{len(done.problems)} problems; nothing was stored")
    else:
        counts = f"{change.added} added, {change.changed} changed, {change.unchanged} unchanged"
        report.done(f"{'would be: ' if dry_run else ''}{counts}")
    report.fact(
        stored=done.stored,
        added=change.added,
        changed=change.changed,
        unchanged=change.unchanged,
        problems=[{"line": p.line, "column": p.column, "fix": p.fix} for p in done.problems],
    )


@command.command("withdraw")
@click.argument("provider_id")
@click.argument("attribute_id")
@click.option("--reason", required=True, help="One word, e.g. resigned.")
@click.pass_context
@reporter
def withdraw(
    report: Reporter, ctx: click.Context, provider_id: str, attribute_id: str, reason: str
) -> None:
    """End an attribute now."""
    services_of(ctx).withdraw_attribute(provider_id, attribute_id, reason=reason, actor=ACTOR)
    report.done(f"{attribute_id} withdrawn")
    report.fact(attribute=attribute_id)


@command.command("list")
@click.argument("provider_id", required=False)
@click.option("--after", default="", help="Continue after this attribute id.")
@click.option("--limit", type=int, default=100, show_default=True)
@click.pass_context
@reporter
def list_(
    report: Reporter, ctx: click.Context, provider_id: str | None, after: str, limit: int
) -> None:
    """Print all bodies, or the members of one."""
    listing = services_of(ctx).list_providers
    if provider_id is None:
        bodies = listing.all()
        for body, roles in bodies:
            names = " ".join(one.id for one in roles)
            report.say(f"{body.id}  {body.state.value}  {body.name}  [{names}]")
        report.fact(
            providers=[
                {"id": body.id, "name": body.name, "state": body.state.value,
                 "roles": [one.id for one in roles]}
                for body, roles in bodies
            ]
        )  # fmt: skip
        return
    held = listing.attributes(provider_id, after=after, limit=limit)
    for holder, attribute in held:
        until = attribute.valid_until.isoformat().replace("+00:00", "Z")
        report.say(f"{attribute.id}  {holder}  {attribute.role}  until {until}")
    report.fact(
        attributes=[
            {"id": one.id, "holder": holder, "role": one.role,
             "sub_attributes": dict(one.sub_attributes),
             "valid_from": one.valid_from.isoformat().replace("+00:00", "Z"),
             "valid_until": one.valid_until.isoformat().replace("+00:00", "Z")}
            for holder, one in held
        ]
    )  # fmt: skip
