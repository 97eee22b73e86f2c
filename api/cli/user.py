"""``chancela user``: register, look up, link, suspend, resume, close citizens' accounts."""

import importlib
from typing import Protocol

import click

from api.cli.operators import ACTOR
from api.cli.output import Reporter, reporter
from signer.domain.account import Account, AccountState, DocumentType, SigningRestriction
from signer.domain.errors import NotFoundError
from signer.domain.values import Secret, SignerId
from signer.operations.accounts import ChangeAccount, NewLink, RegisterCitizen, Registration

_TYPES = click.Choice([kind.value for kind in DocumentType])
_NONE = "none"
_RESTRICTIONS = click.Choice([*(one.value for one in SigningRestriction), _NONE])
_STATES = click.Choice([state.value for state in AccountState])


class AccountSearch(Protocol):
    """Finding accounts."""

    def by_id(self, signer: SignerId) -> Account | None:
        """By internal id."""
        ...

    def by_phone(self, phone: str) -> Account | None:
        """By E.164 phone."""
        ...

    def search(
        self, text: str = "", *, state: AccountState | None = None, offset: int = 0, limit: int = 50
    ) -> tuple[tuple[Account, ...], int]:
        """A page, and how many match in all."""
        ...


class UserServices(Protocol):
    """The operations of ``chancela user``."""

    @property
    def account_search(self) -> AccountSearch:
        """``user list`` and ``user show``."""
        ...

    @property
    def register_citizen(self) -> RegisterCitizen:
        """``user register``."""
        ...

    @property
    def new_link(self) -> NewLink:
        """``user link``."""
        ...

    @property
    def change_account(self) -> ChangeAccount:
        """``user suspend``, ``resume``, ``restrict`` and ``close``."""
        ...


def services_of(ctx: click.Context) -> UserServices:
    """The context's object where a caller gave one, else what ``api.cli.services`` wires."""
    services: UserServices | None = ctx.obj
    if services is None:
        # Loaded when asked for: --help must not need settings or tokens.
        services = importlib.import_module("api.cli.services").open_services(ctx)
        ctx.obj = services
    return services


@click.group("user")
def command() -> None:
    """Register citizens and look after their accounts; PINs are set by the citizens alone."""


@command.command("register")
@click.option("--given-name", required=True)
@click.option("--surname", required=True)
@click.option("--birth-date", required=True, help="ISO 8601, 1980-01-31.")
@click.option("--document-type", required=True, type=_TYPES)
@click.option("--document-country", default="PT", help="ISO 3166-1 alpha-2.")
@click.option("--document-number", required=True)
@click.option("--document-expires-on", required=True, help="ISO 8601.")
@click.option("--phone", required=True)
@click.option("--email")
@click.option("--locale", default="pt")
@click.option("--check", is_flag=True, help="Check every field and store nothing.")
@click.pass_context
@reporter
def register(  # noqa: PLR0913, PLR0917 - one parameter per option
    report: Reporter,
    ctx: click.Context,
    given_name: str,
    surname: str,
    birth_date: str,
    document_type: str,
    document_country: str,
    document_number: str,
    document_expires_on: str,
    phone: str,
    email: str | None,
    locale: str,
    check: bool,  # noqa: FBT001 - click passes options so
) -> None:
    """Register a citizen; the one-time link is sent and printed, once."""
    registration = Registration(
        given_name=given_name,
        surname=surname,
        birth_date=birth_date,
        document_type=document_type,
        document_country=document_country,
        document_number=document_number,
        document_expires_on=document_expires_on,
        phone=phone,
        email=email,
        locale=locale,
    )
    services = services_of(ctx)
    if check:
        services.register_citizen.check(registration)
        report.done("every field is valid")
        return
    done = services.register_citizen(registration, officer=ACTOR)
    report.done(f"account {done.account.id} registered; the link is not shown again")
    _tell(report, done.account)
    _link(report, done.link)


