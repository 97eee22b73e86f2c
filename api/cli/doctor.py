"""``chancela doctor``: what is wrong with this installation, and how to mend it."""

import click

from api.cli.output import Reporter, reporter
from api.diagnosis import Finding, Verdict, checks, examine
from api.settings import Settings, SettingsError
from api.wiring import open_services

_MARKS = {Verdict.OK: "✓", Verdict.WARNING: "!", Verdict.FAULT: "✗", Verdict.SKIPPED: "·"}


@click.command("doctor")
@click.option("--send-test-to", metavar="ADDRESS", help="Send a test there: +351… or an e-mail.")
@reporter
def command(report: Reporter, *, send_test_to: str | None) -> None:
    """Check settings, files, tokens, keys, database, audit, certificates, clock and channels.

    Exit code 1 when anything is at fault; warnings alone are 0.  Changes nothing.
    """
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        report.say(f"{_MARKS[finding.verdict]} {finding.name:<13} {finding.detail}")
        if finding.fix:
            report.say(f"  {'':<13} Fix: {finding.fix}")

    try:
        settings = Settings.load()
    except SettingsError as error:
        tell(Finding("settings", Verdict.FAULT, error.detail, "docs/configuration.md"))
    else:
        tell(Finding("settings", Verdict.OK, f"profile {settings.profile.value}"))
        for warning in settings.warnings:
            tell(Finding("settings", Verdict.WARNING, warning))
        for finding in examine(checks(open_services(settings), send_test_to=send_test_to)):
            tell(finding)
    report.fact(findings=[finding.as_json() for finding in findings])
    if any(finding.verdict is Verdict.FAULT for finding in findings):
        report.failed = True
