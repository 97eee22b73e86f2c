"""The staged entry on a real token and both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from sqlalchemy import select, update

from signer.adapters.store.tables.activation import attempt, signing_transaction
from signer.adapters.store.tables.activation import slot as slot_table
from signer.adapters.store.tables.audit import audit_record
from signer.authentication.code import new_handle
from signer.domain.attribute import ProfessionalAttribute
from signer.domain.audit import AuditEvent
from signer.domain.errors import (
    AuthorisationRefusedError,
    IncorrectCodeError,
    IncorrectPINError,
    IntegrityAlarmError,
    RateLimitedError,
    TransactionEndedError,
)
from signer.domain.transaction import TransactionState
from signer.domain.values import ClientId, CredentialId, Secret
from signer.sam.documents import DocumentEvidence
from signer.sam.staged import Code
from tests.fixtures.sam import dtbsr


def verifies(credential, digest, value) -> bool:
    key = serialization.load_der_public_key(credential.svd_der)
    key.verify(value, digest.value, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    return True


def states(sam, kind):
    with sam.database.read() as connection:
        return list(
            connection.execute(select(attempt.c.state).where(attempt.c.kind == kind)).scalars()
        )


def events(sam):
    with sam.database.read() as connection:
        return set(connection.execute(select(audit_record.c.event)).scalars())


def test_pin_and_code_give_a_signature_over_the_granted_digest(sam, citizen):
    asked = sam.ask(citizen, dtbsr("contract"))
    authorisation = sam.redeem(asked, citizen)
    (value,) = sam.qscd.sign(authorisation)
    assert verifies(citizen.credential, dtbsr("contract"), value)
    assert sam.transactions.by_id(asked.transaction.id).state is TransactionState.CLAIMED
    assert {AuditEvent.SIGNATURE_INTENDED, AuditEvent.CODE_VERIFIED} <= events(sam)


def test_a_batch_is_signed_in_the_order_it_was_asked(sam, citizen):
    digests = [dtbsr(text) for text in ("zulu", "alpha", "mike", "alpha")]
    values = sam.qscd.sign(sam.redeem(sam.ask(citizen, *digests), citizen))
    assert [verifies(citizen.credential, d, v) for d, v in zip(digests, values, strict=True)]


def test_a_claim_takes_both_slots_and_no_second_claim_succeeds(sam, citizen):
    asked = sam.ask(citizen)
    sam.redeem(asked, citizen)
    assert sam.transactions.slots(asked.transaction.id) == ()
    with pytest.raises(IncorrectCodeError):
        sam.redeem(asked, citizen)


def test_a_wrong_pin_is_counted_and_refused(sam, citizen):
    with pytest.raises(IncorrectPINError):
        sam.verify_pin(citizen, Secret("000001"))
    assert states(sam, "signature-pin") == ["failed"]


def test_five_wrong_pins_lock_it_even_for_the_right_one(sam, citizen):
    for _ in range(5):
        with pytest.raises(IncorrectPINError):
            sam.verify_pin(citizen, Secret("000001"))
        sam.clock.advance(seconds=61)
    with pytest.raises(IncorrectPINError):
        sam.verify_pin(citizen)
    assert sam.locks == [(citizen.account.id, "signature-pin")]


def test_wrong_pins_are_delayed_without_counting(sam, citizen):
    for _ in range(2):
        with pytest.raises(IncorrectPINError):
            sam.verify_pin(citizen, Secret("000001"))
    with pytest.raises(RateLimitedError) as refused:
        sam.verify_pin(citizen)
    assert refused.value.retry_after >= 1
    assert sorted(states(sam, "signature-pin")) == ["failed", "failed", "void"]


def test_a_right_pin_resets_the_count(sam, citizen):
    for _ in range(2):
        for _ in range(3):
            with pytest.raises(IncorrectPINError):
                sam.verify_pin(citizen, Secret("000001"))
            sam.clock.advance(seconds=61)
        sam.verify_pin(citizen)
        sam.clock.advance(seconds=61)


def test_twenty_wrong_pins_in_thirty_days_need_identification(sam, citizen):
    for _ in range(5):
        for _ in range(4):
            with pytest.raises(IncorrectPINError):
                sam.verify_pin(citizen, Secret("000001"))
            sam.clock.advance(seconds=61)
        if _ < 4:
            try:
                sam.verify_pin(citizen)
            except IncorrectPINError:
                break
            sam.clock.advance(seconds=61)
    with pytest.raises(IncorrectPINError):
        sam.verify_pin(citizen)


def test_a_wrong_code_is_refused_and_three_kill_the_code(sam, citizen):
    asked = sam.ask(citizen)
    wrong = Secret("999999" if asked.code.reveal() != "999999" else "999998")
    for _ in range(3):
        with pytest.raises(IncorrectCodeError):
            sam.verify_code(asked, wrong)
    with pytest.raises(IncorrectCodeError):
        sam.verify_code(asked)


def test_ten_wrong_codes_over_transactions_lock_for_a_day(sam, citizen):
    for _ in range(5):
        asked = sam.ask(citizen, code="123450")
        for _ in range(2):
            with pytest.raises(IncorrectCodeError):
                sam.verify_code(asked, Secret("999999"))
    asked = sam.ask(citizen)
    with pytest.raises(IncorrectCodeError):
        sam.verify_code(asked)
    assert (citizen.account.id, "code") in sam.locks
    sam.clock.advance(hours=25)
    again = sam.ask(citizen)
    assert sam.verify_code(again)


def test_another_handle_with_the_right_code_is_refused(sam, citizen):
    asked = sam.ask(citizen)
    with pytest.raises(IncorrectCodeError):
        sam.verify_code(asked, handle=new_handle())


def test_an_expired_code_is_not_claimed(sam, citizen):
    asked = sam.ask(citizen)
    sam.clock.advance(minutes=6)
    with pytest.raises(AuthorisationRefusedError):
        sam.redeem(asked, citizen)


ATTRIBUTE = {
    "id": "a1",
    "provider": "ordem",
    "provider_name": "Ordem",
    "role": "advogado",
    "label": "Advogado",
    "sub_attributes": (("cedula", "1L"),),
}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _t, _: {"client": ClientId("another")}, id="client"),
        pytest.param(
            lambda t, _: {"items": (replace(t.items[0], digest=dtbsr("other")),)}, id="digest"
        ),
        pytest.param(lambda t, _: {"items": t.items * 2}, id="count"),
        pytest.param(
            lambda t, _: {"items": (replace(t.items[0], name="another.pdf"),)}, id="name shown"
        ),
        pytest.param(lambda _t, _: {"purpose": "login"}, id="purpose"),
        pytest.param(lambda _t, _: {"text_sha256": "ff"}, id="text shown"),
        pytest.param(lambda _t, _: {"text_version": "t2"}, id="text version"),
        pytest.param(
            lambda _t, now: {
                "attributes": (
                    ProfessionalAttribute(
                        **ATTRIBUTE, valid_from=now, valid_until=now + timedelta(days=1)
                    ),
                )
            },
            id="attributes",
        ),
    ],
)
def test_any_changed_binding_refuses_and_consumes_nothing(sam, citizen, change):
    asked = sam.ask(citizen)
    with pytest.raises(AuthorisationRefusedError):
        sam.redeem(asked, citizen, **change(asked.transaction, sam.clock.now()))
    assert len(sam.transactions.slots(asked.transaction.id)) == 2


@pytest.mark.parametrize(
    "column",
    ["bindings_sha256", "purpose", "grant_id", "expires_at"],
)
def test_a_row_rewritten_in_the_database_never_opens(sam, citizen, column):
    """An attacker with the database makes the row match another request: the seal does not."""
    asked = sam.ask(citizen)
    other = replace(
        asked.transaction, items=(replace(asked.transaction.items[0], digest=dtbsr("x")),)
    )
    from signer.domain.bindings import Bindings

    forged = {
        "bindings_sha256": Bindings.of(other, ()).sha256(),
        "purpose": "login",
        "grant_id": "00000000-0000-4000-8000-000000000000",
        "expires_at": sam.clock.now() + timedelta(hours=1),
    }[column]
    with sam.database.begin() as connection:
        connection.execute(
            update(slot_table)
            .where(slot_table.c.process == asked.transaction.id, slot_table.c.stage == "code")
            .values({column: forged})
        )
    transaction = other if column == "bindings_sha256" else asked.transaction
    if column == "purpose":
        transaction = replace(asked.transaction, purpose="login")
    verified = sam.verify_code(asked)
    with pytest.raises((IntegrityAlarmError, AuthorisationRefusedError)):
        sam.staged.redeem(
            transaction,
            citizen.credential,
            verified,
            asserted=(),
            evidence=[DocumentEvidence()] * len(transaction.items),
        )


def test_slots_swapped_between_two_citizens_do_not_open(sam, citizen):
    other = sam.citizen(pin="402266")
    mine, theirs = sam.ask(citizen), sam.ask(other)
    swapped = sam.slot(theirs)
    with sam.database.begin() as connection:
        connection.execute(
            update(slot_table)
            .where(slot_table.c.id == sam.slot(mine).id)
            .values(sealed=swapped.sealed, key_check_value=swapped.key_check_value)
        )
    with pytest.raises(IncorrectCodeError):
        sam.verify_code(mine)


def test_key_blobs_swapped_between_two_citizens_do_not_sign(sam, citizen):
    from signer.adapters.store.tables.accounts import credential

    other = sam.citizen(pin="402266")
    stolen = sam.credentials.blob(other.credential.id)
    with sam.database.begin() as connection:
        connection.execute(
            update(credential).where(credential.c.id == citizen.credential.id).values(blob=stolen)
        )
    authorisation = sam.redeem(sam.ask(citizen), citizen)
    with pytest.raises(IntegrityAlarmError):
        sam.qscd.sign(authorisation)


def test_a_pin_change_kills_pending_slots_and_the_old_pin(sam, citizen):
    asked = sam.ask(citizen)
    old = sam.verify_pin(citizen)
    sam.enrolment.change_signature_pin(
        citizen.account, sam.credentials.requests(citizen.account.id), old, Secret("840217")
    )
    assert sam.transactions.slots(asked.transaction.id) == ()
    changed = sam.reload(citizen.account.id, "840217")
    with pytest.raises(IncorrectPINError):
        sam.verify_pin(changed, citizen.pin)
    (value,) = sam.qscd.sign(sam.redeem(sam.ask(changed, dtbsr("n")), changed))
    assert verifies(citizen.credential, dtbsr("n"), value)


def test_a_pin_verified_before_a_change_opens_nothing_after(sam, citizen):
    verified = sam.verify_pin(citizen)
    sam.enrolment.change_signature_pin(
        citizen.account,
        sam.credentials.requests(citizen.account.id),
        sam.verify_pin(citizen),
        Secret("840217"),
    )
    transaction = sam.start(citizen)
    with pytest.raises((TransactionEndedError, IntegrityAlarmError)):
        sam.staged.ask(
            transaction,
            citizen.credential,
            verified,
            account_epoch=citizen.account.epoch,
            attributes=(),
            handle=new_handle(),
            code=None,
        )


def test_a_resend_makes_a_new_code_and_kills_the_old_one(sam, citizen):
    asked = sam.ask(citizen, code="111222")
    sam.staged.resend(
        asked.transaction,
        citizen.credential,
        sam.slot(asked, "handle"),
        sam.slot(asked).id,
        handle=asked.handle,
        code=Code(
            code=Secret("333444"),
            channel="email",
            expires_at=sam.clock.now() + timedelta(minutes=5),
        ),
    )
    with pytest.raises(IncorrectCodeError):
        sam.verify_code(asked)
    renewed = replace(asked, code=Secret("333444"))
    assert sam.redeem(renewed, citizen)


def test_a_resend_after_the_claim_is_refused(sam, citizen):
    asked = sam.ask(citizen)
    handle_slot, code_slot = sam.slot(asked, "handle"), sam.slot(asked)
    sam.redeem(asked, citizen)
    with pytest.raises(AuthorisationRefusedError):
        sam.staged.resend(
            asked.transaction,
            citizen.credential,
            handle_slot,
            code_slot.id,
            handle=asked.handle,
            code=Code(
                code=Secret("333444"),
                channel="sms",
                expires_at=sam.clock.now() + timedelta(minutes=5),
            ),
        )


def test_an_authenticator_app_signs_through_the_handle_slot(sam, citizen):
    asked = sam.ask(citizen)
    verified = sam.codes.verify_totp(
        sam.slot(asked, "handle"),
        asked.handle,
        lambda: True,
        subject=citizen.account.id,
        client=asked.transaction.client,
        process=asked.transaction.id,
    )
    authorisation = sam.staged.redeem(
        asked.transaction,
        citizen.credential,
        verified,
        asserted=(),
        evidence=[DocumentEvidence()],
    )
    assert sam.qscd.sign(authorisation)
    assert sam.slot(asked) is None


def test_the_winning_code_is_recognised_when_repeated(sam, citizen):
    asked = sam.ask(citizen)
    slot = sam.slot(asked)
    sam.redeem(asked, citizen)
    kept = sam.transactions.by_id(asked.transaction.id).replay_kcv
    from signer.authentication.code import slot_scope

    assert sam.codes.repeats(kept, slot_scope(slot), asked.handle, asked.code)
    assert not sam.codes.repeats(kept, slot_scope(slot), asked.handle, Secret("000000"))


@pytest.mark.parametrize("state", ["refused", "cancelled", "expired", "signed", "claimed"])
def test_a_transaction_that_moved_on_is_not_claimed(sam, citizen, state):
    asked = sam.ask(citizen)
    with sam.database.begin() as connection:
        connection.execute(update(signing_transaction).values(state=state))
    with pytest.raises(AuthorisationRefusedError):
        sam.redeem(asked, citizen)
    assert len(sam.transactions.slots(asked.transaction.id)) == 2


def test_a_pin_of_another_credential_is_not_taken(sam, citizen):
    other = sam.citizen(pin="402266")
    with pytest.raises(IntegrityAlarmError):
        sam.staged.ask(
            sam.start(citizen),
            citizen.credential,
            sam.verify_pin(other),
            account_epoch=citizen.account.epoch,
            attributes=(),
            handle=new_handle(),
            code=None,
        )


def test_nobody_has_a_pin(sam, citizen):
    from signer.authentication.pin import nobody
    from signer.domain.activation import AttemptKind

    with pytest.raises(IncorrectPINError):
        sam.pins.verify(nobody(AttemptKind.SIGNATURE_PIN, "unknown-1"), citizen.pin, ClientId("c"))


def test_unknown_credential_has_no_slot(sam):
    assert sam.credentials.permanent_slot(CredentialId("none")) is None
