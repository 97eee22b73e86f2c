"""Verifies an export offline: needs the files and, to be worth most, a key known beforehand."""

import zipfile
from pathlib import Path

from signer.audit import archive
from signer.audit.chain_check import check_chains
from signer.audit.log_check import CheckpointCheck, check_anchors, check_log
from signer.audit.ports import TokenCheck
from signer.audit.report import Anchor, AuditReport, Problem
from signer.audit.timestamp_imprint import check_imprint
from signer.domain.audit_log import Checkpoint
from signer.domain.errors import InvalidRequestError
from signer.ports import SignatureVerifier


def verify_export(
    path: Path,
    verify: SignatureVerifier,
    *,
    trusted_keys_der: tuple[bytes, ...] = (),
    anchors: tuple[Anchor, ...] = (),
    check_token: TokenCheck | None = None,
) -> AuditReport:
    """Check chains, log, checkpoints and time-stamps of a folder or zip; lists all that is wrong.

    Without ``trusted_keys_der`` the keys in the export are taken on faith; without ``anchors`` an
    export that was cut back to an older checkpoint looks like an older export; without
    ``check_token`` only the imprints of time-stamps are compared.  The report says so.
    Raises InvalidRequestError when this is no export at all.
    """
    try:
        files = archive.ArchiveReader(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidRequestError("this is no audit export", field="path") from error
    try:
        return _verify(files, verify, trusted_keys_der, anchors, check_token)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise InvalidRequestError(f"this is no audit export: {error}", field="path") from error
    finally:
        files.close()


def _verify(
    files: archive.ArchiveReader,
    verify: SignatureVerifier,
    trusted_keys_der: tuple[bytes, ...],
    anchors: tuple[Anchor, ...],
    check_token: TokenCheck | None,
) -> AuditReport:
    manifest = files.read_object(archive.MANIFEST)
    if manifest.get("format") != archive.FORMAT:
        raise ValueError("unknown format")
    chains = check_chains(files)
    checkpoints = tuple(map(archive.checkpoint_of, files.lines(archive.CHECKPOINTS)))
    sizes = {checkpoint.size for checkpoint in checkpoints} | {a.size for a in anchors}
    log, log_problems = check_log(files, chains, sizes)
    check = CheckpointCheck(log, verify, check_token or check_imprint, trusted_keys_der)
    signed = [problem for checkpoint in checkpoints for problem in check(checkpoint)]
    counted = {
        "records": chains.records,
        "log_size": log.size,
        "checkpoints": len(checkpoints),
    }
    totals = [
        Problem("manifest", f"names {manifest.get(name)} {name}, found {count}")
        for name, count in counted.items()
        if manifest.get(name) != count
    ]
    return AuditReport(
        problems=(
            *chains.problems,
            *log_problems,
            *signed,
            *check_anchors(anchors, log, checkpoints),
            *totals,
        ),
        writers=sum(1 for _ in files.lines(archive.WRITERS)),
        records=chains.records,
        log_size=log.size,
        checkpoints=len(checkpoints),
        signed_size=check.signed_size,
        tail=chains.records - check.signed_size,
        not_logged=chains.records - len(chains.logged),
        unstamped=_unstamped(checkpoints),
        keys_trusted=bool(trusted_keys_der),
        timestamps_verified=check_token is not None,
    )


def _unstamped(checkpoints: tuple[Checkpoint, ...]) -> tuple[int, ...]:
    return tuple(one.number for one in checkpoints if one.timestamp_token is None)
