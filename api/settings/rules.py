"""What settings must be together: above all, production refuses everything made for the demo."""

from collections.abc import Collection, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from signer.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from api.settings.fields import Settings

_POOR_PINS: Final = frozenset(
    {"0000", "1234", "12345", "123456", "1234567", "12345678", "changeme"}
)
_HSM_PIN_MINIMUM: Final = 8
_OTHERS_MAY_READ: Final = 0o077

Refusal = tuple[str, str]
"""Field name and what is wrong with it."""


class SettingsError(ConfigurationError):
    """One or more settings are wrong; the text names every one of them."""


def refusals(settings: "Settings", given: Collection[str]) -> Iterator[Refusal]:
    """Everything that stops a start; ``given`` names the settings that are not defaults."""
    yield from _always(settings)
    if settings.is_production:
        yield from _addresses(settings, given)
        yield from _names(settings, given)
        yield from _hsm(settings, given)
        yield from _messages(settings)
        yield from _relaxed(settings)
    else:
        if not is_loopback(settings.base_url):
            yield "base_url", "the demo is for this machine only (127.0.0.1)"
        if not is_loopback(f"//{settings.host}"):
            yield "host", "the demo listens on 127.0.0.1 only"


def warnings(settings: "Settings") -> Iterator[str]:
    """What works but should be known; printed at start and by ``doctor``."""
    if settings.is_production and settings.uses_sqlite:
        yield "SQLite in production: one host, exactly one outbox worker; use PostgreSQL beyond"
    if settings.is_production and settings.hsm_profile == "softhsm":
        yield "SoftHSM keeps keys in files: no certified device, no qualification statement"


def is_loopback(url: str) -> bool:
    """Tell whether the host of ``url`` is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _always(settings: "Settings") -> Iterator[Refusal]:
    if settings.certificate_qualified_statements and settings.hsm_profile == "softhsm":
        yield "certificate_qualified_statements", "SoftHSM is not a qualified device"
    if settings.pin_signature_minimum > settings.pin_maximum:
        yield "pin_signature_minimum", "must not exceed CHANCELA_PIN_MAXIMUM"
    if settings.pin_authentication_minimum > settings.pin_maximum:
        yield "pin_authentication_minimum", "must not exceed CHANCELA_PIN_MAXIMUM"
    if settings.uses_sqlite and settings.outbox_workers > 1:
        yield "outbox_workers", "must be 1 on SQLite"
    ports = (settings.port, settings.tls_port, settings.metrics_port)
    if len(set(ports)) < len(ports):
        yield "port", "CHANCELA_PORT, CHANCELA_TLS_PORT and CHANCELA_METRICS_PORT must differ"
    if settings.transaction_lifetime_seconds < settings.code_lifetime_seconds:
        yield "transaction_lifetime_seconds", "must be at least CHANCELA_CODE_LIFETIME_SECONDS"
    if urlsplit(settings.pki_url).scheme != "http":
        yield "pki_url", "must be plain http:// (OCSP and CRLs are signed themselves)"


def _addresses(settings: "Settings", given: Collection[str]) -> Iterator[Refusal]:
    if urlsplit(settings.base_url).scheme != "https":
        yield "base_url", "must be https:// in production"
    if is_loopback(settings.base_url):
        yield "base_url", "must be the public address in production"
    if is_loopback(settings.pki_url):
        yield "pki_url", "is frozen into certificates and must be public in production"
    if "database_url" not in given:
        yield "database_url", "must be set in production"
    if not settings.tsa_urls:
        yield "tsa_urls", "a time-stamping authority must be named in production"
    if settings.web_secret_key is None:
        yield "web_secret_key", "must be set in production (CHANCELA_WEB_SECRET_KEY_FILE)"


def _names(settings: "Settings", given: Collection[str]) -> Iterator[Refusal]:
    if "service_name" not in given or "teste" in settings.service_name.lower():
        yield "service_name", "must be the operator's own name in production"
    for name in ("certificate_authority_name", "certificate_authority_identifier"):
        if name not in given:
            yield name, "must be the operator's own in production"
    if "teste" in settings.certificate_authority_name.lower():
        yield "certificate_authority_name", "must not be the demo's in production"


def _hsm(settings: "Settings", given: Collection[str]) -> Iterator[Refusal]:
    if settings.pkcs11_module is None:
        yield "pkcs11_module", "must be set in production"
    for name in ("hsm_sam_pin_file", "hsm_pki_pin_file"):
        if name not in given:
            yield name, "must be set in production"
            continue
        yield from ((name, problem) for problem in _pin_problems(settings, getattr(settings, name)))


def _pin_problems(settings: "Settings", file: Path) -> Iterator[str]:
    if file.is_relative_to(settings.var / "demo"):
        yield "is the demo's"
    try:
        mode, pin = file.stat().st_mode, file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        yield f"cannot read {file}"
        return
    if mode & _OTHERS_MAY_READ:
        yield f"{file} may be read by others: chmod 600"
    if len(pin) < _HSM_PIN_MINIMUM or pin.lower() in _POOR_PINS:
        yield f"holds a default or short PIN (at least {_HSM_PIN_MINIMUM} characters)"


def _messages(settings: "Settings") -> Iterator[Refusal]:
    if "demo" in settings.channel_order:
        yield "channel_order", "the demo outbox shows codes to everybody"
    if "sms" in settings.channel_order and not settings.sms_gateway_url.startswith("https://"):
        yield "sms_gateway_url", "must be https:// in production"
    if "email" in settings.channel_order:
        if not settings.smtp_host:
            yield "smtp_host", "must be set when channel email is used"
        if settings.smtp_security == "none":
            yield "smtp_security", "must be starttls or tls in production"


def _relaxed(settings: "Settings") -> Iterator[Refusal]:
    """Limits that only the demo may loosen."""
    for name, least in (
        ("pin_signature_minimum", 6),
        ("limit_resend_interval_seconds", 10),
        ("recovery_wait_hours", 1),
        ("limit_phone_change_freeze_hours", 1),
    ):
        if getattr(settings, name) < least:
            yield name, f"must be at least {least} in production"
    if settings.limit_codes_per_hour > settings.limit_codes_per_day:
        yield "limit_codes_per_hour", "must not exceed CHANCELA_LIMIT_CODES_PER_DAY"
    if settings.webhook_private_addresses:
        yield "webhook_private_addresses", "is for the demo only"
    if settings.cmd_clear_fields:
        yield "cmd_clear_fields", "is for test set-ups only"
    if settings.csc_basic_login:
        yield "csc_basic_login", "is for the demo only"
