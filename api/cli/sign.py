"""``chancela sign``: sends a file or its digest to a service and writes what comes back."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click

from api.cli.output import Reporter, reporter
from api.cli.sign_options import media_type, signature_options
from api.client import NativeClient, Started, Wanted
from api.client.native import WantedFile, results_of
from api.client.own_pdf import OwnPDF
from api.settings import Settings
from signer.adapters.system_clock import SystemClock
from signer.domain.errors import (
    ConfigurationError,
    InvalidRequestError,
    NotPermittedError,
    SigningServiceError,
    TransactionEndedError,
)
from signer.domain.transaction import Level
from signer.domain.values import Secret

KINDS: Final = {
    "pades": "pades",
    "cades": "cades",
    "xades": "xades",
    "jades": "jades",
    "asice": "asic-e",
    "asics": "asic-s",
}
"""Formats of the command line, and the kinds of the API they stand for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where to, as which program, for which phone; the PIN in the demo only."""

    server: str
    client_id: str
    client_secret: Secret
    phone: str
    pin: Secret | None = None


@click.command("sign")
@click.argument(
    "source", metavar="IN", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "kind", required=True, type=click.Choice(list(KINDS)), help="Form.")
@click.option(
    "--add",
    "more",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A further file under the same signature: xades, jades, asice; repeatable.",
)
@click.option(
    "--level",
    type=click.Choice([str(one) for one in Level]),
    default=str(Level.B_B),
    show_default=True,
)
@click.option("--user", required=True, help="Phone of the citizen; with --demo also a name there.")
@click.option("--attribute", "attributes", multiple=True, help="PROVIDER/ROLE; repeatable.")
@click.option("--key", type=click.Choice(["rsa-3072", "p-256"]), help="Default: the RSA key.")
@click.option("--detached-digest", is_flag=True, help="Send the digest only; the file stays here.")
@click.option("--demo", is_flag=True, help="PIN and code from the demo's own files.")
@click.option("--server", help="Address of the service; default: this installation's.")
@click.option("--client-id", help="The calling program; not with --demo.")
@click.option(
    "--client-secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with its secret; not with --demo.",
)
@signature_options
@reporter
def command(  # noqa: PLR0913 - one parameter per option of the command line
    report: Reporter,
    *,
    source: Path,
    out: Path,
    kind: str,
    more: tuple[Path, ...],
    level: str,
    user: str,
    attributes: tuple[str, ...],
    key: str | None,
    detached_digest: bool,
    demo: bool,
    server: str | None,
    client_id: str | None,
    client_secret_file: Path | None,
    options: dict[str, Any] | None,
) -> None:
    """Sign the file IN as a citizen and write the signed document or the signature to OUT.

    Without --demo it prints the address where the citizen authorises, and waits; Ctrl-C cancels.
    """
    if demo:
        access = demo_access(user, server)
    else:
        access = own_access(user, server, client_id, client_secret_file)
    content = source.read_bytes()
    own = OwnPDF.prepare(content, SystemClock().now()) if _is_own(kind, detached_digest) else None
    wanted = replace(
        _wanted(kind, (source, *more), own, digest_only=detached_digest, options=options or {}),
        level=level,
        options=options,
    )
    with NativeClient(access.server, access.client_id, access.client_secret) as client:
        started = client.start(
            access.phone,
            [wanted],
            attributes=[_attribute(one) for one in attributes],
            key_algorithm=key,
        )
        report.fact(signature=started.id, verification_code=started.verification_code)
        with cancelled_by_hand(client, started):
            result = _authorise(client, started, access, report)
    out.write_bytes(own.completed(result) if own else result)
    report.fact(file=str(out), format=kind, level=level)
    report.done(f"signed: {out}")


def _is_own(kind: str, detached_digest: bool) -> bool:  # noqa: FBT001 - a flag of the command line
    return kind == "pades" and detached_digest


def _wanted(
    kind: str,
    sources: tuple[Path, ...],
    own: OwnPDF | None,
    *,
    digest_only: bool,
    options: dict[str, Any],
) -> Wanted:
    served = f"{KINDS[kind]}-digest" if digest_only else KINDS[kind]
    wanted = Wanted(kind=served, name=sources[0].name, digest_only=digest_only)
    if own is not None:
        return replace(wanted, content=own.digest())
    named = kind.startswith("asic") or (kind == "xades" and digest_only)
    if len(sources) == 1 and ("parallel" in options or not named):
        return replace(wanted, content=_sent(sources[0].read_bytes(), digest_only=digest_only))
    files = (
        WantedFile(
            name=one.name,
            media_type=media_type(one),
            content=_sent(one.read_bytes(), digest_only=digest_only),
        )
        for one in sources
    )
    return replace(wanted, files=tuple(files))


def _sent(content: bytes, *, digest_only: bool) -> bytes:
    return hashlib.sha256(content).digest() if digest_only else content


def _attribute(text: str) -> tuple[str, str]:
    provider, separator, role = text.partition("/")
    if not provider or not separator or not role:
        raise InvalidRequestError("--attribute is PROVIDER/ROLE", field="attribute")
    return provider, role


def _authorise(client: NativeClient, started: Started, access: Access, report: Reporter) -> bytes:
    if access.pin is not None:
        entered = client.enter_pin(started.id, access.pin)
        code = client.demo_code(access.phone, started.id)
        return client.enter_code(started.id, entered.handle, code)[0]
    # Progress goes to stderr, so that --json leaves one object on stdout.
    click.echo(f"Authorise at: {started.authorisation_url}", err=True)
    click.echo(f"Verification code: {started.verification_code}", err=True)
    report.fact(authorisation_url=started.authorisation_url)
    answer = {}
    for answer in client.states(started.id):
        click.echo(f"… {answer['state']}", err=True)
    if answer["state"] != "signed":
        reason = f" ({answer['failure']})" if answer["failure"] else ""
        raise TransactionEndedError(f"not signed: {answer['state']}{reason}")
    return results_of(answer)[0]


@contextmanager
def cancelled_by_hand(client: NativeClient, started: Started) -> Iterator[None]:
    """Ctrl-C ends the transaction at the service, too."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(SigningServiceError):
            client.cancel(started.id)
        click.echo("cancelled", err=True)
        sys.exit(130)


def demo_access(user: str, server: str | None) -> Access:
    """From ``demo.json``: client ``native`` and the citizen named or of that phone."""
    settings = Settings.load()
    if settings.is_production:
        raise NotPermittedError("--demo works in the demo profile only.")
    file = settings.var / "demo" / "demo.json"
    try:
        facts = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{file} cannot be read. Fix: run ./chancela demo first"
        ) from error
    for name, citizen in facts["citizens"].items():
        if user in {name, citizen["phone"]}:
            native = facts["clients"]["native"]
            return Access(
                server=server or facts["base_url"],
                client_id=native["client_id"],
                client_secret=Secret(native["client_secret"]),
                phone=citizen["phone"],
                pin=Secret(citizen["signature_pin"]),
            )
    raise InvalidRequestError(f"the demo has no citizen {user}", field="user")


def own_access(
    user: str, server: str | None, client_id: str | None, secret_file: Path | None
) -> Access:
    """From the options; the server's address defaults to this installation's."""
    if client_id is None or secret_file is None:
        raise InvalidRequestError(
            "give --client-id and --client-secret-file, or --demo", field="client-id"
        )
    return Access(
        server=server or Settings.load().base_url,
        client_id=client_id,
        client_secret=Secret(secret_file.read_text().strip()),
        phone=user,
    )
