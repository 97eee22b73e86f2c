"""A device approves, the holder of the handle signs: on a real token and both databases."""

import threading
from base64 import b64decode
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from signer.adapters.signature_check import verifies
from signer.adapters.store.tables.activation import signing_item
from signer.adapters.store.tables.audit import audit_record
from signer.adapters.store.tables.devices import approval, device
from signer.domain.errors import (
    AuthorisationRefusedError,
    BusyError,
    IncorrectCodeError,
    TransactionEndedError,
)
from signer.domain.transaction import TransactionState
from signer.domain.values import Secret, SignatureAlgorithm, SignatureValue
from tests.fixtures.devices import Phone, phone_of
from tests.fixtures.service import raw

REFUSALS = (AuthorisationRefusedError, BusyError, IncorrectCodeError, TransactionEndedError)


class World:
    """One citizen with a phone, one transaction asked and offered."""

    def __init__(self, service):
        self.service = service
        self.signing = service.services.signing
        self.stores = service.services.stores
        self.citizen = service.enrol()
        self.phone = phone_of(service, self.citizen)
        self.native = service.api("native")

    def ask(self, *items):
        started, handle, code = self.native.asked(self.citizen, *items)
        self.signing.approved.ask(self.transaction(started["id"]))
        return started["id"], Secret(handle), Secret(code)

    def transaction(self, identifier):
        return self.service.transaction(identifier)

    def redeem(self, identifier, handle):
        return self.signing.approved.redeem(self.transaction(identifier), handle)

    def approve(self, identifier, decision="approve", phone=None):
        phone = phone or self.phone
        (question,) = [one for one in self.phone.pending() if one["id"] == identifier]
        return phone.say(identifier, decision, b64decode(question["to_sign"][decision]))

    def change(self, table, values, **where):
        with self.stores.database.begin() as connection:
            statement = update(table).values(**values)
            for name, value in where.items():
                statement = statement.where(table.c[name] == value)
            assert connection.execute(statement).rowcount == 1

    def events(self, identifier):
        with self.stores.database.read() as connection:
            rows = connection.execute(
                select(audit_record.c.event)
                .where(audit_record.c.transaction_id == identifier)
                .order_by(audit_record.c.at, audit_record.c.sequence)
            )
            return list(rows.scalars())


@pytest.fixture
def world(service):
    return World(service)


@pytest.fixture(params=["service", "postgresql_service"], ids=["sqlite", "postgresql"])
def each_world(request):
    return World(request.getfixturevalue(request.param))


def test_approved_then_signed_by_the_holder_of_the_handle(each_world):
    world = each_world
    identifier, handle, _ = world.ask(raw(b"a", "contrato.pdf"), raw(b"b", "anexo.pdf"))
    (question,) = world.phone.pending()
    assert question["relying_party"] == "Notário Exemplo native"
    assert question["documents"] == ["contrato.pdf", "anexo.pdf"]
    transaction = world.transaction(identifier)
    assert question["verification_code"] == transaction.verification_code

    assert world.redeem(identifier, handle) is None, "nobody approved yet"
    assert world.approve(identifier).status_code == 200
    assert world.transaction(identifier).state is TransactionState.ASKED, "approval signs nothing"
    outcome = world.redeem(identifier, handle)
    (credential,) = world.stores.credentials.of(world.citizen.account.id)
    for item, value in zip(transaction.items, outcome.results, strict=True):
        assert verifies(
            credential.svd_der,
            SignatureAlgorithm.ECDSA_SHA256,
            item.digest.value,
            SignatureValue(value),
        )
    assert world.redeem(identifier, handle).results == outcome.results, "the stored result"
    assert world.phone.pending() == []
    events = world.events(identifier)
    for event in ("approval.asked", "approval.answered", "code.verified", "signature.made"):
        assert events.count(event) == 1, event


def test_only_the_handle_redeems(world):
    identifier, _, _ = world.ask()
    world.approve(identifier)
    assert world.redeem(identifier, Secret("another handle")) is None
    assert world.transaction(identifier).state is TransactionState.ASKED


