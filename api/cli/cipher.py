"""``chancela cipher``: the keys that CMD clients encrypt phone, PIN and code to."""

import click
from cryptography import x509

from api.cipher_keys import CipherKeyRotation
from api.cli.operators import ACTOR
from api.cli.output import Reporter, reporter
from api.wiring import open_services
from api.wiring.cipher_keys import cipher_key_rotation
from hsm.cipher_keys import REFRESH_SECONDS, CipherCertificate


def _rotation() -> CipherKeyRotation:
    return cipher_key_rotation(open_services())


@click.group("cipher")
def command() -> None:
    """Rotate the published key of the CMD services; older keys decrypt until retired."""


@command.command("list")
@reporter
def list_(report: Reporter) -> None:
    """Print the active keys, the published one first."""
    shown = [_described(one) for one in _rotation().keys.certificates()]
    for one in shown:
        report.say(f"{one['number']}  {one['key_id']}  until {one['not_after']}  {one['subject']}")
    report.fact(keys=shown)


@command.command("add")
@reporter
def add(report: Reporter) -> None:
    """Make a key and publish its certificate at /certificado/cifra.cer."""
    made = _described(_rotation().add(actor=ACTOR))
    report.done(f"cipher key {made['number']} is published; older ones still decrypt")
    report.fact(key=made)


@command.command("retire")
@reporter
def retire(report: Reporter) -> None:
    """Stop decrypting with the oldest key; the last one stays."""
    gone = _rotation().retire(actor=ACTOR)
    wait = int(REFRESH_SECONDS)
    report.done(
        f"cipher key {gone.number} is withdrawn: servers stop using it within {wait} s; "
        f"then run ./chancela cipher destroy {gone.number}"
    )
    report.fact(number=gone.number)


@command.command("destroy")
@click.argument("number", type=click.IntRange(min=1))
@reporter
def destroy(report: Reporter, number: int) -> None:
    """Destroy the retired key NUMBER in the token: for ever."""
    _rotation().destroy(number, actor=ACTOR)
    report.done(f"cipher key {number} is destroyed")
    report.fact(number=number)


def _described(key: CipherCertificate) -> dict[str, object]:
    certificate = x509.load_der_x509_certificate(key.der)
    return {
        "number": key.number,
        "key_id": key.key_id,
        "subject": certificate.subject.rfc4514_string(),
        "not_after": certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
    }
