"""``chancela evidence``: what proves one signature, in one file; and the check of such a file."""

from pathlib import Path

import click

from api.cli.operators import ACTOR
from api.cli.output import Reporter, reporter
from api.cli.process import command_services
from api.settings import Settings
from signer.adapters.signature_check import verifies
from signer.adapters.store.migrating import require_current
from signer.audit.evidence import CollectEvidence
from signer.audit.evidence_check import verify_evidence
from signer.domain.errors import ConflictError, InvalidRequestError


@click.command("evidence")
@click.argument("transaction")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; must be new.")
@click.option("--check", is_flag=True, help="TRANSACTION is an evidence file: verify it, offline.")
@click.option(
    "--key",
    "keys",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="With --check: trusted audit public key, DER.",
)
@reporter
def command(
    report: Reporter, *, transaction: str, output: Path | None, check: bool, keys: tuple[Path, ...]
) -> None:
    """Collect everything recorded about TRANSACTION (its public id), with proofs.

    The reading is recorded.  While records are younger than the last checkpoint (a minute at
    most) it asks to try again.
    """
    if check:
        _check(report, Path(transaction), tuple(key.read_bytes() for key in keys))
        return
    target = output or Path(f"evidence-{transaction}.json")
    if target.exists():
        raise ConflictError(f"{target} exists. Fix: name a new file with -o")
    settings = Settings.load()
    require_current(settings.database_url)
    found = CollectEvidence(command_services(settings).stores.audit_log)(transaction, actor=ACTOR)
    target.write_text(found.to_json() + "\n", encoding="utf-8")
    report.fact(path=str(target), records=len(found.records), checkpoint=found.checkpoint.number)
    report.done(
        f"{target}: {len(found.records)} records, proven by checkpoint {found.checkpoint.number}"
    )


def _check(report: Reporter, file: Path, keys: tuple[bytes, ...]) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file} cannot be read", field="transaction") from error
    found = verify_evidence(text, verifies, trusted_keys_der=keys)
    report.fact(
        intact=found.is_intact,
        transaction=found.transaction,
        records=found.records,
        keys_trusted=found.keys_trusted,
        stamped=found.is_stamped,
        problems=[str(problem) for problem in found.problems],
    )
    for problem in found.problems:
        report.fail(str(problem))
    if found.is_intact:
        report.done(f"{found.records} records of {found.transaction}: proven")
    if not found.keys_trusted:
        report.say("! the key came with the file: name one you know with --key")