def test_an_answer_to_another_transaction_counts_for_nothing(world):
    first, handle, _ = world.ask()
    world.approve(first)
    second, other_handle, _ = world.ask(raw(b"other"))
    with world.stores.database.read() as connection:
        row = connection.execute(select(approval).where(approval.c.transaction_id == first)).one()
    stolen = {name: getattr(row, name) for name in
              ("device_id", "decision", "signature", "answered_at")}  # fmt: skip
    world.change(approval, stolen, transaction_id=second)
    assert world.redeem(second, other_handle) is None
    assert world.transaction(second).state is TransactionState.ASKED
    assert world.redeem(first, handle) is not None


def test_bindings_altered_after_the_answer_make_it_void(world):
    identifier, handle, _ = world.ask()
    world.approve(identifier)
    world.change(signing_item, {"digest": bytes(32)}, transaction_id=identifier)
    assert world.redeem(identifier, handle) is None
    assert "signature.intended" not in world.events(identifier)


def test_another_persons_device_is_refused(world):
    stranger = world.service.enrol()
    foreign = phone_of(world.service, stranger)
    identifier, handle, _ = world.ask()
    assert world.approve(identifier, phone=foreign).status_code == 403
    assert foreign.pending() == []
    assert world.redeem(identifier, handle) is None


def test_an_unknown_device_is_refused_like_a_wrong_proof(world):
    unknown = Phone(world.service.app, world.stores.clock)
    impostor = Phone(world.service.app, world.stores.clock)
    identifier, _, _ = world.ask()
    answers = [unknown.look(), unknown.say(identifier, "approve", b"x")]
    world.phone.key, key = impostor.key, world.phone.key
    own_id = Phone(world.service.app, world.stores.clock, key).id
    body = {"device": own_id, "decision": "approve", "signature": "A" * 86 + "=="}
    answers.append(
        world.service.app.test_client().post(f"/api/v1/approvals/{identifier}", json=body)
    )
    problems = [answer.get_json() for answer in answers]
    assert {(one["status"], one["code"]) for one in problems} == {(403, "authorisation.refused")}


def test_a_device_row_nobody_registered_is_not_believed(world):
    """Who writes to the database does not thereby approve: the registration is a keyed code."""
    identifier, handle, _ = world.ask()
    planted = Phone(world.service.app, world.stores.clock)
    with world.stores.database.begin() as connection:
        query = select(device).where(device.c.id == world.phone.id)
        row = connection.execute(query).mappings().one()
        forged = {**row, "id": planted.id, "svd_der": planted.svd_der}
        connection.execute(insert(device).values(forged))
    (question,) = world.phone.pending()
    message = b64decode(question["to_sign"]["approve"])
    assert planted.say(identifier, "approve", message).status_code == 403
    answer = {
        "device_id": planted.id,
        "decision": "approve",
        "signature": planted.sign(message),
        "answered_at": world.stores.clock.now(),
    }
    world.change(approval, answer, transaction_id=identifier)
    assert world.redeem(identifier, handle) is None
    assert world.transaction(identifier).state is TransactionState.ASKED


def test_a_new_authentication_pin_ends_every_registration(world):
    identifier, handle, _ = world.ask()
    world.approve(identifier)
    account = world.stores.accounts.by_id(world.citizen.account.id)
    (registered,) = world.stores.devices.of(account.id)
    approvals = world.service.services.sam.approvals
    assert approvals.belongs(registered, account)
    accounts = world.service.services.accounts
    admission = accounts.admit(
        world.citizen.phone, Secret(world.citizen.authentication_pin), "pin", client="page"
    )
    code = Secret(world.service.code(world.citizen.phone))
    old, new = Secret(world.citizen.authentication_pin), Secret("860413")
    accounts.change_pin.authentication(admission, code, old, new)
    account = world.stores.accounts.by_id(account.id)
    assert not approvals.belongs(registered, account)
    assert world.phone.look().status_code == 403
    assert accounts.devices.of(account) == ()
    assert world.redeem(identifier, handle) is None


def test_a_revoked_device_is_refused_and_what_it_approved_is_void(each_world):
    world = each_world
    identifier, handle, code = world.ask()
    world.approve(identifier)
    accounts = world.service.services.accounts
    admission = accounts.admit(
        world.citizen.phone, Secret(world.citizen.authentication_pin), "devices", client="page"
    )
    accounts.devices.remove(
        admission, Secret(world.service.code(world.citizen.phone)), world.phone.id
    )
    assert world.redeem(identifier, handle) is None
    assert world.phone.look().status_code == 403
    outcome = world.signing.enter_code(world.transaction(identifier), handle, code)
    assert len(outcome.results) == 1, "the code still signs"


