"""An installation of its own for one run: tokens, certificates, database, server, citizens."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

import httpx2
from sqlalchemy import bindparam, select

from api.bench.lean_client import LeanClient
from api.installation import establish_certificates, make_softhsm_tokens, migrate
from api.settings import Settings
from api.settings.sources import PREFIX
from api.wiring import Services, open_services
from signer.adapters.store.prepared import Prepared
from signer.adapters.store.tables.outbox import outbox
from signer.domain.client import Client, ClientLimits, ClientPolicy, Role
from signer.domain.errors import ConfigurationError, UnavailableError
from signer.domain.outgoing import MessageKind, OutgoingMessage
from signer.domain.values import DEFAULT_TENANT, ClientId, KeyAlgorithm, Secret, SignerId
from signer.operations.accounts import Registration
from signer.operations.clients import RegisterClient
from signer.operations.outgoing import PURPOSE

_CODES = (
    select(outbox)
    .where(outbox.c.kind == MessageKind.CODE.value, outbox.c.body.is_not(None))
    .order_by(outbox.c.created_at.desc())
    .limit(1)
)
_NEWEST_CODE_TO: Final = Prepared(_CODES.where(outbox.c.subject == bindparam("subject")))
_NEWEST_CODE_OF: Final = Prepared(_CODES.where(outbox.c.process == bindparam("process")))
_START_SECONDS: Final = 60
_MOST_REQUESTS: Final = 100_000
CLIENT: Final = ClientId("bench")


@dataclass(frozen=True, slots=True)
class BenchCitizen:
    """Somebody enrolled for the run."""

    signer: SignerId
    phone: str
    signature_pin: Secret


@dataclass(slots=True)
class TemporaryInstallation:
    """Made in a folder of its own and deleted with it."""

    settings: Settings
    services: Services
    client_secret: Secret = field(repr=False)
    _enrolled: int = 0

    @classmethod
    @contextmanager
    def make(cls) -> Iterator[Self]:
        """Set everything up; nothing is left behind."""
        folder = Path(tempfile.mkdtemp(prefix="chancela-bench-"))
        before = os.environ.get("SOFTHSM2_CONF")
        try:
            installation = cls._installed(folder)
            yield installation
            installation.services.stores.database.dispose()
        finally:
            _restore_environment(before)
            shutil.rmtree(folder, ignore_errors=True)

    @classmethod
    def _installed(cls, folder: Path) -> Self:
        port, tls_port, metrics_port = _free_ports(3)
        inherited = {
            name: os.environ[f"{PREFIX}{name}"]
            for name in ("PKCS11_MODULE",)
            if f"{PREFIX}{name}" in os.environ
        }
        named = inherited | {
            "VAR": str(folder / "var"),
            "PORT": str(port),
            "TLS_PORT": str(tls_port),
            "METRICS_PORT": str(metrics_port),
            "LIMIT_CODES_PER_HOUR": "1000000",
            "LIMIT_CODES_PER_DAY": "1000000",
            "WEB_WORKERS": str(os.cpu_count() or 1),
            "WEB_THREADS": "4",
        }
        settings = Settings.load({f"{PREFIX}{name}": value for name, value in named.items()})
        services = open_services(settings)
        # Another installation's configuration in the environment must not win.
        os.environ["SOFTHSM2_CONF"] = str(settings.hsm_softhsm_conf)
        make_softhsm_tokens(settings, _quiet)
        establish_certificates(services)
        migrate(services)
        return cls(settings, services, _register_client(services))

    @property
    def environment(self) -> dict[str, str]:
        """For processes of this installation."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        settings = self.settings
        named = {
            "VAR": settings.var,
            "PORT": settings.port,
            "TLS_PORT": settings.tls_port,
            "METRICS_PORT": settings.metrics_port,
            "LIMIT_CODES_PER_HOUR": settings.limit_codes_per_hour,
            "LIMIT_CODES_PER_DAY": settings.limit_codes_per_day,
        }
        if settings.pkcs11_module is not None:
            named["PKCS11_MODULE"] = settings.pkcs11_module
        return kept | {f"{PREFIX}{name}": str(value) for name, value in named.items()}

    def lean_client(self) -> LeanClient:
        """A client that may carry PINs."""
        host = self.settings.base_url.removeprefix("http://")
        return LeanClient(host, CLIENT, self.client_secret)

    def enrol(
        self, *, algorithms: tuple[KeyAlgorithm, ...] = (KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256)
    ) -> BenchCitizen:
        """Register and enrol a citizen through the product's own operations."""
        accounts, number = self.services.accounts, 10_000_000 + self._enrolled
        enrol = replace(accounts.enrol, rules=replace(accounts.rules, algorithms=algorithms))
        self._enrolled += 1
        registered = accounts.register(
            Registration(
                given_name="Maria",
                surname="Exemplo",
                birth_date="1980-01-02",
                document_type="BI",
                document_country="PT",
                document_number=str(number),
                document_expires_on="2040-01-01",
                phone=f"+3519{number}",
            ),
            officer="bench",
        )
        token = Secret(registered.link.reveal().rpartition("/")[2])
        link = enrol.open(token)
        enrol.send_code(enrol.look(link.id, None))
        code = self.newest_code(subject=registered.account.id)
        session = enrol.confirm_phone(enrol.look(link.id, None), code)
        enrol.accept_terms(enrol.look(link.id, session), accounts.rules.terms_version)
        pin = Secret(_drawn_pin())
        enrol.set_pins(
            enrol.look(link.id, session),
            authentication=Secret(_drawn_pin()),
            signature=pin,
        )
        return BenchCitizen(registered.account.id, registered.account.phone, pin)

    def newest_code(self, *, subject: str) -> Secret:
        """Open the newest code message to somebody, as the worker would to send it.

        Raises UnavailableError when there is none.
        """
        return self._opened(_NEWEST_CODE_TO, subject=subject)

    def code_of(self, process: str) -> Secret:
        """Open the code message of a transaction; raises UnavailableError when there is none."""
        return self._opened(_NEWEST_CODE_OF, process=process)

    def _opened(self, query: Prepared, **values: str) -> Secret:
        with self.services.stores.database.look() as connection:
            found = query.all(connection, **values)
        if not found:
            raise UnavailableError("no code was written to the outbox")
        row = found[0]
        message = OutgoingMessage(
            id=row.id,
            kind=MessageKind(row.kind),
            channels=tuple(row.channels.split(",")),
            body=row.body,
            created_at=row.created_at,
            expires_at=row.expires_at,
            subject=row.subject,
            client=ClientId(row.client_id),
            process=row.process,
        )
        plain = self.services.device.sam.vault.expose(PURPOSE, row.body, aad=message.aad())
        return Secret(json.loads(plain)["code"])

    @contextmanager
    def served(self) -> "Iterator[subprocess.Popen[bytes]]":
        """Gunicorn with this installation's application, on loopback; gives its process."""
        settings = self.settings
        command = [
            sys.executable, "-m", "gunicorn", "api.bench.server:application()",
            "--bind", f"127.0.0.1:{settings.port}",
            "--workers", str(settings.web_workers),
            "--threads", str(settings.web_threads),
            "--worker-class", "gthread", "--log-level", "warning", "--no-control-socket",
        ]  # fmt: skip
        log = (settings.var / "server.log").open("wb")
        with (
            log,
            subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                command,
                cwd=Path(__file__).resolve().parents[2],
                env=self.environment,
                stdout=log,
                stderr=log,
            ) as process,
        ):
            try:
                self._await_answer(process)
                yield process
            finally:
                process.terminate()
                process.wait()

    def _await_answer(self, process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and process.poll() is None:
            try:
                answer = httpx2.get(f"{self.settings.base_url}/readyz", trust_env=False)
            except httpx2.HTTPError:
                time.sleep(0.1)
                continue
            if answer.status_code == HTTPStatus.OK:
                return
            time.sleep(0.1)
        words = (self.settings.var / "server.log").read_text()[-2000:]
        raise ConfigurationError(f"the server did not start: {words}")


def _register_client(services: Services) -> Secret:
    register = RegisterClient(
        store=services.stores.clients,
        vault=services.device.sam.vault,
        clock=services.stores.clock,
        random_bytes=secrets.token_bytes,
    )
    client = Client(
        id=CLIENT,
        tenant=DEFAULT_TENANT,
        name="Bancada de medida",
        roles=frozenset({Role.RELYING_PARTY}),
        policies=frozenset({ClientPolicy.MAY_CARRY_PIN}),
        limits=ClientLimits(requests_per_minute=_MOST_REQUESTS),
        created_at=services.stores.clock.now(),
    )
    return register(client, actor="bench").secret


def _free_ports(count: int) -> list[int]:
    opened = [socket.socket() for _ in range(count)]
    try:
        for one in opened:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in opened]
    finally:
        for one in opened:
            one.close()


def _drawn_pin() -> str:
    """Six digits that no deny list has: never consecutive, never repeated."""
    digits = list("0123456789")
    return "".join(digits.pop(secrets.randbelow(len(digits))) for _ in range(6))


def _restore_environment(softhsm_conf: str | None) -> None:
    if softhsm_conf is None:
        os.environ.pop("SOFTHSM2_CONF", None)
    else:
        os.environ["SOFTHSM2_CONF"] = softhsm_conf


def _quiet(_line: str) -> None:
    """The run prints figures only."""
