"""Every setting with its unit and limits; the docstrings become docs/configuration.md."""

import os
from collections.abc import Mapping
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from api.settings.rules import SettingsError, refusals, warnings
from api.settings.sources import PREFIX, Collected, collect


@unique
class Profile(StrEnum):
    """``demo``: everything on one machine, for trying out.  ``production`` refuses its defaults."""

    DEMO = "demo"
    PRODUCTION = "production"


def _split(value: object) -> object:
    """Read a list written as text: items separated by commas."""
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Seconds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], NoDecode, BeforeValidator(_split)]
Port = Annotated[int, Field(ge=1, le=65535)]
PINLength = Annotated[int, Field(ge=4, le=8)]
Hours = Annotated[int, Field(ge=0, le=24 * 365)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Address = Annotated[str, Field(pattern=r"^https?://[^\s]+[^/\s]$")]

_DEMO_DEFAULTS: Final[Mapping[str, object]] = {
    "channel_order": ("demo",),
    "certificate_authority_name": "Chancela TESTE",
    "service_name": "Chancela TESTE",
    "tsa_urls": ("internal",),
    "limit_resend_interval_seconds": 0,
    "limit_resends_per_transaction": 20,
    "limit_codes_per_hour": 10_000,
    "limit_codes_per_day": 10_000,
    "limit_phone_change_freeze_hours": 0,
    "recovery_wait_hours": 0,
    "webhook_private_addresses": True,
    "csc_basic_login": True,
    "hsm_reinitialise_interval_seconds": 5,
}
"""Where the demo differs; given values win.  Production refuses the dangerous ones of these."""


class Settings(BaseSettings):
    """All settings, frozen; only :meth:`load` reads files and the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    # --- the installation ------------------------------------------------------------------------

    profile: Profile = Profile.DEMO
    """``demo`` or ``production``; production refuses every default made for the demo."""
    var: Path = Path("var")
    """Folder of all state of this installation; made absolute."""
    service_name: str = "Chancela"
    """Name of the service on pages, in messages and in metadata."""
    language: Literal["pt", "en"] = "pt"
    """Language where a person has chosen none."""
    country_profile: Annotated[str, Field(pattern="^[a-z]{2}$")] = "pt"
    """Country profile: documents, phone numbers, texts, policy OIDs, seal layout."""
    log_format: Literal["console", "json"] = "console"
    """Form of log lines on stderr."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severity that is logged; secrets are never logged at any level."""

    # --- addresses -------------------------------------------------------------------------------

    host: str = "127.0.0.1"
    """Address the servers listen on."""
    port: Port = 8080
    """TCP port of plain HTTP."""
    tls_port: Port = 8443
    """TCP port of HTTPS; in production TLS ends at the proxy."""
    metrics_port: Port = 9464
    """TCP port of ``/metrics`` (Prometheus), on the loopback address only."""
    base_url: Address = ""
    """Public address of the service, without a slash at the end; default:
    ``http://127.0.0.1:<port>``.
    """
    tls_url: Address = ""
    """Public HTTPS address; default: ``https://127.0.0.1:<tls_port>``, in production the base URL.
    """
    pki_url: Address = ""
    """Plain HTTP address of OCSP, CRLs and CA certificates, frozen into certificates; default:
    ``http://127.0.0.1:<port>/pki``.
    """
    web_workers: Annotated[int, Field(ge=1, le=256)] = 2
    """Processes that answer HTTP."""
    web_threads: Annotated[int, Field(ge=1, le=256)] = 8
    """Threads of each process; each may open one HSM session."""
    web_trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    """Number of proxies in front whose forwarding headers are believed."""
    web_secret_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """At least 32 random characters that protect cookies and forms; the demo draws its own."""

    # --- database --------------------------------------------------------------------------------

    database_url: Annotated[str, Field(pattern=r"^(sqlite|postgresql)(\+psycopg)?://")] = ""
    """SQLAlchemy URL, SQLite or PostgreSQL; default: ``chancela.db`` in the var folder."""
    database_timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 10
    """Longest wait for a lock or a connection."""
    outbox_workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that deliver messages; exactly 1 on SQLite."""

    # --- HSM -------------------------------------------------------------------------------------

    pkcs11_module: Path | None = None
    """PKCS#11 shared library; the bootstrap sets it to SoftHSM where it finds or installs it."""
    hsm_profile: str = "softhsm"
    """Mechanism numbers and templates of the device (docs/hsm.md)."""
    hsm_root_label: str = "root"
    """Label of the token with the root CA key; used by ceremonies only."""
    hsm_pki_label: str = "pki"
    """Label of the token with CA, OCSP, TSA and other service keys."""
    hsm_sam_label: str = "sam"
    """Label of the token with the master keys."""
    hsm_root_pin_file: Path = Path()
    """File with the user PIN of token ``root``; default: ``hsm/root.pin`` in the var folder."""
    hsm_pki_pin_file: Path = Path()
    """File with the user PIN of token ``pki``, mode 0600; default: ``hsm/pki.pin`` in the var
    folder.
    """
    hsm_sam_pin_file: Path = Path()
    """File with the user PIN of token ``sam``, mode 0600; default: ``hsm/sam.pin`` in the var
    folder.
    """
    hsm_lock_file: Path = Path()
    """File that processes of this host lock while they initialise and log in; default:
    ``hsm/start.lock``.
    """
    hsm_transcript_file: Path = Path()
    """Signed transcript of the ceremony that start-up compares with; default:
    ``hsm/transcript.json``.
    """
    hsm_softhsm_conf: Path = Path()
    """SoftHSM only: its configuration file; default: ``hsm/softhsm2.conf``."""
    hsm_reinitialise_interval_seconds: Annotated[float, Field(ge=1, le=300)] = 30
    """At most one re-initialisation of the module in this time."""

    # --- lifetimes -------------------------------------------------------------------------------

    code_lifetime_seconds: Annotated[int, Field(ge=30, le=600)] = 300
    """Life of a one-time code."""
    sad_lifetime_seconds: Annotated[int, Field(ge=1, le=300)] = 300
    """Life of signature activation data."""
    transaction_lifetime_seconds: Annotated[int, Field(ge=60, le=3600)] = 900
    """Life of a transaction from its start to its last signature."""
    cmd_process_lifetime_seconds: Annotated[int, Field(ge=60, le=600)] = 300
    """Life of a process of the CMD services; desktop programs count on five minutes."""
    cmd_clear_fields: bool = False
    """SCMDService also takes phone, PIN and code unencrypted: for test set-ups, never in
    production.
    """
    claim_lifetime_seconds: Annotated[int, Field(ge=10, le=300)] = 60
    """A claimed signature older than this has failed; the reaper says so."""
    enrolment_link_lifetime_hours: Annotated[int, Field(ge=1, le=24 * 30)] = 72
    """Life of the one-time link a new citizen gets."""
    session_lifetime_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 15
    """Life of a session on our pages without activity."""
    recovery_wait_hours: Hours = 24
    """Wait before a forgotten signature PIN is replaced, with notices."""

    # --- PINs ------------------------------------------------------------------------------------

    pin_signature_minimum: PINLength = 6
    """Fewest digits of a signature PIN."""
    pin_authentication_minimum: PINLength = 4
    """Fewest digits of an authentication PIN."""
    pin_maximum: PINLength = 8
    """Most digits of either PIN."""

    # --- limits on guessing and sending ----------------------------------------------------------

    limit_pin_failures: Annotated[int, Field(ge=1, le=10)] = 5
    """Consecutive wrong PINs that lock it."""
    limit_pin_failures_in_window: Annotated[int, Field(ge=1, le=100)] = 20
    """Wrong PINs within the window that demand identification anew."""
    limit_window_days: Annotated[int, Field(ge=1, le=365)] = 30
    """Length of that window."""
    limit_pin_delays_seconds: Seconds = (0, 0, 1, 4, 15, 60)
    """Wait after no, one, two … consecutive wrong PINs; the last one stands for all further."""
    limit_code_failures: Annotated[int, Field(ge=1, le=100)] = 10
    """Consecutive wrong codes, over all transactions, that lock codes."""
    limit_code_failures_per_code: Annotated[int, Field(ge=1, le=10)] = 3
    """Wrong tries one code survives."""
    limit_code_lock_hours: Annotated[int, Field(ge=1, le=24 * 7)] = 24
    """Length of a lock of codes."""
    limit_client_failures_per_hour: Count = 100
    """Wrong PINs and codes one client may bring in an hour before it is slowed down."""
    limit_stale_attempt_seconds: Annotated[int, Field(ge=5, le=300)] = 30
    """An open attempt older than this belongs to a dead process and has failed."""
    limit_busy_wait_seconds: Annotated[int, Field(ge=0, le=30)] = 5
    """How long a second check of the same secret waits for the first."""
    limit_resend_interval_seconds: Annotated[int, Field(ge=0, le=600)] = 30
    """Least time between two codes of one transaction."""
    limit_resends_per_transaction: Annotated[int, Field(ge=0, le=100)] = 3
    """Further codes one transaction may have."""
    limit_codes_per_hour: Count = 10
    """Codes to one phone in an hour."""
    limit_codes_per_day: Count = 20
    """Codes to one phone in a day."""
    limit_phone_change_freeze_hours: Hours = 72
    """After a change of phone nothing is signed for this long."""
    limit_spray_attempts: Count = 100
    """Attempts in ten minutes from which the share of failures is watched."""
    limit_spray_percent: Annotated[int, Field(ge=1, le=100)] = 2
    """Share of failures that raises the alarm against spraying."""
    totp_window_steps: Annotated[int, Field(ge=0, le=1)] = 1
    """Steps of 30 s before and after now in which a TOTP is accepted."""

    # --- messages --------------------------------------------------------------------------------

    channel_order: Names = ("sms", "email")
    """Channels in order of preference: ``sms``, ``email``, ``totp``; ``demo`` is the outbox page
    of the demo.
    """
    message_transliterate: bool = False
    """Write messages without accents so that they fit one SMS."""
    sms_gateway_url: str = ""
    """Address of the HTTP gateway; may hold ``{to}``, ``{digits}``, ``{text}``, ``{id}`` and
    ``{sender}``.
    """
    sms_gateway_method: Literal["POST", "PUT", "GET"] = "POST"
    """HTTP method."""
    sms_gateway_headers: Names = ()
    """Further headers, each ``Name: value``; the token goes out as a bearer token by itself."""
    sms_gateway_json: bool = True
    """Whether the body is JSON; else it is sent as a form."""
    sms_gateway_sender: str = ""
    """Sender shown on the phone, for ``{sender}``."""
    sms_gateway_body: str = '{"to": "{to}", "text": "{text}", "id": "{id}"}'
    """JSON object of the body's members, with the same fields as the address."""
    sms_gateway_success: str = r'"status"\s*:\s*"(?:ok|accepted|queued|sent)"'
    """Regular expression searched in the body of a 2xx answer; no match means not accepted."""
    sms_gateway_receipt: str = r'"id"\s*:\s*"?([A-Za-z0-9._:-]{1,100})'
    """Regular expression whose first group is the gateway's receipt id in the answer."""
    sms_gateway_token: SecretStr | None = None
    """The gateway's secret; give it as a file."""
    sms_gateway_timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 10
    """Longest wait for the gateway."""
    sms_receipt_token: SecretStr | None = None
    """Secret the gateway shows when it reports delivery to us; none: reports are refused."""
    sms_receipt_id_field: str = "id"
    """Member or form field of a report that holds the gateway's id of the message."""
    sms_receipt_status_field: str = "status"
    """Member or form field of a report that says what became of it."""
    sms_receipt_arrived: str = "(?i)delivered|delivrd|read"
    """Regular expression; a status that is wholly this means: it arrived."""
    sms_receipt_lost: str = "(?i)undelivered|undeliv|failed|rejected|rejectd|expired"
    """Regular expression; a status that is wholly this means: it never will; others wait."""
    smtp_host: str = ""
    """Mail server."""
    smtp_port: Port = 587
    """Its TCP port."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """Encryption; ``none`` only in the demo."""
    smtp_user: str = ""
    """User name, empty for none."""
    smtp_password: SecretStr | None = None
    """Password; give it as a file."""
    smtp_sender: str = ""
    """Address that messages come from."""
    smtp_timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 10
    """Longest wait for the mail server."""
    webhook_timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 5
    """Longest wait for a client's webhook."""
    webhook_attempts: Annotated[int, Field(ge=1, le=20)] = 8
    """Tries before a webhook is given up."""
    webhook_private_addresses: bool = False
    """Whether webhooks may go to private or loopback addresses."""

    # --- documents, time, certificates -----------------------------------------------------------

    document_maximum_megabytes: Annotated[int, Field(ge=1, le=512)] = 20
    """Largest document, in MiB."""
    transaction_maximum_items: Annotated[int, Field(ge=1, le=100)] = 100
    """Most items of one transaction."""
    tsa_urls: Names = ()
    """Time-stamping authorities in order of preference; ``internal`` is our own."""
    tsa_timeout_seconds: Annotated[int, Field(ge=1, le=30)] = 10
    """Longest wait for all of them together."""
    validation_timeout_seconds: Annotated[int, Field(ge=1, le=30)] = 8
    """Longest wait for one OCSP answer or CRL of others; three times that for all together."""
    validation_private_addresses: bool = False
    """Whether OCSP and CRL addresses found in certificates may be private or loopback ones."""
    certificate_authority_name: str = "Chancela"
    """Organisation in the names of our certificate authorities."""
    certificate_authority_identifier: Annotated[str, Field(pattern="^[A-Z]{3}[A-Z]{2}-.+$")] = (
        "VATPT-999999990"
    )
    """Its identifier as EN 319 412-1, 5.1.4 writes it."""
    certificate_serial_number_form: str = ""
    """Form of the subject's serialNumber, of the country profile; empty: its default."""
    certificate_qualified_statements: bool = False
    """Whether certificates state qualification (QcCompliance, QcSSCD); refused on SoftHSM."""
    certificate_lifetime_days: Annotated[int, Field(ge=1, le=365 * 10)] = 1825
    """Longest life of a citizen's certificate; the identity document's end comes first."""
    ocsp_validity_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3600
    """From thisUpdate to nextUpdate of OCSP answers."""
    ocsp_cache_seconds: Annotated[int, Field(ge=0, le=60)] = 30
    """How long an answer may be reused; a revocation shows within this time."""
    crl_validity_hours: Annotated[int, Field(ge=1, le=24 * 7)] = 24
    """From thisUpdate to nextUpdate of CRLs."""
    attribute_certificate_lifetime_minutes: Annotated[int, Field(ge=5, le=24 * 60)] = 1440
    """Life of the certificate that carries a certified professional role."""
    csc_basic_login: bool = False
    """Whether the built-in client of CSC ``auth/login`` exists; demo only."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Never read the environment by construction alone: :meth:`load` does it, and says so."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check everything; raise one SettingsError that names all that is wrong."""
        collected = collect(os.environ if environment is None else environment, cls.model_fields)
        problems = list(collected.problems)
        settings, invalid = cls._validated(collected)
        problems += [f"{_variable(name)}: {text}" for name, text in invalid.items()]
        problems += [
            f"{_variable(name)}: {text}"
            for name, text in refusals(settings, collected.values)
            if name not in invalid
        ]
        if problems:
            raise SettingsError("; ".join(problems))
        return settings

    @classmethod
    def _validated(cls, collected: Collected) -> tuple[Self, dict[str, str]]:
        """Validate; where fields are bad, go on without them so that rules see the others."""
        given = {**collected.values}
        invalid: dict[str, str] = {}
        try:
            return cls.model_validate(_completed(given)), invalid
        except ValidationError as error:
            for fault in error.errors():
                name = str(fault["loc"][0])
                invalid.setdefault(name, _plain(fault["msg"]))
        kept = {name: value for name, value in given.items() if name not in invalid}
        return cls.model_validate(_completed(kept)), invalid

    @property
    def is_production(self) -> bool:
        """Whether the strict rules hold."""
        return self.profile is Profile.PRODUCTION

    @property
    def uses_sqlite(self) -> bool:
        """Whether the database is one file on this host."""
        return self.database_url.startswith("sqlite")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works but should be known."""
        return tuple(warnings(self))

    def redacted(self) -> dict[str, object]:
        """Name every variable with its value; secrets and passwords as stars."""
        return {_variable(name): _shown(getattr(self, name)) for name in type(self).model_fields}


def _completed(given: Mapping[str, Any]) -> dict[str, object]:  # any: values are not validated yet
    """Add the defaults that follow from the profile and from other settings."""
    values: dict[str, object] = dict(given)
    demo = str(given.get("profile", Profile.DEMO)) != Profile.PRODUCTION.value
    defaults: dict[str, object] = dict(_DEMO_DEFAULTS) if demo else {}
    var = Path(str(given.get("var", "var"))).absolute()
    values["var"] = var
    port = given.get("port", 8080)
    base = str(given.get("base_url", f"http://127.0.0.1:{port}"))
    tls = f"https://127.0.0.1:{given.get('tls_port', 8443)}" if demo else base
    defaults |= {
        "base_url": base,
        "tls_url": tls,
        "pki_url": f"http://127.0.0.1:{port}/pki",
        "database_url": f"sqlite:///{var / 'chancela.db'}",
        "hsm_root_pin_file": var / "hsm" / "root.pin",
        "hsm_pki_pin_file": var / "hsm" / "pki.pin",
        "hsm_sam_pin_file": var / "hsm" / "sam.pin",
        "hsm_lock_file": var / "hsm" / "start.lock",
        "hsm_transcript_file": var / "hsm" / "transcript.json",
        "hsm_softhsm_conf": var / "hsm" / "softhsm2.conf",
    }
    return defaults | values


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _plain(message: str) -> str:
    """Turn pydantic's sentence into one that follows a variable's name."""
    return message[0].lower() + message[1:]


def _shown(value: object) -> object:
    """Give a value fit for printing and for JSON."""
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and "://" in value:
        return _without_password(value)
    return value


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if not parts.password:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}"))
