"""Settings: sources, one error for all mistakes, and what production refuses."""

import pytest
from pydantic import ValidationError

from api.settings import Profile, Settings, SettingsError


@pytest.fixture
def production(tmp_path):
    """A complete production environment; each test spoils one thing."""
    for token in ("sam", "pki"):
        pin = tmp_path / f"{token}.pin"
        pin.write_text("a-long-and-drawn-pin\n")
        pin.chmod(0o600)
    key = tmp_path / "web.key"
    key.write_text("k" * 43)
    return {
        "CHANCELA_PROFILE": "production",
        "CHANCELA_VAR": str(tmp_path / "var"),
        "CHANCELA_SERVICE_NAME": "Assinatura Exemplo",
        "CHANCELA_BASE_URL": "https://assinar.example.org",
        "CHANCELA_PKI_URL": "http://pki.example.org",
        "CHANCELA_DATABASE_URL": "postgresql://chancela:pass@db.example.org/chancela",
        "CHANCELA_PKCS11_MODULE": "/usr/lib/module.so",
        "CHANCELA_HSM_PROFILE": "other",
        "CHANCELA_HSM_SAM_PIN_FILE": str(tmp_path / "sam.pin"),
        "CHANCELA_HSM_PKI_PIN_FILE": str(tmp_path / "pki.pin"),
        "CHANCELA_WEB_SECRET_KEY_FILE": str(key),
        "CHANCELA_CERTIFICATE_AUTHORITY_NAME": "Prestador Exemplo",
        "CHANCELA_CERTIFICATE_AUTHORITY_IDENTIFIER": "VATPT-500000000",
        "CHANCELA_TSA_URLS": "https://tsa.example.org",
        "CHANCELA_SMS_GATEWAY_URL": "https://sms.example.org",
        "CHANCELA_SMTP_HOST": "mail.example.org",
    }


def test_the_demo_needs_no_settings(tmp_path):
    settings = Settings.load({"CHANCELA_VAR": str(tmp_path)})
    assert settings.profile is Profile.DEMO
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.pki_url == "http://127.0.0.1:8080/pki"
    assert settings.database_url == f"sqlite:///{tmp_path}/chancela.db"
    assert settings.channel_order == ("demo",)
    assert settings.recovery_wait_hours == 0


def test_ports_move_the_addresses():
    settings = Settings.load({"CHANCELA_PORT": "9000", "CHANCELA_TLS_PORT": "9443"})
    assert settings.base_url == "http://127.0.0.1:9000"
    assert settings.tls_url == "https://127.0.0.1:9443"


def test_a_complete_production_installation_starts(production):
    settings = Settings.load(production)
    assert settings.is_production
    assert settings.warnings == ()
    assert settings.tls_url == "https://assinar.example.org"
    assert settings.pin_signature_minimum == 6
    assert settings.limit_codes_per_hour == 10


def test_every_mistake_is_named_in_one_error(production, tmp_path):
    production |= {
        "CHANCELA_PORT": "0",
        "CHANCELA_SAD_LIFETIME_SECONDS": "301",
        "CHANCELA_SAD_LIFETIME": "10",
        "CHANCELA_SMTP_PASSWORD_FILE": str(tmp_path / "absent"),
        "CHANCELA_BASE_URL": "http://assinar.example.org",
    }
    del production["CHANCELA_TSA_URLS"]
    with pytest.raises(SettingsError) as caught:
        Settings.load(production)
    for name in (
        "CHANCELA_PORT:",
        "CHANCELA_SAD_LIFETIME_SECONDS:",
        "CHANCELA_SAD_LIFETIME: there is no such setting",
        "CHANCELA_SMTP_PASSWORD_FILE: cannot read",
        "CHANCELA_BASE_URL: must be https://",
        "CHANCELA_TSA_URLS:",
    ):
        assert name in caught.value.detail


