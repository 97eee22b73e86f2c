"""Who is in the demo: invented people, bodies and programs."""

from dataclasses import dataclass
from typing import Final

from signer.domain.client import Client, ClientLimits, ClientPolicy, Role
from signer.domain.professional_body import Provider, ProviderRole
from signer.domain.values import DEFAULT_TENANT, ClientId
from signer.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCitizen:
    """One invented person; what ``outcome`` says is a real state of the account."""

    key: str
    given_name: str
    surname: str
    phone: str
    document_number: str
    outcome: str = ""


CITIZENS: Final = (
    DemoCitizen(
        key="lawyer",
        given_name="Maria",
        surname="Demo Santos",
        phone="+351910000001",
        document_number="10000011",
    ),
    DemoCitizen(
        key="engineer",
        given_name="João",
        surname="Demo Pires",
        phone="+351910000002",
        document_number="10000020",
    ),
    DemoCitizen(
        key="refuse",
        given_name="Rita",
        surname="Demo Recusa",
        phone="+351910000003",
        document_number="10000039",
        outcome="refuses every request as soon as the code arrives (a robot)",
    ),
    DemoCitizen(
        key="timeout",
        given_name="Tomás",
        surname="Demo Espera",
        phone="+351910000004",
        document_number="10000048",
        outcome="codes come only from an app nobody has: requests expire",
    ),
    DemoCitizen(
        key="wrong-pin",
        given_name="Paula",
        surname="Demo Engano",
        phone="+351910000005",
        document_number="10000057",
        outcome="the signature PIN noted here is not the account's",
    ),
    DemoCitizen(
        key="blocked",
        given_name="Bruno",
        surname="Demo Bloqueado",
        phone="+351910000006",
        document_number="10000066",
        outcome="the signature PIN is locked",
    ),
    DemoCitizen(
        key="expired",
        given_name="Eva",
        surname="Demo Caducada",
        phone="+351910000007",
        document_number="10000075",
        outcome="the identity document has expired",
    ),
    DemoCitizen(
        key="no-sms",
        given_name="Nuno",
        surname="Demo Silêncio",
        phone="+351910000008",
        document_number="10000084",
        outcome="no message ever reaches this phone",
    ),
    DemoCitizen(
        key="must-change-901",
        given_name="Marta",
        surname="Demo Mudança",
        phone="+351910000009",
        document_number="10000093",
        outcome="both PINs must be changed first (CMD code 901)",
    ),
    DemoCitizen(
        key="must-change-902",
        given_name="Mário",
        surname="Demo Troca",
        phone="+351910000010",
        document_number="10000105",
        outcome="the signature PIN must be changed first (CMD code 902)",
    ),
    DemoCitizen(
        key="inactive-817",
        given_name="Inês",
        surname="Demo Pausa",
        phone="+351910000011",
        document_number="10000114",
        outcome="signing is paused for this account (CMD code 817)",
    ),
    DemoCitizen(
        key="late-sms",
        given_name="Luís",
        surname="Demo Atraso",
        phone="+351910000012",
        document_number="10000123",
        outcome="messages arrive 20 seconds late",
    ),
)

REFUSING: Final = next(one.phone for one in CITIZENS if one.key == "refuse")
LATE: Final = next(one.phone for one in CITIZENS if one.key == "late-sms")
UNREACHABLE: Final = next(one.phone for one in CITIZENS if one.key == "no-sms")

PROVIDERS: Final = (
    (
        Provider(
            id="ordem-dos-advogados",
            name="Ordem dos Advogados (demonstração)",
            name_en="Bar Association (demonstration)",
            uri="https://advogados.example.org",
        ),
        ProviderRole(
            provider="ordem-dos-advogados",
            id="advogado",
            label_pt="Advogado",
            label_en="Lawyer",
        ),
        "lawyer",
        ("cedula", "12345L"),
    ),
    (
        Provider(
            id="ordem-dos-engenheiros",
            name="Ordem dos Engenheiros (demonstração)",
            name_en="Order of Engineers (demonstration)",
            uri="https://engenheiros.example.org",
        ),
        ProviderRole(
            provider="ordem-dos-engenheiros",
            id="engenheiro-civil",
            label_pt="Engenheiro Civil",
            label_en="Civil engineer",
        ),
        "engineer",
        ("numero", "67890"),
    ),
)


def clients(clock: Clock, webhook: str | None = None) -> tuple[Client, ...]:
    """The demo's programs; their secrets are drawn at set-up."""
    now = clock.now()
    generous = ClientLimits(failures_per_hour=10_000, requests_per_minute=60_000)

    def client(name: str, label: str, role: Role, *policies: ClientPolicy) -> Client:
        return Client(
            id=ClientId(name),
            tenant=DEFAULT_TENANT,
            name=label,
            roles=frozenset({role}),
            policies=frozenset(policies),
            redirect_urls=("http://127.0.0.1/back", "http://localhost/back"),
            webhook_url=webhook if role is Role.RELYING_PARTY else None,
            limits=generous,
            created_at=now,
        )

    return (
        client("native", "Notário Exemplo", Role.RELYING_PARTY, ClientPolicy.MAY_CARRY_PIN),
        client("officer", "Balcão de registo", Role.OFFICER),
        client("auditor", "Auditoria", Role.AUDITOR),
        client("admin", "Administração", Role.ADMIN),
    )
