"""One ValidateOtp of the CMD services over 100 documents, in process, beside the HSM's own work."""

import base64
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from os import cpu_count
from typing import Final

from api.bench.figures import Row, compared, measure, measure_each
from api.bench.installation import BenchCitizen, TemporaryInstallation
from api.bench.rows import Floors, bare_signature
from api.cmd.calls import Call, Calls
from api.cmd.envelope import Member
from api.wiring.cmd import cmd_door
from signer.domain.client import Client, ClientLimits, ClientPolicy, Role
from signer.domain.cmd_application import BasicRule, CMDApplication
from signer.domain.errors import ConfigurationError
from signer.domain.values import DEFAULT_TENANT, ClientId, DigestAlgorithm
from signer.operations.applications import NewApplication, RegisterApplication

_DOCUMENTS: Final = 100
_MOST: Final = 100_000
_PROCESS_ID: Final = re.compile(rb"<a:ProcessId>([^<]+)</a:ProcessId>")


@dataclass(frozen=True, slots=True)
class _Program:
    """A program of the legacy service."""

    installation: TemporaryInstallation
    calls: Calls
    application: CMDApplication

    def asked(self, citizen: BenchCitizen) -> Call:
        """PIN right, code in hand: the ValidateOtp that remains."""
        own_id = base64.b64encode(self.application.application_id.encode()).decode()
        documents = tuple(_document(number) for number in range(_DOCUMENTS))
        request = (
            Member("ApplicationId", own_id),
            Member("Pin", citizen.signature_pin.reveal()),
            Member("UserId", citizen.phone),
        )
        answer = self.calls(
            self._call(
                "CCMovelMultipleSign",
                Member("request", None, request),
                Member("documents", None, documents),
            )
        )
        found = _PROCESS_ID.search(answer.envelope)
        if found is None or answer.transaction is None:
            raise ConfigurationError("the CMD services refused the benchmark's request")
        return self._call(
            "ValidateOtp",
            Member("code", self.installation.code_of(answer.transaction).reveal()),
            Member("processId", found[1].decode()),
            Member("applicationId", own_id),
        )

    def finish(self, call: Call) -> None:
        """Raises ConfigurationError when it did not sign them all."""
        if self.calls(call).envelope.count(b"<a:HashStructure>") != _DOCUMENTS:
            raise ConfigurationError("the CMD services did not sign the benchmark's documents")

    def _call(self, operation: str, *members: Member) -> Call:
        return Call(
            operation=operation,
            body=Member(operation, None, members),
            application=self.application,
            legacy=True,
            authenticated=True,
            address="127.0.0.1",
        )


def cmd_row(floors: Floors) -> Row:
    """Code checked, claimed, signed, verified, stored, written as WCF does: 100 x RSA-3072."""
    preparing, lanes = floors.preparing, cpu_count() or 1
    program = _program(preparing.installation)
    rounds = max(3, floors.repetitions // 10)
    program.finish(program.asked(preparing.citizen))
    waiting = [program.asked(preparing.citizen) for _ in range(rounds)]
    product = measure_each([partial(program.finish, one) for one in waiting])
    with ThreadPoolExecutor(lanes) as pool:

        def own() -> None:
            for _ in pool.map(lambda _: bare_signature(preparing), range(_DOCUMENTS)):
                pass

        floor = measure(own, rounds, warm=1)
    return compared(
        "100 hashes RSA-3072, one CMD ValidateOtp in process",
        product,
        floor.median_ms,
        product.median_ms,
        1.1,
        f"{lanes} sessions",
    )


def _program(installation: TemporaryInstallation) -> _Program:
    services = installation.services
    stores = services.stores
    client = Client(
        id=ClientId("bench-cmd"),
        tenant=DEFAULT_TENANT,
        name="Bancada de medida",
        roles=frozenset({Role.RELYING_PARTY}),
        policies=frozenset({ClientPolicy.MAY_CARRY_PIN}),
        limits=ClientLimits(failures_per_hour=_MOST, requests_per_minute=_MOST),
        created_at=stores.clock.now(),
    )
    register = RegisterApplication(
        stores.applications, stores.clients, stores.clock, secrets.token_bytes
    )
    made = register(NewApplication(client=client, basic=BasicRule.OFF), actor="bench")
    return _Program(installation, cmd_door(services).calls, made.application)


def _document(number: int) -> Member:
    info = DigestAlgorithm.SHA256.digest_info_prefix + secrets.token_bytes(32)
    members = (
        Member("Hash", base64.b64encode(info).decode()),
        Member("Name", f"contrato-{number}.pdf"),
        Member("id", str(number)),
    )
    return Member("HashStructure", None, members)