def test_errors_never_show_the_value(production):
    production["CHANCELA_DATABASE_URL"] = "mysql://user:canary-password@host/db"
    with pytest.raises(SettingsError) as caught:
        Settings.load(production)
    assert "CHANCELA_DATABASE_URL" in caught.value.detail
    assert "canary-password" not in str(caught.value)
    assert "canary-password" not in repr(caught.value.__cause__)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("BASE_URL", "http://assinar.example.org", id="http issuer"),
        pytest.param("BASE_URL", "https://127.0.0.1:8443", id="loopback issuer"),
        pytest.param("PKI_URL", "http://localhost/pki", id="loopback in certificates"),
        pytest.param("PKI_URL", "https://pki.example.org", id="https revocation"),
        pytest.param("DATABASE_URL", "", id="no database"),
        pytest.param("TSA_URLS", "", id="no TSA"),
        pytest.param("SERVICE_NAME", "", id="default name"),
        pytest.param("SERVICE_NAME", "Chancela TESTE", id="demo name"),
        pytest.param("CERTIFICATE_AUTHORITY_NAME", "Chancela TESTE", id="demo CA"),
        pytest.param("CERTIFICATE_AUTHORITY_NAME", "", id="default CA"),
        pytest.param("CERTIFICATE_AUTHORITY_IDENTIFIER", "", id="default CA identifier"),
        pytest.param("PKCS11_MODULE", "", id="no HSM"),
        pytest.param("HSM_SAM_PIN_FILE", "", id="no SAM PIN"),
        pytest.param("HSM_PKI_PIN_FILE", "/nowhere/pin", id="unreadable PIN"),
        pytest.param("CHANNEL_ORDER", "sms,demo", id="demo outbox"),
        pytest.param("SMS_GATEWAY_URL", "http://sms.example.org", id="clear-text SMS gateway"),
        pytest.param("SMTP_HOST", "", id="no mail server"),
        pytest.param("SMTP_SECURITY", "none", id="clear-text mail"),
        pytest.param("PIN_SIGNATURE_MINIMUM", "4", id="short signature PIN"),
        pytest.param("LIMIT_RESEND_INTERVAL_SECONDS", "0", id="relaxed resends"),
        pytest.param("LIMIT_CODES_PER_HOUR", "21", id="more an hour than a day"),
        pytest.param("LIMIT_PHONE_CHANGE_FREEZE_HOURS", "0", id="no freeze"),
        pytest.param("RECOVERY_WAIT_HOURS", "0", id="no recovery wait"),
        pytest.param("WEBHOOK_PRIVATE_ADDRESSES", "true", id="inward webhooks"),
        pytest.param("CSC_BASIC_LOGIN", "true", id="basic login"),
        pytest.param("CMD_CLEAR_FIELDS", "true", id="clear fields"),
        pytest.param("METRICS_PORT", "8080", id="port used twice"),
        pytest.param("TRANSACTION_LIFETIME_SECONDS", "60", id="shorter than its code"),
        pytest.param("PIN_MAXIMUM", "5", id="maximum below minimum"),
    ],
)
def test_production_refuses(production, name, value):
    production[f"CHANCELA_{name}"] = value
    expected = {"PIN_MAXIMUM": "PIN_SIGNATURE_MINIMUM", "METRICS_PORT": "PORT"}.get(name, name)
    with pytest.raises(SettingsError, match=f"CHANCELA_{expected}: "):
        Settings.load(production)


def test_production_needs_a_key_for_cookies(production):
    del production["CHANCELA_WEB_SECRET_KEY_FILE"]
    with pytest.raises(SettingsError, match="CHANCELA_WEB_SECRET_KEY: "):
        Settings.load(production)


@pytest.mark.parametrize(
    "pin",
    [
        pytest.param("1234", id="the demo's habit"),
        pytest.param("12345678", id="a sequence"),
        pytest.param("short7!", id="seven characters"),
    ],
)
def test_production_refuses_default_hsm_pins(production, tmp_path, pin):
    (tmp_path / "sam.pin").write_text(pin)
    with pytest.raises(SettingsError, match="CHANCELA_HSM_SAM_PIN_FILE: ") as caught:
        Settings.load(production)
    assert pin not in caught.value.detail


def test_production_refuses_pin_files_that_others_may_read(production, tmp_path):
    (tmp_path / "pki.pin").chmod(0o644)
    with pytest.raises(SettingsError, match=r"CHANCELA_HSM_PKI_PIN_FILE: .*chmod 600"):
        Settings.load(production)


def test_production_refuses_the_demo_pin_files(production, tmp_path):
    demo = tmp_path / "var" / "demo"
    demo.mkdir(parents=True)
    (tmp_path / "sam.pin").rename(demo / "sam.pin")
    production["CHANCELA_HSM_SAM_PIN_FILE"] = str(demo / "sam.pin")
    with pytest.raises(SettingsError, match="CHANCELA_HSM_SAM_PIN_FILE: is the demo's"):
        Settings.load(production)