def test_the_first_answer_is_final(each_world):
    world = each_world
    identifier, handle, _ = world.ask()
    (question,) = world.phone.pending()
    message = b64decode(question["to_sign"]["approve"])
    assert world.phone.say(identifier, "approve", message).status_code == 200
    assert world.phone.say(identifier, "approve", message).status_code == 410
    refusal = b64decode(question["to_sign"]["refuse"])
    assert world.phone.say(identifier, "refuse", refusal).status_code == 410
    assert world.redeem(identifier, handle) is not None
    assert world.phone.say(identifier, "approve", message).status_code == 410


def test_refused_on_the_device_ends_the_transaction(each_world):
    world = each_world
    identifier, handle, code = world.ask()
    assert world.approve(identifier, "refuse").status_code == 200
    assert world.transaction(identifier).state is TransactionState.REFUSED
    assert world.redeem(identifier, handle) is None
    with pytest.raises(TransactionEndedError):
        world.signing.enter_code(world.transaction(identifier), handle, code)


def test_a_refusal_is_no_approval(world):
    """The decision is part of what is signed."""
    identifier, _, _ = world.ask()
    (question,) = world.phone.pending()
    refused = b64decode(question["to_sign"]["refuse"])
    assert world.phone.say(identifier, "approve", refused).status_code == 403


def test_nobody_is_asked_without_a_device(world):
    citizen = world.service.enrol()
    started, _, _ = world.native.asked(citizen)
    world.signing.approved.ask(world.transaction(started["id"]))
    with world.stores.database.read() as connection:
        rows = connection.execute(
            select(approval).where(approval.c.transaction_id == started["id"])
        ).all()
    assert rows == []


def test_an_old_proof_opens_nothing(world):
    real = world.phone.clock

    class Earlier:
        def now(self):
            return real.now() - timedelta(seconds=70)

    world.phone.clock = Earlier()
    assert world.phone.look().status_code == 403


def test_code_and_approval_together_make_one_signature(each_world):
    """Whoever comes second gets the stored result, or a refusal; the key is used once."""
    world = each_world
    identifier, handle, code = world.ask()
    world.approve(identifier)
    start = threading.Barrier(4)
    results, refused = [], []

    def work(act):
        transaction = world.transaction(identifier)
        start.wait()
        try:
            results.append(act(transaction))
        except (
            AuthorisationRefusedError,
            BusyError,
            IncorrectCodeError,
            TransactionEndedError,
        ) as e:
            refused.append(e)

    acts = [
        lambda one: world.signing.approved.redeem(one, handle),
        lambda one: world.signing.enter_code(one, handle, code),
    ] * 2
    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({one.results for one in results}) == 1
    assert world.events(identifier).count("signature.made") == 1


def test_an_approval_that_does_not_count_costs_no_attempt(world):
    identifier, handle, _ = world.ask()
    world.approve(identifier)
    world.change(signing_item, {"name": "outro.pdf"}, transaction_id=identifier)
    for _ in range(12):
        assert world.redeem(identifier, handle) is None
    world.change(signing_item, {"name": "contrato.pdf"}, transaction_id=identifier)
    assert world.redeem(identifier, handle) is not None


def test_registration_takes_a_code_and_a_p256_key(world):
    accounts = world.service.services.accounts
    admission = accounts.admit(
        world.citizen.phone, Secret(world.citizen.authentication_pin), "devices", client="page"
    )
    code = world.service.code(world.citizen.phone)
    phone = Phone(world.service.app, world.stores.clock)
    wrong = Secret(f"{(int(code) + 1) % 10**6:06d}")
    with pytest.raises(IncorrectCodeError):
        accounts.devices.register(admission, wrong, "x", phone.public_key)
    assert [one.id for one in world.stores.devices.of(world.citizen.account.id)] == [world.phone.id]
    assert any("dispositivo" in text for text in world.service.sent(world.citizen))
