"""What production is started with: example settings, units, proxy, and refused demo defaults."""

import configparser
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli.tree import ROOT
from api.settings import Settings, SettingsError
from api.settings.fields import _DEMO_DEFAULTS

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))

HARMLESS_IN_PRODUCTION = {
    "limit_resends_per_transaction",  # bounded by the limits an hour and a day
    "limit_codes_per_hour",  # bounded by the field's own limits, refused beyond the day's
    "limit_codes_per_day",
    "hsm_reinitialise_interval_seconds",  # a matter of load, not of safety
    "tsa_urls",  # "internal" is a choice a provider with a TSA of its own makes
}
"""Demo defaults that an operator may choose in production; each with its reason."""


def credentials(folder: Path) -> dict[str, str]:
    """What the units give: files for secrets."""
    contents = {
        "HSM_SAM_PIN": "a-long-and-drawn-pin",
        "HSM_PKI_PIN": "another-drawn-pin",
        "WEB_SECRET_KEY": "k" * 43,
        "DATABASE_URL": "postgresql:///chancela?host=/var/run/postgresql",
        "SMS_GATEWAY_TOKEN": "token",
    }
    environment = {}
    for name, content in contents.items():
        file = folder / name
        file.write_text(content + "\n")
        file.chmod(0o600)
        environment[f"CHANCELA_{name}_FILE"] = str(file)
    return environment


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """The example file and the units' credentials, on this machine."""
    return {
        "CHANCELA_CONFIG_FILE": str(DEPLOY / "chancela.toml"),
        **credentials(tmp_path),
    }


def test_the_example_settings_start_a_production_installation(environment):
    settings = Settings.load(environment)
    assert settings.is_production
    assert settings.web_trusted_proxies == 1
    assert settings.channel_order == ("sms",)


def demo_values() -> Iterator[tuple[str, str]]:
    for name, value in _DEMO_DEFAULTS.items():
        if name not in HARMLESS_IN_PRODUCTION:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            yield f"CHANCELA_{name.upper()}", text


@pytest.mark.parametrize(("variable", "value"), list(demo_values()))
def test_production_refuses_every_demo_default(environment, variable, value):
    with pytest.raises(SettingsError, match=variable):
        Settings.load({**environment, variable: value})


@pytest.mark.parametrize("name", ["service_name", "certificate_authority_name", "tsa_urls"])
def test_production_takes_no_demo_default_by_itself(environment, tmp_path, name):
    lines = (DEPLOY / "chancela.toml").read_text().splitlines()
    file = tmp_path / "less.toml"
    file.write_text("\n".join(line for line in lines if not line.startswith(f"{name} ")))
    with pytest.raises(SettingsError, match=f"CHANCELA_{name.upper()}"):
        Settings.load({**environment, "CHANCELA_CONFIG_FILE": str(file)})


def parsed(unit: Path) -> dict[str, list[str]]:
    """``[Service]`` with repeated keys."""
    found: dict[str, list[str]] = {}
    section = unit.read_text().split("[Service]")[1].split("[Install]")[0]
    for line in section.splitlines():
        name, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_hardened_and_use_names_that_exist(unit):
    service = parsed(unit)
    for name, value in {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "LimitCORE": "0",
        "CapabilityBoundingSet": "",
        "User": "chancela",
        "UMask": "0077",
        "KillMode": "mixed",
    }.items():
        assert service[name] == [value], name
    loaded = {entry.partition(":")[0] for entry in service["LoadCredential"]}
    for entry in service["Environment"]:
        variable, _, value = entry.partition("=")
        if variable.startswith("CHANCELA_") and variable != "CHANCELA_CONFIG_FILE":
            name = variable.removeprefix("CHANCELA_").lower()
            fields = Settings.model_fields
            assert name in fields or name.removesuffix("_file") in fields, variable
        if value.startswith("%d/"):
            assert value.removeprefix("%d/") in loaded, variable
    stop = int(service["TimeoutStopSec"][0])
    assert stop > 15, "systemd must wait longer than the supervisor"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_units(unit, tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(unit.read_text())
        assert parser.sections() == ["Unit", "Service", "Install"]
        return
    # The program of an installation is not on this machine: another stands for it.
    text = unit.read_text().replace("/opt/chancela/.venv/bin/python", "/bin/sh")
    copy = tmp_path / unit.name
    copy.write_text(text.replace("User=chancela\nGroup=chancela\n", ""))
    done = subprocess.run(
        [program, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert complaints == []


def test_the_units_start_commands_that_exist():
    for unit in UNITS:
        (start,) = parsed(unit)["ExecStart"]
        arguments = start.split("api.cli ")[1].split()
        from api.cli import main

        command = main.get_command(None, arguments[0])
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in arguments[1:] if word.startswith("--")} <= known


def test_the_proxy_keeps_secrets_out_of_its_log_and_never_asks_twice():
    text = (DEPLOY / "nginx" / "chancela.conf").read_text()
    code = re.sub(r"#.*", "", text)
    assert code.count("{") == code.count("}")
    assert "access_log off;" in code
    assert "proxy_next_upstream off;" in code
    assert "X-Forwarded-For $remote_addr;" in code, "a client's own header must not get through"
    for path in ("ca", "crl", "ocsp", "tsa"):
        assert re.search(rf"\^/\([^)]*\b{path}\b", code)
    size = int(re.search(r"client_max_body_size (\d+)m;", code)[1])
    assert size >= Settings.model_fields["document_maximum_megabytes"].default * 4 / 3
