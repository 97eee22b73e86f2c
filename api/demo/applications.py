"""The demo's programs of the CMD signature services; GUIDs and passwords are drawn at set-up."""

from typing import Final

from signer.domain.client import Client, ClientLimits, ClientPolicy, Role
from signer.domain.cmd_application import BareHash, BasicRule
from signer.domain.values import DEFAULT_TENANT, ClientId
from signer.operations.applications import NewApplication
from signer.ports import Clock

_GENEROUS: Final = ClientLimits(failures_per_hour=10_000, requests_per_minute=60_000)


def applications(clock: Clock) -> tuple[NewApplication, ...]:
    """``scmd`` as a new integration is registered, ``legacy`` for programs that send no Basic."""
    return (
        _application(clock, "scmd", "Portal Exemplo", BasicRule.REQUIRED, BareHash.REJECT),
        _application(clock, "legacy", "Aplicação Exemplo", BasicRule.OFF, BareHash.WRAP),
    )


def _application(
    clock: Clock, name: str, label: str, basic: BasicRule, bare_hash: BareHash
) -> NewApplication:
    client = Client(
        id=ClientId(name),
        tenant=DEFAULT_TENANT,
        name=label,
        roles=frozenset({Role.RELYING_PARTY}),
        policies=frozenset({ClientPolicy.MAY_CARRY_PIN}),
        limits=_GENEROUS,
        created_at=clock.now(),
    )
    return NewApplication(client=client, basic=basic, bare_hash=bare_hash)
