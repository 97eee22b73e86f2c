"""``chancela audit``: verify, export and read what was recorded."""

import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.cli.operators import ACTOR
from api.cli.output import Reporter, reporter
from api.cli.process import command_services
from api.settings import Settings
from api.wiring import Services
from certs.setup import Role
from certs.timestamp_verifier import Expected, TokenVerifier, parse_token
from hsm.transcript import audit_key_of
from signer.adapters.signature_check import verifies
from signer.adapters.store.migrating import require_current
from signer.audit.archive import rfc3339
from signer.audit.export import ExportAudit
from signer.audit.ports import TokenCheck
from signer.audit.report import Anchor, AuditReport
from signer.audit.timestamp_imprint import check_imprint
from signer.audit.verification import verify_export
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.audit_log import StoredRecord
from signer.domain.errors import InvalidRequestError
from signer.domain.values import Digest

_PATH = click.Path(path_type=Path)
_EXISTING = click.Path(exists=True, path_type=Path)
_DAYS = click.IntRange(1, 36_500)


@click.group("audit")
def command() -> None:
    """Verify, export and read the audit; reading and exporting are recorded themselves."""


@command.command("verify")
@click.argument("export", type=_EXISTING, required=False)
@click.option("--live", is_flag=True, help="The database of this installation instead of a file.")
@click.option("--key", "keys", type=_EXISTING, multiple=True, help="Trusted audit public key, DER.")
@click.option(
    "--anchor", "anchors", multiple=True, help="SIZE:ROOT (hex) of a checkpoint kept elsewhere."
)
@click.option(
    "--tsa", type=_EXISTING, help="Trusted certificate above the time-stamps, DER or PEM."
)
@reporter
def verify(
    report: Reporter,
    *,
    export: Path | None,
    live: bool,
    keys: tuple[Path, ...],
    anchors: tuple[str, ...],
    tsa: Path | None,
) -> None:
    """Check chains, log, checkpoints and time-stamps of EXPORT, offline; exit code 1 if broken.

    An export needs neither settings nor database nor tokens.
    """
    if (export is None) is not live:
        raise InvalidRequestError("name an export, or say --live", field="export")
    known = tuple(map(_anchor, anchors))
    ders = tuple(key.read_bytes() for key in keys)
    token_check = _token_check(_certificate(tsa)) if tsa else None
    if export is not None:
        found = verify_export(
            export, verifies, trusted_keys_der=ders, anchors=known, check_token=token_check
        )
    else:
        found = _verify_live(ders, known, token_check)
    _tell(report, found)


def _verify_live(
    keys: tuple[bytes, ...], anchors: tuple[Anchor, ...], token_check: TokenCheck | None
) -> AuditReport:
    services = _services()
    log = services.stores.audit_log
    transcript = services.settings.hsm_transcript_file
    if not keys and transcript.is_file():
        keys = (audit_key_der(transcript),)
    if token_check is None:
        token_check = _token_check(services.trust.hierarchy.certificate(Role.ROOT_CA))
    with tempfile.TemporaryDirectory() as folder:
        exported = ExportAudit(log, services.stores.clock)(
            Path(folder) / "export", actor=ACTOR, reason="verification"
        )
        found = verify_export(
            exported.path, verifies, trusted_keys_der=keys, anchors=anchors, check_token=token_check
        )
    log.record(
        AuditRecord(
            event=AuditEvent.AUDIT_VERIFIED,
            actor=ACTOR,
            outcome="ok" if found.is_intact else "problems",
            facts={"signed_size": found.signed_size},
        )
    )
    return found


def _tell(report: Reporter, found: AuditReport) -> None:
    report.fact(**json.loads(found.to_json()))
    for problem in found.problems:
        report.fail(str(problem))
    if found.is_intact:
        report.done(
            f"{found.records} records of {found.writers} writers, {found.checkpoints} checkpoints: "
            "nothing was changed"
        )
    report.say(
        f"  signed {found.signed_size}, younger than the last checkpoint {found.tail}"
        f" (of these not in the log yet {found.not_logged})"
    )
    if found.unstamped:
        report.say(f"! without time-stamp: checkpoints {', '.join(map(str, found.unstamped))}")
    if not found.keys_trusted:
        report.say("! the keys came with the records: name one you know with --key")
    if not found.timestamps_verified:
        report.say("! only the imprints of time-stamps were compared: name their anchor with --tsa")