@pytest.mark.parametrize("profile", list(Profile))
def test_softhsm_never_states_qualification(production, profile):
    environment = production if profile is Profile.PRODUCTION else {}
    environment |= {
        "CHANCELA_HSM_PROFILE": "softhsm",
        "CHANCELA_CERTIFICATE_QUALIFIED_STATEMENTS": "true",
    }
    with pytest.raises(SettingsError, match="CHANCELA_CERTIFICATE_QUALIFIED_STATEMENTS: "):
        Settings.load(environment)


def test_a_certified_device_may_state_qualification(production):
    production["CHANCELA_CERTIFICATE_QUALIFIED_STATEMENTS"] = "true"
    assert Settings.load(production).certificate_qualified_statements
    del production["CHANCELA_CERTIFICATE_QUALIFIED_STATEMENTS"]
    assert not Settings.load(production).certificate_qualified_statements


def test_sqlite_in_production_is_a_warning_and_one_worker(production, tmp_path):
    production["CHANCELA_DATABASE_URL"] = f"sqlite:///{tmp_path}/c.db"
    assert "SQLite in production" in Settings.load(production).warnings[0]
    production["CHANCELA_OUTBOX_WORKERS"] = "2"
    with pytest.raises(SettingsError, match="CHANCELA_OUTBOX_WORKERS: must be 1 on SQLite"):
        Settings.load(production)


def test_the_demo_is_for_this_machine_only():
    with pytest.raises(SettingsError, match="CHANCELA_BASE_URL: the demo is for this machine"):
        Settings.load({"CHANCELA_BASE_URL": "http://demo.example.org"})


def test_the_demo_listens_on_loopback_only():
    with pytest.raises(SettingsError, match="CHANCELA_HOST: the demo listens"):
        Settings.load({"CHANCELA_HOST": "0.0.0.0"})


def test_a_short_cookie_key_is_refused():
    with pytest.raises(SettingsError, match="CHANCELA_WEB_SECRET_KEY: "):
        Settings.load({"CHANCELA_WEB_SECRET_KEY": "k" * 31})


def test_the_environment_wins_over_the_file(tmp_path):
    file = tmp_path / "chancela.toml"
    file.write_text('port = 9001\n[sms]\ngateway_url = "http://127.0.0.1:1/x"\n')
    environment = {"CHANCELA_CONFIG_FILE": str(file)}
    assert Settings.load(environment).port == 9001
    assert Settings.load(environment).sms_gateway_url == "http://127.0.0.1:1/x"
    assert Settings.load({**environment, "CHANCELA_PORT": "9002"}).port == 9002


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("port = ", "is not TOML", id="broken"),
        pytest.param("prot = 1", "prot in", id="unknown key"),
        pytest.param("[hsm]\npin = 1", "hsm_pin in", id="unknown key in a table"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, text, problem):
    file = tmp_path / "chancela.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=problem):
        Settings.load({"CHANCELA_CONFIG_FILE": str(file)})


def test_secrets_come_from_files_and_never_print(tmp_path):
    file = tmp_path / "secret"
    file.write_text("canary-secret\n")
    settings = Settings.load(
        {
            "CHANCELA_SMTP_PASSWORD_FILE": str(file),
            "CHANCELA_DATABASE_URL": "postgresql://user:canary-db@127.0.0.1/chancela",
        }
    )
    assert settings.smtp_password is not None
    assert settings.smtp_password.get_secret_value() == "canary-secret"
    shown = str(settings.redacted())
    assert "canary" not in shown
    assert "postgresql://user:***@127.0.0.1/chancela" in shown


def test_a_value_given_twice_is_a_mistake(tmp_path):
    file = tmp_path / "secret"
    file.write_text("x")
    environment = {"CHANCELA_SMTP_PASSWORD_FILE": str(file), "CHANCELA_SMTP_PASSWORD": "y"}
    with pytest.raises(SettingsError, match="CHANCELA_SMTP_PASSWORD: given twice"):
        Settings.load(environment)


def test_settings_do_not_change():
    settings = Settings.load({})
    with pytest.raises(ValidationError):
        settings.port = 1
