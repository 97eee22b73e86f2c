"""Sets the demo up: tokens, certificates, database, programs, bodies, people.  Safe to repeat."""

import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pyotp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from sqlalchemy import update

from api import installation
from api.app import create_app
from api.demo.applications import applications
from api.demo.browser import Person, Program
from api.demo.devices import WITH_DEVICE, DemoDevices
from api.demo.people import CITIZENS, PROVIDERS, DemoCitizen, clients
from api.demo.samples import Samples, sign_samples
from api.serving.tls import ensure_tls
from api.settings import Settings
from api.wiring import Services
from api.wiring.cipher_keys import cipher_key_rotation
from api.wiring.commands import CommandServices
from api.wiring.jobs import jobs
from signer.adapters.store.tables.accounts import account as account_table
from signer.authentication.attempts import Attempts
from signer.authentication.pin import PINAuthenticator, PINTarget
from signer.authentication.pin_policy import PINPolicy
from signer.domain.account import Account, PINKind, SigningRestriction
from signer.domain.activation import AttemptKind
from signer.domain.errors import IncorrectPINError, PINPolicyError
from signer.domain.values import ClientId, KeyAlgorithm, Secret
from signer.operations.housekeeping import Worker

_DOCUMENT_EXPIRES: Final = "2034-12-31"
_BIRTH: Final = "1985-05-17"
_CSV_HEADER: Final = "document_type;document_country;document_number;role;valid_from;valid_until"
Say = Callable[[str], None]
_RESTRICTIONS: Final = {
    "must-change-901": SigningRestriction.CHANGE_PINS,
    "must-change-902": SigningRestriction.CHANGE_SIGNATURE_PIN,
    "inactive-817": SigningRestriction.PAUSED,
}


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is set up."""

    settings: Settings
    services: Services
    app: Flask
    description: Path

    @property
    def facts(self) -> dict[str, Any]:  # any: a JSON document
        """What demo.json says."""
        facts: dict[str, Any] = json.loads(self.description.read_text())  # any: a JSON document
        return facts


def set_up(settings: Settings, say: Say) -> Demo:
    """Everything that is not there yet; raises SigningServiceError with cause and fix."""
    installation.make_softhsm_tokens(settings, lambda _line: None)
    say(f"SoftHSM tokens root, pki, sam; ceremony transcript {settings.hsm_transcript_file}")
    services = Services(settings)
    hierarchy = installation.establish_certificates(services)
    installation.migrate(services)
    cipher_key_rotation(services).ensure(actor="demo-setup")
    say(f"database {settings.database_url} up to date; {len(hierarchy.certificates)} certificates")
    app = create_app(services)
    description = settings.var / "demo" / "demo.json"
    description.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    demo = Demo(settings, services, app, description)
    if not description.exists():
        _Stage(demo, say).build()
    return demo


def sign(demo: Demo, say: Say) -> Samples:
    """Sign the samples as the demo lawyer and note their paths in demo.json."""
    facts = demo.facts
    lawyer, native = facts["citizens"]["lawyer"], facts["clients"]["native"]
    samples = sign_samples(
        Program(demo.app, native["client_id"], native["client_secret"]),
        person(demo, lawyer["phone"]),
        phone=lawyer["phone"],
        pin=lawyer["signature_pin"],
        directory=demo.description.parent,
        say=say,
    )
    facts["files"] = samples.as_facts()
    write_private(demo.description, json.dumps(facts, indent=2, ensure_ascii=False))
    return samples


def person(demo: Demo, phone: str) -> Person:
    """Somebody with that phone; the worker's messages go out when they look at it."""
    worker = Worker(jobs(demo.services)[:1], demo.services.stores.clock, threading.Event())
    return Person(demo.app, demo.services.demo_outbox, phone, worker.run_once)


