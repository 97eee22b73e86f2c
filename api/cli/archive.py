"""``chancela archive``: what CMD clients asked and were answered, without secrets."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from api.cli.operators import ACTOR
from api.cli.output import Reporter, reporter
from api.wiring import open_services
from signer.audit.archive import rfc3339
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.cmd_archive import ArchivedExchange
from signer.domain.errors import ConflictError, InvalidRequestError


@click.group("archive")
def command() -> None:
    """Export the redacted requests and answers of the CMD services (kept ten years)."""


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--since", default="1970-01-01T00:00:00Z", help="RFC 3339; included.")
@click.option("--until", default="", help="RFC 3339; excluded; now when left out.")
@click.option("--client", default="", help="Of one client only.")
@click.option("--transaction", default="", help="Of one transaction only.")
@reporter
def export(
    report: Reporter, *, file: Path, since: str, until: str, client: str, transaction: str
) -> None:
    """Write JSON lines to the new FILE (0600), oldest first; the export itself is audited."""
    stores = open_services().stores
    start = _moment(since, "since")
    end = _moment(until, "until") if until else stores.clock.now()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConflictError(f"{file} exists: an export never overwrites") from error
    count = 0
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        stores.audit_log.record(
            AuditRecord(
                event=AuditEvent.AUDIT_EXPORTED,
                actor=ACTOR,
                subject=client,
                transaction=transaction,
                facts={
                    "target": file.name,
                    "reason": "cmd-archive",
                    "since": rfc3339(start),
                    "until": rfc3339(end),
                },
            )
        )
        for one in stores.archive.between(start, end, client=client, transaction=transaction):
            opened.write(json.dumps(_described(one), ensure_ascii=False) + "\n")
            count += 1
    report.done(f"{count} calls written to {file}")
    report.fact(file=str(file), calls=count)


def _moment(text: str, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequestError("a time as 2026-01-31T12:00:00Z", field=field) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _described(one: ArchivedExchange) -> dict[str, str]:
    return {
        "id": one.id,
        "at": rfc3339(one.at),
        "service": one.service,
        "operation": one.operation,
        "client": one.client,
        "transaction": one.transaction,
        "request": one.request,
        "response": one.response,
    }
