"""Limits on guessing and sending (L1 to L8) at the operations, and that refusals look alike."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from signer.adapters.store.tables.accounts import account as account_table
from signer.adapters.store.tables.activation import attempt, signing_transaction
from signer.authentication import pin as pin_module
from signer.authentication.code import new_handle
from signer.authentication.limits import Limits
from signer.domain.account import AccountState
from signer.domain.audit import AuditEvent
from signer.domain.errors import (
    AccountStateError,
    AuthorisationRefusedError,
    IncorrectCodeError,
    IncorrectPINError,
    IntegrityAlarmError,
    InvalidRequestError,
    QSCDUnavailableError,
    RateLimitedError,
    TransactionEndedError,
)
from signer.domain.transaction import TransactionState
from signer.domain.values import ClientId, Secret
from tests.fixtures.sam import SAMWorld, dtbsr, verifies
from tests.fixtures.signing import PHONE_OF_NOBODY, SigningWorld, other

WRONG = Secret("000001")


def refused_pin(signing, citizen, client=None):
    more = {"client": client} if client else {}
    transaction = signing.begin(citizen.account.phone, **more)
    with pytest.raises(IncorrectPINError) as refused:
        signing.enter_pin(transaction, WRONG)
    return refused.value


def states(signing, kind):
    with signing.sam.database.read() as connection:
        return Counter(
            connection.execute(select(attempt.c.state).where(attempt.c.kind == kind)).scalars()
        )


def test_pin_and_code_sign_what_was_shown(signing):
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen, "one", "two")
    outcome = signing.enter_code(transaction, handle, code)
    for text, value in zip(("one", "two"), outcome.results, strict=True):
        assert verifies(citizen.credential, dtbsr(text), value)
    assert signing.now(transaction).state is TransactionState.SIGNED


def test_a_repeated_right_code_gets_the_stored_result_and_a_wrong_one_counts(signing):
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)
    first = signing.enter_code(transaction, handle, code)
    assert signing.enter_code(signing.now(transaction), handle, code).results == first.results
    with pytest.raises(IncorrectCodeError):
        signing.enter_code(signing.now(transaction), handle, other(code))
    assert states(signing, "code") == {"ok": 1, "void": 1, "failed": 1}


def test_a_right_code_that_comes_second_is_a_repetition_not_a_wrong_code(signing):
    """The second call looked the transaction up before the first one claimed it."""
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)
    first = signing.enter_code(transaction, handle, code)
    second = signing.enter_code(transaction, handle, code)
    assert second.results == first.results
    assert states(signing, "code") == {"ok": 1, "void": 1}


def test_a_loser_of_the_claim_gets_the_winners_result(signing, monkeypatch):
    """The loser read the slots before the winner took them."""
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)
    stale = signing.sam.transactions.slots(transaction.id)
    first = signing.enter_code(transaction, handle, code)
    monkeypatch.setattr(signing.sam.transactions, "slots", lambda _process: stale)
    assert signing.enter_code(transaction, handle, code).results == first.results
    assert states(signing, "code") == {"ok": 1, "void": 1}


def test_an_alarm_after_the_claim_fails_the_transaction_and_is_audited(signing, monkeypatch):
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)

    def broken(*_arguments, **_more):
        raise IntegrityAlarmError

    monkeypatch.setattr(type(signing.sam.sealer), "open", broken)
    with pytest.raises(IntegrityAlarmError):
        signing.enter_code(transaction, handle, code)
    assert signing.now(transaction).state is TransactionState.FAILED
    assert AuditEvent.INTEGRITY_ALARM in signing.sam.events()


def test_a_device_that_fails_after_the_claim_ends_the_transaction(signing, monkeypatch):
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)

    def down(*_arguments):
        raise QSCDUnavailableError

    monkeypatch.setattr(signing.sam.qscd, "sign", down)
    with pytest.raises(QSCDUnavailableError):
        signing.enter_code(transaction, handle, code)
    assert signing.now(transaction).state is TransactionState.FAILED
    with pytest.raises(TransactionEndedError):
        signing.enter_code(signing.now(transaction), handle, code)


def test_a_device_that_fails_before_the_claim_costs_nothing(signing, monkeypatch):
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)

    def down(*_arguments):
        raise QSCDUnavailableError

    with monkeypatch.context() as patched:
        patched.setattr(type(signing.sam.vault), "key_check_value", down)
        with pytest.raises(QSCDUnavailableError):
            signing.enter_code(transaction, handle, code)
    assert states(signing, "code") == {"void": 1}
    assert signing.enter_code(transaction, handle, code).results


# --- L2, L8: PINs ---------------------------------------------------------------------------------


def test_l2_five_wrong_pins_lock_it_over_transactions_and_clients(signing):
    citizen = signing.citizen()
    for number in range(5):
        refused_pin(signing, citizen, ClientId(f"client-{number}"))
        signing.sam.clock.advance(seconds=61)
    transaction = signing.begin(citizen.account.phone)
    with pytest.raises(IncorrectPINError):
        signing.enter_pin(transaction, citizen.pin)
    assert signing.sam.locks == [(citizen.account.id, "signature-pin")]
    assert AuditEvent.PIN_LOCKED in signing.sam.events()


def test_l2_delays_grow_and_count_nothing(signing):
    citizen = signing.citizen()
    transaction = signing.begin(citizen.account.phone)
    for wait in (0, 0, 1, 4):
        signing.sam.clock.advance(seconds=wait)
        with pytest.raises(IncorrectPINError):
            signing.enter_pin(transaction, WRONG)
    with pytest.raises(RateLimitedError) as refused:
        signing.enter_pin(transaction, citizen.pin)
    assert refused.value.retry_after == 16
    signing.sam.clock.advance(seconds=15)
    assert signing.enter_pin(transaction, citizen.pin)


def test_l8_a_client_that_brings_many_wrong_ones_is_slowed_before_it_locks_everybody(
    database, clock, sam_token
):
    limits = Limits(client_failures_per_hour=3, delays=(timedelta(0),))
    sam = SAMWorld(database, clock, sam_token.vault, sam_token.qscd, limits=limits)
    signing = SigningWorld(sam)
    for _ in range(3):
        refused_pin(signing, signing.citizen())
    victim = signing.citizen()
    with pytest.raises(RateLimitedError):
        signing.enter_pin(signing.begin(victim.account.phone), WRONG)
    with pytest.raises(RateLimitedError):
        signing.enter_pin(signing.begin(PHONE_OF_NOBODY), WRONG)
    assert signing.enter_pin(
        signing.begin(victim.account.phone, client=ClientId("honest")), victim.pin
    )
    clock.advance(hours=1, seconds=1)
    assert signing.enter_pin(signing.begin(victim.account.phone), victim.pin)


# --- L3: codes ------------------------------------------------------------------------------------


def test_l3_three_wrong_tries_kill_a_code_and_a_new_one_lives(signing):
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)
    for step in (1, 2, 3):
        with pytest.raises(IncorrectCodeError):
            signing.enter_code(transaction, handle, other(code, step))
    with pytest.raises(IncorrectCodeError):
        signing.enter_code(transaction, handle, code)
    signing.sam.clock.advance(seconds=31)
    signing.resend(signing.now(transaction), handle)
    assert signing.enter_code(signing.now(transaction), handle, signing.code_of(transaction))


def test_l3_ten_wrong_codes_over_transactions_lock_codes_for_a_day(signing):
    citizen = signing.citizen()
    for _ in range(5):
        transaction, handle, code = signing.asked(citizen)
        for step in (1, 2):
            with pytest.raises(IncorrectCodeError):
                signing.enter_code(transaction, handle, other(code, step))
    transaction, handle, code = signing.asked(citizen)
    with pytest.raises(IncorrectCodeError):
        signing.enter_code(transaction, handle, code)
    assert (citizen.account.id, "code") in signing.sam.locks
    signing.sam.clock.advance(hours=25)
    transaction, handle, code = signing.asked(citizen)
    assert signing.enter_code(transaction, handle, code)


def test_l3_an_old_code_is_refused(signing):
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)
    signing.sam.clock.advance(minutes=5)
    with pytest.raises((IncorrectCodeError, AuthorisationRefusedError)):
        signing.enter_code(transaction, handle, code)


# --- L5: sending ----------------------------------------------------------------------------------


def test_l5_resends_have_a_pause_and_a_cap(signing):
    citizen = signing.citizen()
    transaction, handle, _ = signing.asked(citizen)
    with pytest.raises(RateLimitedError):
        signing.resend(signing.now(transaction), handle)
    for _ in range(3):
        signing.sam.clock.advance(seconds=30)
        signing.resend(signing.now(transaction), handle)
    signing.sam.clock.advance(seconds=30)
    with pytest.raises(RateLimitedError):
        signing.resend(signing.now(transaction), handle)
    assert len(signing.codes) == 4


def test_l5_ten_codes_an_hour_over_all_transactions(signing):
    citizen = signing.citizen()
    for _ in range(10):
        signing.asked(citizen)
    with pytest.raises(RateLimitedError):
        signing.enter_pin(signing.begin(citizen.account.phone), citizen.pin)
    signing.sam.clock.advance(hours=1, seconds=1)
    assert signing.asked(citizen)


def test_l5_twenty_codes_a_day(signing):
    citizen = signing.citizen()
    for _ in range(2):
        for _ in range(10):
            signing.asked(citizen)
        signing.sam.clock.advance(hours=1, seconds=1)
    with pytest.raises(RateLimitedError):
        signing.enter_pin(signing.begin(citizen.account.phone), citizen.pin)


def test_l5_another_channel_kills_the_old_code_and_a_strange_one_is_refused(signing):
    citizen = signing.citizen()
    transaction, handle, first = signing.asked(citizen)
    signing.sam.clock.advance(seconds=31)
    with pytest.raises(InvalidRequestError):
        signing.resend(signing.now(transaction), handle, channel="pigeon")
    signing.resend(signing.now(transaction), handle, channel="email")
    assert signing.now(transaction).channel == "email"
    with pytest.raises(IncorrectCodeError):
        signing.enter_code(signing.now(transaction), handle, first)
    assert signing.enter_code(signing.now(transaction), handle, signing.code_of(transaction))


def test_l5_a_resend_needs_the_handle(signing):
    citizen = signing.citizen()
    transaction, _, _ = signing.asked(citizen)
    signing.sam.clock.advance(seconds=31)
    with pytest.raises(AuthorisationRefusedError):
        signing.resend(signing.now(transaction), new_handle())


# --- L7: unknown, locked, closed and wrong look alike ---------------------------------------------


class Work:
    """Counts what a refusal costs: Argon2id, key check values, writes."""

    def __init__(self, signing, monkeypatch):
        self.counts = Counter()
        vault = type(signing.sam.vault)
        self._wrap(monkeypatch, vault, "key_check_value")
        self._wrap(monkeypatch, vault, "open")
        self._wrap(monkeypatch, pin_module, "argon2id")
        store = type(signing.sam.attempt_store)
        self._wrap(monkeypatch, store, "open", "attempt opened")
        self._wrap(monkeypatch, store, "close", "attempt closed")

    def _wrap(self, monkeypatch, owner, name, label=None):
        original, counts = getattr(owner, name), self.counts

        def counted(*arguments, **named):
            counts[label or name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, counted)


def _locked(signing, citizen):
    for _ in range(5):
        refused_pin(signing, citizen)
        signing.sam.clock.advance(seconds=61)


def _set_state(signing, citizen, state):
    with signing.sam.database.begin() as connection:
        connection.execute(
            update(account_table)
            .where(account_table.c.id == citizen.account.id)
            .values(state=state.value)
        )


@pytest.mark.parametrize("pin_is_right", [False, True], ids=["wrong PIN", "right PIN"])
@pytest.mark.parametrize("who", ["known", "unknown", "locked", "closed"])
def test_l7_refusals_look_alike_and_cost_the_same(signing, monkeypatch, who, pin_is_right):
    if who == "known" and pin_is_right:
        return  # the one case that is not refused
    citizen = signing.citizen()
    if who == "locked":
        _locked(signing, citizen)
    if who == "closed":
        _set_state(signing, citizen, AccountState.CLOSED)
    phone = PHONE_OF_NOBODY if who == "unknown" else citizen.account.phone
    transaction = signing.begin(phone)
    work = Work(signing, monkeypatch)
    with pytest.raises(IncorrectPINError) as refused:
        signing.enter_pin(transaction, citizen.pin if pin_is_right else WRONG)
    assert refused.value.args == IncorrectPINError().args
    assert vars(refused.value) == vars(IncorrectPINError())
    assert work.counts == {
        "argon2id": 1, "key_check_value": 1, "attempt opened": 1, "attempt closed": 1,
    }  # fmt: skip
    shown = signing.now(transaction)
    assert shown.state is TransactionState.CREATED
    assert shown.failure is None


def test_l7_delays_fall_on_unknown_phones_as_on_known_ones(signing):
    citizen = signing.citizen()
    waits = []
    for phone in (citizen.account.phone, PHONE_OF_NOBODY):
        transaction = signing.begin(phone)
        for _ in range(2):
            with pytest.raises(IncorrectPINError):
                signing.enter_pin(transaction, WRONG)
        with pytest.raises(RateLimitedError) as refused:
            signing.enter_pin(transaction, WRONG)
        waits.append((refused.value.retry_after, str(refused.value)))
    assert waits[0] == waits[1]


def test_l7_suspension_is_told_only_after_a_right_pin(signing):
    citizen = signing.citizen()
    _set_state(signing, citizen, AccountState.SUSPENDED)
    refused_pin(signing, citizen)
    with pytest.raises(AccountStateError):
        signing.enter_pin(signing.begin(citizen.account.phone), citizen.pin)


def test_l7_a_transaction_for_nobody_looks_like_any_other(signing):
    citizen = signing.citizen()
    real, nobody = signing.begin(citizen.account.phone), signing.begin(PHONE_OF_NOBODY)
    for name in ("state", "failure", "attributes", "items", "callback_url", "channel"):
        assert getattr(real, name) == getattr(nobody, name)
    assert replace(real, items=nobody.items).verification_code == nobody.verification_code


def test_a_code_for_a_certificate_suspended_meanwhile_is_not_spent(signing):
    citizen = signing.citizen()
    transaction, handle, code = signing.asked(citizen)
    signing.authority.good = False
    with pytest.raises(AccountStateError):
        signing.enter_code(transaction, handle, code)
    signing.authority.good = True
    assert signing.enter_code(transaction, handle, code).results


def test_an_expired_transaction_takes_neither_pin_nor_code(signing):
    citizen = signing.citizen()
    fresh = signing.begin(citizen.account.phone)
    transaction, handle, code = signing.asked(citizen)
    signing.sam.clock.advance(minutes=16)
    with pytest.raises(TransactionEndedError):
        signing.enter_pin(fresh, citizen.pin)
    with pytest.raises((AuthorisationRefusedError, IncorrectCodeError, TransactionEndedError)):
        signing.enter_code(transaction, handle, code)
    assert signing.housekeeping.expire() == 2
    with signing.sam.database.read() as connection:
        ended = connection.execute(select(signing_transaction.c.state)).scalars().all()
    assert set(ended) == {"expired"}