@command.command("export")
@click.argument("target", type=_PATH)
@click.option("--reason", required=True, help="Why; recorded.")
@reporter
def export(report: Reporter, *, target: Path, reason: str) -> None:
    """Write everything to TARGET: a new folder, or a new .zip."""
    services = _services()
    done = ExportAudit(services.stores.audit_log, services.stores.clock)(
        target, actor=ACTOR, reason=reason
    )
    report.fact(
        path=str(done.path),
        writers=done.writers,
        records=done.records,
        log_size=done.log_size,
        checkpoints=done.checkpoints,
    )
    report.done(f"{done.records} records, {done.checkpoints} checkpoints in {done.path}")


@command.command("show")
@click.option("--transaction", help="Public id of a transaction.")
@click.option("--subject", help="Internal id of a citizen, client or other object.")
@click.option("--event", type=click.Choice([event.value for event in AuditEvent]))
@click.option("--days", type=_DAYS, help="Only the last days.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@reporter
def show(
    report: Reporter,
    *,
    transaction: str | None,
    subject: str | None,
    event: str | None,
    days: int | None,
    limit: int,
) -> None:
    """Print records, newest first.  The reading is recorded before anything is shown."""
    services = _services()
    log = services.stores.audit_log
    asked = {"transaction": transaction, "subject": subject, "event": event}
    filters = tuple(f"{name}={value}" for name, value in asked.items() if value)
    if not filters and days is None:
        raise InvalidRequestError("name a transaction, subject, event or days", field="filters")
    since = services.stores.clock.now() - timedelta(days=days) if days else None
    found = log.search(
        event=event, subject=subject, transaction=transaction, since=since, limit=limit
    )
    log.record(
        AuditRecord(
            event=AuditEvent.AUDIT_READ,
            actor=ACTOR,
            subject=transaction or subject or "",
            facts={"filters": filters},
        )
    )
    report.fact(records=[_shown(record) for record in found])
    for record in found:
        body = json.loads(record.body)
        report.say(
            f"{rfc3339(record.at)}  {record.event}  {body['outcome']}  {body['actor']}  "
            f"{record.subject}  {record.transaction}  {json.dumps(body['facts'])}"
        )
    if not found:
        report.fail("no such records")


def _shown(record: StoredRecord) -> dict[str, object]:
    return {
        **json.loads(record.body),
        "hash": record.hash.hex(),
        "log_index": record.log_index,
    }


def _services() -> Services:
    settings = Settings.load()
    require_current(settings.database_url)
    return command_services(settings)


def audit_key_der(transcript: Path) -> bytes:
    """SubjectPublicKeyInfo of the audit key, as the ceremony's transcript names it."""
    key = audit_key_of(transcript.read_bytes())
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _anchor(text: str) -> Anchor:
    size, _, root = text.partition(":")
    try:
        return Anchor(int(size), bytes.fromhex(root))
    except ValueError as error:
        raise InvalidRequestError(f"{text} is not SIZE:ROOT", field="anchor") from error


def _certificate(path: Path) -> x509.Certificate:
    content = path.read_bytes()
    try:
        if content.startswith(b"-----"):
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except ValueError as error:
        raise InvalidRequestError(f"{path} is not a certificate", field="tsa") from error


def _token_check(anchor: x509.Certificate) -> TokenCheck:
    """Signature and chain of a token, judged at its own time: it may be years old."""
    verifier = TokenVerifier([anchor])

    def check(token: bytes, digest: Digest) -> datetime:
        moment = check_imprint(token, digest)
        asked = Expected(digest=digest, nonce=parse_token(token).info["nonce"].native)
        return verifier.verify_token(token, asked, moment).generated_at

    return check
