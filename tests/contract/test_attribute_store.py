"""Professional bodies on both databases, through the operations that use them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from signer.adapters.store.attributes import SQLAttributeStore
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.tables.attributes import professional_attribute
from signer.adapters.store.tables.audit import audit_record
from signer.attributes.hosted import Carriage, CitizenAttributes, HostedAttributeSource
from signer.domain.attribute import CertifiedAttribute, ClaimedAttribute, RequiredAttribute
from signer.domain.errors import (
    AttributeNotHeldError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from signer.domain.professional_body import AttributeEntry, Provider, ProviderRole, ProviderState
from signer.domain.values import SignerId
from signer.operations.providers import (
    HolderNotices,
    ImportAttributes,
    ListProviders,
    SetUpProvider,
    UpsertAttributes,
    WithdrawAttribute,
)
from tests.fixtures.vault import FakeVault

VAULT = FakeVault()

BODY = "ordem-exemplo"
ANA = SignerId("ana")
KEYS = {"ana": "BIPT-1", "rui": "BIPT-2"}
LAWYER = RequiredAttribute(BODY, "advogado")


class RecordingNotifier:
    def __init__(self):
        self.sent = []

    def notify(self, signer, text_id, **values):
        self.sent.append((signer, text_id, values))


class CertifyingAuthority:
    def certify(self, holder_certificate_der, attribute):
        return CertifiedAttribute(attribute, holder_certificate_der, attribute.valid_until)

    def chain_der(self):
        return ()


@pytest.fixture
def store(database, audit_chain):
    return SQLAttributeStore(database, audit_chain)


@pytest.fixture
def setup(store, clock):
    setup = SetUpProvider(store, clock)
    setup.create(
        Provider(id=BODY, name="Ordem", name_en="Bar", uri="https://o.example/"), actor="admin"
    )
    setup.define_role(
        ProviderRole(provider=BODY, id="advogado", label_pt="Advogado", label_en="Lawyer"),
        actor="admin",
    )
    return setup


@pytest.fixture
def notifier():
    return RecordingNotifier()


@pytest.fixture
def notices(notifier):
    signers = {key: SignerId(name) for name, key in KEYS.items()}
    return HolderNotices(notifier, signers.get)


@pytest.fixture
def upsert(setup, store, clock, notices):
    setup.set_state(BODY, ProviderState.ACTIVE, actor="admin")
    return UpsertAttributes(store, clock, VAULT, notices)


@pytest.fixture
def attributes(store, clock):
    source = HostedAttributeSource(store, clock, lambda signer: KEYS.get(signer, ""))
    return CitizenAttributes(source, CertifyingAuthority(), clock)


def entry(clock, **changes):
    values = {
        "role": "advogado",
        "holder_key": "BIPT-1",
        "sub_attributes": (("cedula", "12L"),),
        "valid_from": clock.now() - timedelta(days=1),
        "valid_until": clock.now() + timedelta(days=100),
    }
    return AttributeEntry(**{**values, **changes})


def csv_of(*rows):
    header = "document_type,document_country,document_number,role,valid_from,valid_until,sub:cedula"
    return "\n".join([header, *rows]).encode()


def bodies(database):
    with database.read() as connection:
        return "".join(connection.scalars(select(audit_record.c.body)))


def rows(database):
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(professional_attribute))


def test_what_a_body_states_is_held_and_asserted(attributes, upsert, clock):
    change = upsert(BODY, [entry(clock)], actor="body")
    assert (change.added, change.changed, change.unchanged) == (1, 0, 0)
    (held,) = attributes.select(ANA, [LAWYER])
    assert held.describe() == "Advogado 12L (Ordem)"
    (certified,) = attributes.assert_for(b"certificate", (held,))
    assert isinstance(certified, CertifiedAttribute)
    claimed = CitizenAttributes(
        attributes.source, CertifyingAuthority(), clock, Carriage.CLAIMED
    ).assert_for(b"certificate", (held,))
    assert claimed == (ClaimedAttribute(held),)


def test_a_demand_nothing_answers_is_named(attributes, upsert, clock):
    upsert(BODY, [entry(clock)], actor="body")
    judge = RequiredAttribute(BODY, "advogado", (("cedula", "99L"),))
    with pytest.raises(AttributeNotHeldError, match=r"ordem-exemplo/advogado \(cedula=99L\)"):
        attributes.select(ANA, [LAWYER, judge])
    with pytest.raises(AttributeNotHeldError):
        attributes.select(SignerId("rui"), [LAWYER])
    with pytest.raises(AttributeNotHeldError):
        attributes.select(SignerId("nobody"), [LAWYER])


def test_a_withdrawal_counts_at_the_next_look(
    attributes, upsert, store, clock, notices, notifier, database
):
    upsert(BODY, [entry(clock)], actor="body")
    chosen = attributes.select(ANA, [LAWYER])
    assert attributes.still_held(ANA, chosen)
    withdraw = WithdrawAttribute(store, clock, notices)
    withdraw(BODY, chosen[0].id, reason="resigned", actor="body")
    assert not attributes.still_held(ANA, chosen)
    assert [text for _, text, _ in notifier.sent] == ["attribute.added", "attribute.withdrawn"]
    with pytest.raises(NotFoundError):
        withdraw(BODY, chosen[0].id, reason="resigned", actor="body")
    upsert(BODY, [entry(clock)], actor="body")
    assert rows(database) == 2
    assert not attributes.still_held(ANA, chosen)


def test_another_body_cannot_withdraw(upsert, attributes, store, setup, clock, notices):
    upsert(BODY, [entry(clock)], actor="body")
    (held,) = attributes.select(ANA, [LAWYER])
    setup.create(
        Provider(id="outra", name="Outra", name_en="Other", uri="https://p.example/"),
        actor="admin",
    )
    with pytest.raises(NotFoundError):
        WithdrawAttribute(store, clock, notices)("outra", held.id, reason="x", actor="outra")
    with pytest.raises(InvalidRequestError):
        WithdrawAttribute(store, clock, notices)(BODY, held.id, reason="a b", actor="body")
    assert attributes.still_held(ANA, (held,))


def test_repeating_changes_nothing_and_a_change_keeps_history(
    attributes, upsert, clock, database, notifier
):
    upsert(BODY, [entry(clock)], actor="body")
    chosen = attributes.select(ANA, [LAWYER])
    assert upsert(BODY, [entry(clock)], actor="body").unchanged == 1
    assert attributes.still_held(ANA, chosen)
    assert len(notifier.sent) == 1
    change = upsert(BODY, [entry(clock, sub_attributes=(("cedula", "13L"),))], actor="body")
    assert change.changed == 1
    assert rows(database) == 2
    assert not attributes.still_held(ANA, chosen)
    assert attributes.select(ANA, [LAWYER])[0].sub_attributes == (("cedula", "13L"),)


def test_only_valid_statements_of_active_bodies_are_held(attributes, upsert, setup, clock):
    upsert(BODY, [entry(clock, valid_from=clock.now() + timedelta(days=1))], actor="body")
    with pytest.raises(AttributeNotHeldError):
        attributes.select(ANA, [LAWYER])
    clock.advance(days=1)
    chosen = attributes.select(ANA, [LAWYER])
    setup.set_state(BODY, ProviderState.SUSPENDED, actor="admin")
    assert not attributes.still_held(ANA, chosen)
    with pytest.raises(ConflictError):
        upsert(BODY, [entry(clock)], actor="body")
    setup.set_state(BODY, ProviderState.ACTIVE, actor="admin")
    assert attributes.still_held(ANA, chosen)
    clock.advance(days=99)
    assert not attributes.still_held(ANA, chosen)


def test_of_several_the_one_valid_longest_is_chosen(attributes, upsert, clock):
    longest = clock.now() + timedelta(days=300)
    entries = [
        entry(clock, reference="a"),
        entry(clock, reference="b", valid_until=longest),
        entry(clock, reference="c"),
    ]
    upsert(BODY, entries, actor="body")
    (chosen,) = attributes.select(ANA, [LAWYER])
    assert chosen.valid_until == longest
    assert attributes.select(
        ANA, [LAWYER, RequiredAttribute(BODY, "advogado", (("cedula", "12L"),))]
    )


@pytest.mark.usefixtures("setup")
def test_parallel_upserts_leave_one_living_statement(database, clock):
    def one(number):
        store = SQLAttributeStore(database, AuditChain(clock))
        upsert = UpsertAttributes(store, clock, VAULT, HolderNotices(None, {}.get))
        return upsert(
            BODY, [entry(clock, sub_attributes=(("cedula", f"{number}L"),))], actor="body"
        )

    with ThreadPoolExecutor(8) as pool:
        changes = list(pool.map(one, range(16)))
    assert sum(change.added for change in changes) == 1
    assert sum(change.changed for change in changes) == 15
    held = SQLAttributeStore(database, AuditChain(clock)).held("BIPT-1", clock.now())
    assert len(held) == 1


@pytest.mark.usefixtures("setup")
def test_an_import_is_whole_or_nothing(store, clock, notices, notifier, database):
    load = ImportAttributes(store, clock, notices)
    good = "BI,PT,1,advogado,2020-01-01,2199-12-31,1L"
    bad = load(BODY, csv_of(good, "BI,PT,2,juiz,2020-01-01,2199-12-31,2L"), actor="admin")
    assert [(p.line, p.column) for p in bad.problems] == [(3, "role")]
    assert not bad.stored
    dry = load(BODY, csv_of(good), actor="admin", dry_run=True)
    assert (dry.change.added, dry.stored, rows(database), notifier.sent) == (1, False, 0, [])
    done = load(BODY, csv_of(good, "BI,PT,9,advogado,2020-01-01,2199-12-31,9L"), actor="admin")
    assert (done.change.added, done.stored, rows(database)) == (2, True, 2)
    assert notifier.sent == [(ANA, "attribute.added", {"provider": BODY})]
    assert load(BODY, csv_of(good), actor="admin", dry_run=True).change.unchanged == 1


def test_the_audit_has_counts_and_pseudonyms_but_no_documents(
    store, upsert, clock, notices, database
):
    load = ImportAttributes(store, clock, notices)
    load(BODY, csv_of("BI,PT,77665544,advogado,2020-01-01,2199-12-31,998877L"), actor="admin")
    upsert(BODY, [entry(clock, holder_key="BIPT-55443322")], actor="body")
    text = bodies(database)
    assert '"added":1' in text
    assert VAULT.pseudonym("attribute-holder", "BIPT-55443322") in text
    for secret in ("77665544", "998877L", "55443322", "12L"):
        assert secret not in text


def test_refusals_name_what_is_wrong(store, setup, upsert, clock, notices):
    with pytest.raises(ConflictError):
        setup.create(
            Provider(id=BODY, name="X", name_en="X", uri="https://x.example/"), actor="admin"
        )
    with pytest.raises(NotFoundError):
        setup.define_role(
            ProviderRole(provider="x", id="r", label_pt="R", label_en="R"), actor="admin"
        )
    with pytest.raises(NotFoundError):
        setup.set_state("x", ProviderState.SUSPENDED, actor="admin")
    with pytest.raises(NotFoundError):
        ImportAttributes(store, clock, notices)("x", csv_of(), actor="admin")
    with pytest.raises(NotFoundError):
        upsert("x", [entry(clock)], actor="admin")
    for entries in ([], [entry(clock)] * 2, [entry(clock, role="juiz")]):
        with pytest.raises(InvalidRequestError):
            upsert(BODY, entries, actor="admin")
    listing = ListProviders(store)
    with pytest.raises(NotFoundError):
        listing.attributes("x")
    with pytest.raises(InvalidRequestError):
        listing.attributes(BODY, limit=1001)


def test_listing_goes_page_by_page(store, upsert, clock):
    upsert(BODY, [entry(clock, reference=str(n)) for n in range(5)], actor="body")
    listing = ListProviders(store)
    first = listing.attributes(BODY, limit=3)
    second = listing.attributes(BODY, after=first[-1][1].id, limit=3)
    assert len({attribute.id for _, attribute in first + second}) == 5
    ((provider, roles),) = listing.all()
    assert (provider.id, [role.id for role in roles]) == (BODY, ["advogado"])