def write_private(path: Path, text: str) -> None:
    """Write a 0600 file; it appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


class _Stage:
    """Plays officer, bodies and citizens, once."""

    def __init__(self, demo: Demo, say: Say) -> None:
        self._demo = demo
        self._services = demo.services
        self._commands = CommandServices(demo.services)
        self._say = say
        self._facts: dict[str, Any] = {}  # any: a JSON document

    def build(self) -> None:
        self._describe()
        self._register_clients()
        citizens = {one.key: self._enrol(one) for one in CITIZENS}
        self._facts["citizens"] = citizens
        self._register_devices(citizens)
        self._host_bodies()
        for one in CITIZENS:
            self._bring_about(one, citizens[one.key])
        write_private(self._demo.description, json.dumps(self._facts, indent=2, ensure_ascii=False))

    def _describe(self) -> None:
        settings, trust = self._demo.settings, self._services.trust
        anchor = trust.directory / "root-ca.der"
        tls = ensure_tls(settings.var / "demo" / "tls", self._services.stores.clock)
        trusted_list = trust.directory / "trusted-list.xml"
        trusted_list.write_bytes(trust.trusted_list.current())
        self._facts |= {
            "base_url": settings.base_url,
            "tls_url": settings.tls_url,
            "tls_ca": str(tls.authority),
            "trust_anchor": str(anchor),
            "tsa_url": f"{settings.pki_url}/tsa",
            "trusted_list": str(trusted_list),
        }

    def _register_clients(self) -> None:
        registered = {}
        for client in clients(self._services.stores.clock):
            made = self._commands.register_client(client, actor="demo-setup")
            registered[str(client.id)] = {
                "client_id": str(client.id),
                "client_secret": made.secret.reveal(),
            }
        cipher = self._cipher_certificate()
        for new in applications(self._services.stores.clock):
            program = self._commands.register_application(new, actor="demo-setup")
            registered[str(new.client.id)] = {
                "application_id": program.application.application_id,
                "username": program.username,
                "password": program.password.reveal(),
                "cipher_certificate": str(cipher),
            }
        self._facts["clients"] = registered
        self._say(f"programs {', '.join(registered)}")

    def _cipher_certificate(self) -> Path:
        (current, *_) = self._services.device.sam.ciphers.certificates()
        path = self._demo.description.parent / "cifra.cer"
        certificate = x509.load_der_x509_certificate(current.der)
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return path

    def _register_devices(self, citizens: Mapping[str, Mapping[str, Any]]) -> None:  # any: JSON
        """On the account page, as people do it."""
        devices = DemoDevices(self._demo.description.parent / "devices")
        for citizen in CITIZENS:
            if citizen.key not in WITH_DEVICE:
                continue
            browser = person(self._demo, citizen.phone)
            page = browser.open("/account/devices")
            pin = citizens[citizen.key]["authentication_pin"]
            page = browser.submit(page, "/account/devices", phone=citizen.phone, pin=pin)
            browser.submit(
                page,
                "/account/devices/confirm",
                code=browser.code(),
                device="add",
                name="Telemóvel",
                public_key=devices.make(self._account(citizen).id),
            )

    def _enrol(self, citizen: DemoCitizen) -> dict[str, Any]:  # any: a JSON document
        officer = self._facts["clients"]["officer"]
        program = Program(self._demo.app, officer["client_id"], officer["client_secret"])
        program.call(
            "POST",
            "/api/v1/citizens",
            {
                "given_name": citizen.given_name,
                "surname": citizen.surname,
                "birth_date": _BIRTH,
                "document": {
                    "type": "BI",
                    "country": "PT",
                    "number": citizen.document_number,
                    "expires_on": _DOCUMENT_EXPIRES,
                },
                "phone": citizen.phone,
                "email": f"{citizen.key}@example.org",
            },
        )
        invited, rules = self._account(citizen), self._services.accounts.rules
        authentication = _pin(rules.pins, PINKind.AUTHENTICATION, invited)
        signature = _pin(rules.pins, PINKind.SIGNATURE, invited)
        browser = person(self._demo, citizen.phone)
        page = browser.open(browser.link())
        page = browser.submit(page, "/account/enrol/code")
        page = browser.submit(page, "/account/enrol/phone", code=browser.code())
        version = self._services.accounts.rules.terms_version
        page = browser.submit(page, "/account/enrol/terms", accept="yes", version=version)
        browser.submit(
            page,
            "/account/enrol/pins",
            authentication_pin=authentication,
            authentication_pin_again=authentication,
            signature_pin=signature,
            signature_pin_again=signature,
        )
        account = self._account(citizen)
        credentials = {
            "rsa" if one.algorithm is KeyAlgorithm.RSA_3072 else "ec": str(one.id)
            for one in self._services.stores.credentials.of(account.id)
        }
        self._say(
            f"citizen {citizen.key:<15} {citizen.given_name} {citizen.surname}  {citizen.phone}"
        )
        return {
            "name": f"{citizen.given_name} {citizen.surname}",
            "phone": citizen.phone,
            "authentication_pin": authentication,
            "signature_pin": signature,
            "document": {"type": "BI", "country": "PT", "id": citizen.document_number},
            "credentials": credentials,
            "outcome": citizen.outcome,
        }

    def _account(self, citizen: DemoCitizen) -> Account:
        account = self._services.stores.accounts.by_phone(citizen.phone)
        if account is None:
            msg = f"{citizen.key} has no account"
            raise LookupError(msg)
        return account

    def _host_bodies(self) -> None:
        numbers = {one.key: one.document_number for one in CITIZENS}
        for provider, role, holder, (name, value) in PROVIDERS:
            self._commands.set_up_provider.create(provider, actor="demo-setup")
            self._commands.set_up_provider.define_role(role, actor="demo-setup")
            header = f"{_CSV_HEADER};sub:{name}"
            row = f"BI;PT;{numbers[holder]};{role.id};2020-01-01;2034-12-31;{value}"
            self._commands.import_attributes(
                provider.id, f"{header}\n{row}\n".encode(), actor="demo-setup"
            )
            self._say(f"body {provider.id}: {holder} is {role.label_pt} {value}")

    def _bring_about(self, citizen: DemoCitizen, noted: dict[str, Any]) -> None:  # any: JSON
        """Make what ``outcome`` says true of the account."""
        account = self._account(citizen)
        if citizen.key == "wrong-pin":
            noted["signature_pin"] = _other_pin(noted["signature_pin"])
        elif citizen.key == "blocked":
            self._lock(account, _other_pin(noted["signature_pin"]))
        elif citizen.key in _RESTRICTIONS:
            self._services.accounts.change.restrict(
                account.id, _RESTRICTIONS[citizen.key], actor="demo-setup"
            )
        elif citizen.key == "late-sms":
            self._services.accounts.change.set_channels(account.id, ("sms",), actor="demo-setup")
        elif citizen.key == "timeout":
            made = self._services.sam.totp.enrol(account.id, label="demo")
            app = pyotp.parse_uri(made.uri.reveal())
            if isinstance(app, pyotp.TOTP):
                self._services.sam.totp.confirm(account.id, Secret(app.now()))
            self._services.accounts.change.set_channels(
                account.id, ("totp", "sms"), actor="demo-setup"
            )
        elif citizen.key == "expired":
            yesterday = self._services.stores.clock.now() - timedelta(days=1)
            with self._services.stores.database.begin() as connection:
                connection.execute(
                    update(account_table)
                    .where(account_table.c.id == account.id)
                    .values(valid_until=yesterday, document_expires_on=yesterday.date())
                )

    def _lock(self, account: Account, wrong: str) -> None:
        (credential, *_) = self._services.stores.credentials.of(account.id)
        slot = self._services.stores.credentials.permanent_slot(credential.id)
        if slot is None:
            return
        target = PINTarget(
            kind=AttemptKind.SIGNATURE_PIN,
            subject=account.id,
            tenant=credential.tenant,
            guarded=credential.id,
            salt=account.signature_salt,
            key_check_value=slot.key_check_value,
        )
        limits = replace(self._services.sam.limits, delays=(timedelta(0),))
        stores = self._services.stores
        pins = PINAuthenticator(
            self._services.device.sam.vault, Attempts(stores.attempts, stores.clock, limits)
        )
        for _ in range(limits.pin_failures):
            with suppress(IncorrectPINError):
                pins.verify(target, Secret(wrong), ClientId("demo-setup"))


def _pin(policy: PINPolicy, kind: PINKind, account: Account) -> str:
    """A random PIN that the rules accept."""
    length = 6 if kind is PINKind.SIGNATURE else 5
    while True:
        pin = "".join(str(secrets.randbelow(10)) for _ in range(length))
        with suppress(PINPolicyError):
            policy.demand(kind, Secret(pin), account, field="pin")
            if _other_pin(pin) != pin:
                return pin


def _other_pin(pin: str) -> str:
    return pin[1:] + pin[:1]