@command.command("list")
@click.argument("text", default="")
@click.option("--state", type=_STATES)
@click.option("--offset", type=click.IntRange(min=0), default=0)
@click.option("--limit", type=click.IntRange(1, 200), default=50)
@click.pass_context
@reporter
def list_(
    report: Reporter, ctx: click.Context, text: str, state: str | None, offset: int, limit: int
) -> None:
    """Print accounts whose name contains TEXT, or whose phone, document number or id is TEXT."""
    wanted = AccountState(state) if state else None
    found, total = services_of(ctx).account_search.search(
        text, state=wanted, offset=offset, limit=limit
    )
    for account in found:
        report.say(f"{account.id}  {account.state.value}  {account.identity.full_name}")
    report.say(f"{len(found)} of {total}")
    report.fact(users=[_described(account) for account in found], total=total)


@command.command("show")
@click.argument("user")
@click.pass_context
@reporter
def show(report: Reporter, ctx: click.Context, user: str) -> None:
    """Print one account: USER is its id or E.164 phone."""
    _tell(report, _found(services_of(ctx), user))


@command.command("link")
@click.argument("user")
@click.pass_context
@reporter
def link(report: Reporter, ctx: click.Context, user: str) -> None:
    """Send USER a new one-time link; for an enrolled one, only after identification anew."""
    services = services_of(ctx)
    made, address = services.new_link(_found(services, user), officer=ACTOR)
    report.done(f"{made.kind.value} link sent; it is not shown again")
    _link(report, address)


@command.command("suspend")
@click.argument("user")
@click.pass_context
@reporter
def suspend(report: Reporter, ctx: click.Context, user: str) -> None:
    """Stop USER's account at once; certificates are put on hold."""
    services = services_of(ctx)
    _tell(report, services.change_account.suspend(_found(services, user).id, actor=ACTOR))


@command.command("resume")
@click.argument("user")
@click.pass_context
@reporter
def resume(report: Reporter, ctx: click.Context, user: str) -> None:
    """End the suspension of USER's account."""
    services = services_of(ctx)
    _tell(report, services.change_account.resume(_found(services, user).id, actor=ACTOR))


@command.command("restrict")
@click.argument("user")
@click.argument("restriction", type=_RESTRICTIONS)
@click.pass_context
@reporter
def restrict(report: Reporter, ctx: click.Context, user: str, restriction: str) -> None:
    """Refuse USER's signatures until new PINs are set, or pause them; none lifts it."""
    services = services_of(ctx)
    wanted = None if restriction == _NONE else SigningRestriction(restriction)
    found = _found(services, user)
    _tell(report, services.change_account.restrict(found.id, wanted, actor=ACTOR))


@command.command("close")
@click.argument("user")
@click.option("--yes", is_flag=True, required=True, help="Keys are destroyed; no way back.")
@click.pass_context
@reporter
def close(report: Reporter, ctx: click.Context, user: str, yes: bool) -> None:  # noqa: FBT001 - click passes options so
    """Close USER's account for ever: keys destroyed, certificates revoked."""
    del yes  # demanded by click
    services = services_of(ctx)
    _tell(report, services.change_account.close(_found(services, user).id, actor=ACTOR))


def _found(services: UserServices, user: str) -> Account:
    accounts = services.account_search
    account = accounts.by_phone(user) if user.startswith("+") else accounts.by_id(SignerId(user))
    if account is None:
        raise NotFoundError(f"there is no account {user}.")
    return account


def _link(report: Reporter, address: Secret) -> None:
    report.say(f"link  {address.reveal()}")
    report.fact(link=address.reveal())


def _tell(report: Reporter, account: Account) -> None:
    described = _described(account)
    for name, value in described.items():
        report.say(f"{name} = {'' if value is None else value}")
    report.fact(user=described)


def _described(account: Account) -> dict[str, str | bool | None]:
    identity, document = account.identity, account.identity.document
    return {
        "id": account.id,
        "state": account.state.value,
        "name": identity.full_name,
        "birth_date": identity.birth_date.isoformat(),
        "document": f"{document.type.value} {document.country} {document.number}",
        "document_expires_on": document.expires_on.isoformat(),
        "phone": account.phone,
        "phone_confirmed": account.phone_confirmed,
        "email": identity.email,
        "channels": " ".join(account.channels),
        "signing_restriction": account.signing_restriction,
        "valid_until": account.valid_until.isoformat(),
    }
