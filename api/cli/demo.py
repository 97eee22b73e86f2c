"""``chancela demo``: set up, sign samples, verify them, then serve."""

import click

from api.cli.output import Reporter, reporter
from api.cli.serve import serve
from api.demo.samples import Samples
from api.demo.setup import Demo, set_up, sign
from api.demo.verification import verify_samples
from api.logging_setup import configure_logging
from api.settings import Settings


@click.command("demo")
@click.option("--once", is_flag=True, help="Exit after signing and verifying; for scripts.")
@reporter
def command(report: Reporter, *, once: bool) -> None:
    """Set up ./var, sign samples as a demo citizen, verify them, serve on 127.0.0.1."""
    settings = Settings.load()
    configure_logging(form=settings.log_format, level="ERROR")
    report.say(f"chancela demo · data in {settings.var} · NOT a qualified service")
    demo = set_up(settings, report.done)
    report.say("")
    report.say("Signing six samples as the demo lawyer …")
    samples = sign(demo, report.say)
    verdicts = verify_samples(demo, samples)
    for verdict in verdicts:
        (report.done if verdict.right else report.fail)(f"{verdict.judge}: {verdict.text}")
    _links(report, demo, samples)
    if not once and not report.failed:
        serve(settings)


def _links(report: Reporter, demo: Demo, samples: Samples) -> None:
    base = demo.settings.base_url
    report.say("")
    for path in samples.as_facts().values():
        report.say(f"→ {path}")
    report.say("")
    report.say(f"Open   {base}/demo          start page")
    report.say(f"Codes  {base}/demo/outbox   messages sent by the demo")
    report.say(f"API    {base}/docs          native API")
    report.say(f"PINs   {demo.description}")
