"""``chancela verify``: judges signed files by EN 319 102-1 against the anchors given."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from api.cli.output import Reporter, reporter
from api.client.revocation import AskedRevocation
from api.settings import Settings
from signer.adapters.system_clock import SystemClock
from signer.domain.errors import ConfigurationError, InvalidRequestError
from signer.domain.signature_options import SignedFile
from signer.domain.values import Digest, DigestAlgorithm
from signer.validation import (
    FileKind,
    Indication,
    RevocationData,
    RevocationRule,
    SignatureReport,
    TimestampReport,
    TrustPolicy,
    VerificationReport,
    Verifier,
)
from signer.validation.verifier import kind_of

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Report = VerificationReport | TimestampReport


@click.command("verify")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=_FILE)
@click.option(
    "--content",
    "contents",
    multiple=True,
    type=_FILE,
    help="What detached signatures and time-stamps are over; repeatable, found by file name.",
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    type=_FILE,
    help="Trusted CA, PEM or DER; repeatable.  Default: the root of this installation.",
)
@click.option(
    "--revocation",
    "revocation",
    multiple=True,
    type=_FILE,
    help="OCSP answer or CRL (DER) to use; repeatable.",
)
@click.option(
    "--offline", is_flag=True, help="Ask nobody; an unknown revocation status then passes."
)
@click.option("--report", "report_file", type=click.Path(dir_okay=False, path_type=Path))
@reporter
def command(
    report: Reporter,
    *,
    files: tuple[Path, ...],
    contents: tuple[Path, ...],
    anchors: tuple[Path, ...],
    revocation: tuple[Path, ...],
    offline: bool,
    report_file: Path | None,
) -> None:
    """Verify PDF, CMS, XML, JSON and ASiC signatures and time-stamps.

    Exit code 0 only when all are VALID.

    Revocation status comes from the files given and, unless --offline, from the OCSP and CRL
    addresses that the certificates name.
    """
    asked = AskedRevocation()
    data = _revocation_data(revocation)
    trusted = [_anchor(file) for file in anchors] or [installed_root()]
    if offline:
        policy = TrustPolicy(anchors=tuple(trusted), revocation=RevocationRule.SOFT_FAIL, data=data)
    else:
        policy = TrustPolicy(anchors=tuple(trusted), data=data, source=asked)
    verifier = Verifier(policy, SystemClock())
    over = {file.name: file.read_bytes() for file in contents}
    found = []
    for file in files:
        judged = judge(verifier, file.read_bytes(), over)
        passed = has_passed(judged)
        say = report.done if passed else report.fail
        say(f"{file}: {'VALID' if passed else 'NOT VALID'}")
        _describe(report, judged)
        found.append({"file": str(file), "valid": passed, **asdict(judged)})
    source = "online" if not offline else "offline: unknown revocation status was accepted"
    report.say(f"revocation: {source}")
    for line in asked.answers:
        report.say(f"  {line}")
    facts = {"files": found, "revocation": source, "asked": asked.answers}
    report.fact(**facts)
    if report_file:
        text = json.dumps(
            {"valid": not report.failed, **facts}, ensure_ascii=False, indent=2, default=str
        )
        report_file.write_text(text + "\n")


def judge(verifier: Verifier, signed: bytes, over: Mapping[str, bytes]) -> Report:
    """By what the file is, never by its name."""
    kind = kind_of(signed)
    (only,) = over.values() if len(over) == 1 else (None,)
    if kind is FileKind.TIMESTAMP:
        if only is None:
            raise InvalidRequestError("a time-stamp needs one --content", field="content")
        return verifier.verify_timestamp(signed, only)
    judges: dict[FileKind, Callable[[], VerificationReport]] = {
        FileKind.PDF: lambda: verifier.verify_pdf(signed),
        FileKind.CMS: lambda: verifier.verify_cades(signed, content=only),
        FileKind.XML: lambda: verifier.verify_xades(signed, over),
        FileKind.CONTAINER: lambda: verifier.verify_container(signed),
        FileKind.JWS: lambda: verifier.verify_jades(signed, _beside(over)),
    }
    if kind not in judges:
        return VerificationReport(kind=kind, problems=("no kind of signature known here",))
    return judges[kind]()


def _beside(over: Mapping[str, bytes]) -> tuple[SignedFile, ...]:
    return tuple(
        SignedFile(
            name=name,
            media_type="application/octet-stream",
            digest=Digest.of(DigestAlgorithm.SHA256, content),
            content=content,
        )
        for name, content in over.items()
    )


def has_passed(judged: Report) -> bool:
    """VALID, without any problem."""
    if isinstance(judged, VerificationReport):
        return judged.has_passed
    return judged.indication is Indication.TOTAL_PASSED and not judged.problems


def installed_root() -> bytes:
    """The root CA of this installation, DER; raises ConfigurationError."""
    file = Settings.load().var / "pki" / "root-ca.der"
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read. Fix: name an --anchor") from error


def _anchor(file: Path) -> bytes:
    content = file.read_bytes()
    try:
        if b"-----BEGIN" in content:
            certificate = x509.load_pem_x509_certificate(content)
        else:
            certificate = x509.load_der_x509_certificate(content)
    except ValueError as error:
        raise InvalidRequestError(f"{file} is no certificate", field="anchor") from error
    return certificate.public_bytes(Encoding.DER)


def _revocation_data(files: tuple[Path, ...]) -> RevocationData:
    data = RevocationData()
    for file in files:
        content = file.read_bytes()
        try:
            x509.load_der_x509_crl(content)
        except ValueError:
            try:
                ocsp.load_der_ocsp_response(content)
            except ValueError as error:
                raise InvalidRequestError(
                    f"{file} is neither a CRL nor an OCSP answer (DER)", field="revocation"
                ) from error
            data += RevocationData(ocsp_responses=(content,))
        else:
            data += RevocationData(crls=(content,))
    return data


def _describe(report: Reporter, judged: Report) -> None:
    if isinstance(judged, TimestampReport):
        _say_indication(report, judged)
        report.say(f"  time: {judged.time}, authority: {judged.authority}")
    else:
        for one in judged.signatures:
            _say_indication(report, one)
            report.say(f"  signer: {one.signer} (certificate {one.certificate_serial})")
            report.say(
                f"  level: {one.level}, claimed time: {one.claimed_time}, "
                f"time-stamp: {one.timestamp_time}"
            )
            for label, texts in (
                ("certified attribute", one.certified_attributes),
                ("claimed attribute", one.claimed_attributes),
            ):
                for text in texts:
                    report.say(f"  {label}: {text}")
            for problem in one.problems:
                report.say(f"  problem: {problem}")
    for problem in judged.problems:
        report.say(f"  problem: {problem}")


def _say_indication(report: Reporter, one: SignatureReport | TimestampReport) -> None:
    detail = f" / {one.sub_indication}" if one.sub_indication else ""
    report.say(f"  {one.indication}{detail}")
