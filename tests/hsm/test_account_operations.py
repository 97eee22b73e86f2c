"""Registration, enrolment and the life of accounts: real store, real token, real messages."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from signer.adapters.store.tables.accounts import account as account_table
from signer.adapters.store.tables.accounts import credential as credential_table
from signer.adapters.store.tables.activation import slot as slot_table
from signer.authentication.pin import PINTarget
from signer.domain.account import AccountState, SigningRestriction
from signer.domain.activation import AttemptKind
from signer.domain.errors import (
    AccountStateError,
    AuthorisationRefusedError,
    ConflictError,
    DuplicateIdentityError,
    IncorrectCodeError,
    IncorrectPINError,
    IntegrityAlarmError,
    InvalidRequestError,
    NotFoundError,
    PINPolicyError,
    RateLimitedError,
)
from signer.domain.link import LinkKind
from signer.domain.outgoing import MessageKind
from signer.domain.values import KeyAlgorithm, Secret
from signer.operations.accounts import PAGES, Registration, Step, demand_may_sign
from signer.sam.sealing import Reach
from tests.fixtures.accounts import (
    CANARY_AUTHENTICATION_PIN,
    CANARY_SIGNATURE_PIN,
    MARIA,
    PAGE,
    AccountWorld,
    wrong,
)

NEW_PIN = Secret("27406813")
JOSE = replace(MARIA, given_name="José", document_number="87654321", phone="+351910000002")


@pytest.fixture
def world(account_world) -> AccountWorld:
    return account_world


def signature_target(world, account) -> PINTarget:
    credential = world.credentials.of(account.id)[0]
    slot = world.credentials.permanent_slot(credential.id)
    return PINTarget(
        kind=AttemptKind.SIGNATURE_PIN,
        subject=account.id,
        tenant=account.tenant,
        guarded=credential.id,
        salt=account.signature_salt,
        key_check_value=slot.key_check_value,
    )


def opens(world, account, pin: str) -> bool:
    """The PIN opens every key of the account, down to the wrapped key."""
    from signer.domain.bindings import KeyScope, Stage
    from signer.sam.sealing import context_of

    verified = world.pins.verify(signature_target(world, account), Secret(pin), PAGE)
    sealer = world.enrolment._maker.sealer  # noqa: SLF001 - the seal itself is looked at
    for credential in world.credentials.of(account.id):
        slot = world.credentials.permanent_slot(credential.id)
        value = sealer.open(slot, credential, verified.key_material, Reach())
        scope = KeyScope(Stage.KEY, credential.tenant, credential.id)
        aad = context_of(Stage.KEY, credential, Reach()).aad()
        world.vault.open(scope, value, world.credentials.blob(credential.id), aad=aad)
    return True


# --- registration -------------------------------------------------------------------------------


def test_a_registered_citizen_is_invited_and_gets_a_link(world):
    registered = world.register(MARIA, officer="officer-1")
    account = world.accounts.by_id(registered.account.id)
    assert account.state is AccountState.INVITED
    assert account.phone == "+351910000001"
    assert account.channels == ("sms", "email")
    assert account.valid_until.isoformat() == "2040-01-01T23:59:59+00:00"
    assert registered.link.reveal() in world.texts_sent(MessageKind.LINK)[0]
    assert "officer-1" not in registered.link.reveal()
    assert world.events() == ["account.created", "account.link_issued"]


def test_every_wrong_field_is_named_at_once_and_nothing_is_stored(world):
    bad = Registration(
        given_name="",
        surname="<script>",
        birth_date="31-01-1980",
        document_type="BI",
        document_country="ES",
        document_number="12345678X",
        document_expires_on="2020-01-01",
        phone="not a phone",
        email="nobody",
        locale="xx",
    )
    with pytest.raises(InvalidRequestError) as caught:
        world.register(bad, officer="officer")
    assert set(caught.value.fields) == {
        "given_name",
        "surname",
        "birth_date",
        "document_country",
        "document_number",
        "document_expires_on",
        "phone",
        "email",
        "locale",
    }
    assert world.accounts.search() == ((), 0)
    assert world.events() == []
    assert world.texts_sent(MessageKind.LINK) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"birth_date": "2020-01-01"}, "birth_date", id="a child"),
        pytest.param({"birth_date": "1800-01-01"}, "birth_date", id="too old"),
        pytest.param({"document_number": "123456780"}, "document_number", id="BI check digit"),
        pytest.param(
            {"document_type": "CC", "document_number": "000000000ZZ5"},
            "document_number",
            id="card check digit",
        ),
        pytest.param({"document_type": "XX"}, "document_type", id="unknown document"),
        pytest.param(
            {"document_type": "PAS", "document_country": "pt"}, "document_country", id="country"
        ),
    ],
)
def test_a_field_out_of_rule_is_named(world, change, field):
    with pytest.raises(InvalidRequestError) as caught:
        world.register(replace(MARIA, **change), officer="officer")
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "number"),
    [
        pytest.param({"document_number": "1 234 567"}, "01234567", id="short BI"),
        pytest.param({"document_number": "00000000 0"}, "00000000", id="BI with check digit"),
        pytest.param(
            {"document_type": "CC", "document_number": "00000000 0 ZZ4"}, "000000000ZZ4", id="card"
        ),
        pytest.param(
            {"document_type": "PAS", "document_country": "BR", "document_number": "fz123456"},
            "FZ123456",
            id="passport",
        ),
        pytest.param(
            {"document_type": "TR", "document_number": "A1234567"}, "A1234567", id="title"
        ),
    ],
)
def test_documents_have_one_spelling(world, change, number):
    identity, _ = world.register.check(replace(MARIA, **change))
    assert identity.document.number == number


def test_a_citizen_card_is_the_same_person_as_its_civil_number(world):
    world.register(replace(MARIA, document_number="00000000"), officer="officer")
    card = replace(JOSE, document_type="CC", document_number="000000000ZZ4")
    with pytest.raises(DuplicateIdentityError):
        world.register(card, officer="officer")


# --- enrolment ----------------------------------------------------------------------------------


def test_enrolment_ends_with_a_key_of_each_kind_and_certificates(clock, sqlite_database, sam_token):
    world = AccountWorld(
        sqlite_database,
        clock,
        sam_token.vault,
        sam_token.qscd,
        algorithms=(KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256),
    )
    account = world.citizen()
    assert account.state is AccountState.ACTIVE
    assert account.phone_confirmed
    found = world.credentials.of(account.id)
    assert {one.algorithm for one in found} == {KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256}
    assert all(one.state == "active" and one.certificate_der for one in found)
    assert opens(world, account, CANARY_SIGNATURE_PIN)
    assert world.accounts.progress(account.id).terms_version == "2026-11"
    assert len(world.texts_sent(MessageKind.NOTICE)) == 1
    told = set(world.events())
    assert {"account.terms_accepted", "pin.set", "key.generated", "certificate.issued"} <= told
    demand_may_sign(account, clock.now(), timedelta(hours=72))


def test_the_phone_code_goes_to_the_phone_only(world):
    world.register(MARIA, officer="officer")
    link = world.enrol.open(world.token())
    world.enrol.send_code(world.enrol.look(link.id, None))
    assert world.addresses(MessageKind.CODE) == {"sms": "+351910000001"}


def test_no_step_can_be_taken_before_its_turn(world):
    world.register(MARIA, officer="officer")
    link = world.enrol.open(world.token())
    seen = world.enrol.look(link.id, None)
    assert seen.step is Step.PHONE
    with pytest.raises(ConflictError):
        world.enrol.accept_terms(seen, "2026-11")
    with pytest.raises(ConflictError):
        world.enrol.set_pins(
            seen,
            authentication=Secret(CANARY_AUTHENTICATION_PIN),
            signature=Secret(CANARY_SIGNATURE_PIN),
        )
    assert world.credentials.requests(seen.account.id) == ()


def test_a_wrong_code_confirms_nothing(world):
    world.register(MARIA, officer="officer")
    link = world.enrol.open(world.token())
    seen = world.enrol.look(link.id, None)
    world.enrol.send_code(seen)
    code = world.code()
    for _ in range(3):
        with pytest.raises(IncorrectCodeError):
            world.enrol.confirm_phone(seen, wrong(code))
    with pytest.raises(IncorrectCodeError):  # three wrong ones killed this code
        world.enrol.confirm_phone(seen, code)
    assert not world.accounts.by_id(seen.account.id).phone_confirmed


def test_only_the_browser_that_confirmed_the_phone_continues(world):
    world.register(MARIA, officer="officer")
    link = world.enrol.open(world.token())
    world.enrol.send_code(world.enrol.look(link.id, None))
    first = world.enrol.confirm_phone(world.enrol.look(link.id, None), world.code())
    assert world.enrol.look(link.id, first).step is Step.TERMS
    for other in (None, Secret("guess")):
        assert world.enrol.look(link.id, other).step is Step.PHONE
    world.clock.advance(milliseconds=1)
    world.enrol.send_code(world.enrol.look(link.id, None))
    second = world.enrol.confirm_phone(world.enrol.look(link.id, None), world.code())
    assert world.enrol.look(link.id, second).step is Step.TERMS
    assert world.enrol.look(link.id, first).step is Step.PHONE


def test_a_used_link_is_dead_for_everybody_else(world):
    world.register(MARIA, officer="officer")
    token = world.token()
    link = world.enrol.open(token)
    world.go_through(link.account, CANARY_AUTHENTICATION_PIN, CANARY_SIGNATURE_PIN)
    with pytest.raises(NotFoundError):
        world.enrol.open(token)
    with pytest.raises(NotFoundError):
        world.enrol.look(link.id, None)


@pytest.mark.parametrize("end", ["expired", "replaced", "closed", "unknown"])
def test_a_link_that_ended_opens_nothing(world, end):
    account = world.register(MARIA, officer="officer").account
    token = world.token()
    if end == "expired":
        world.clock.advance(hours=73)
    elif end == "replaced":
        world.links(account, officer="officer")
    elif end == "closed":
        world.change.close(account.id, actor="officer")
    else:
        token = Secret(token.reveal()[::-1])
    with pytest.raises(NotFoundError):
        world.enrol.open(token)


def test_terms_of_another_version_are_not_accepted(world):
    world.register(MARIA, officer="officer")
    link = world.enrol.open(world.token())
    world.enrol.send_code(world.enrol.look(link.id, None))
    session = world.enrol.confirm_phone(world.enrol.look(link.id, None), world.code())
    with pytest.raises(ConflictError):
        world.enrol.accept_terms(world.enrol.look(link.id, session), "2020-01")
    assert world.enrol.look(link.id, session).step is Step.TERMS


def enrolling(world):
    registered = world.register(MARIA, officer="officer")
    link = world.enrol.open(world.token())
    world.enrol.send_code(world.enrol.look(link.id, None))
    session = world.enrol.confirm_phone(world.enrol.look(link.id, None), world.code())
    world.enrol.accept_terms(world.enrol.look(link.id, session), "2026-11")
    return registered.account, link, session


@pytest.mark.parametrize(
    ("authentication", "signature", "field"),
    [
        pytest.param(
            CANARY_AUTHENTICATION_PIN, CANARY_AUTHENTICATION_PIN, "signature_pin", id="equal"
        ),
        pytest.param("1234", CANARY_SIGNATURE_PIN, "authentication_pin", id="common"),
        pytest.param(CANARY_AUTHENTICATION_PIN, "02011980", "signature_pin", id="birth date"),
        pytest.param(CANARY_AUTHENTICATION_PIN, "68405", "signature_pin", id="short"),
    ],
)
def test_a_pin_against_policy_makes_no_key(world, authentication, signature, field):
    account, link, session = enrolling(world)
    seen = world.enrol.look(link.id, session)
    with pytest.raises(PINPolicyError) as caught:
        world.enrol.set_pins(
            seen, authentication=Secret(authentication), signature=Secret(signature)
        )
    assert caught.value.field == field
    assert signature not in str(caught.value)
    assert world.credentials.requests(account.id) == ()
    assert world.enrol.look(link.id, session).step is Step.PINS


def test_without_a_ca_the_keys_wait_and_the_worker_finishes(world):
    account, link, session = enrolling(world)
    world.authority.available = False
    world.enrol.set_pins(
        world.enrol.look(link.id, session),
        authentication=Secret(CANARY_AUTHENTICATION_PIN),
        signature=Secret(CANARY_SIGNATURE_PIN),
    )
    assert world.enrol.look(link.id, session).step is Step.CERTIFICATES
    assert world.issue.all_waiting() == 0
    assert not world.enrol.certify(account.id)
    world.authority.available = True
    assert world.issue.all_waiting() == 1
    assert world.issue.all_waiting() == 0
    assert world.enrol.look(link.id, session).step is Step.DONE


def test_a_crash_after_the_keys_were_stored_is_not_a_second_enrolment(world, monkeypatch):
    account, link, session = enrolling(world)

    def crash(*_arguments, **_values):
        raise KeyboardInterrupt

    monkeypatch.setattr(world.link_store, "use", crash)
    pins = {
        "authentication": Secret(CANARY_AUTHENTICATION_PIN),
        "signature": Secret(CANARY_SIGNATURE_PIN),
    }
    with pytest.raises(KeyboardInterrupt):
        world.enrol.set_pins(world.enrol.look(link.id, session), **pins)
    monkeypatch.undo()
    seen = world.enrol.look(link.id, session)
    assert seen.step is Step.CERTIFICATES
    with pytest.raises(ConflictError):
        world.enrol.set_pins(seen, **pins)
    assert world.enrol.certify(account.id)
    assert world.enrol.look(link.id, session).step is Step.DONE


def test_of_two_setting_pins_at_once_one_wins(world):
    account, link, session = enrolling(world)
    seen = world.enrol.look(link.id, session)
    barrier = threading.Barrier(2)

    def setting(signature):
        barrier.wait()
        try:
            world.enrol.set_pins(
                seen,
                authentication=Secret(CANARY_AUTHENTICATION_PIN),
                signature=Secret(signature),
            )
        except ConflictError:
            return None
        return signature

    with ThreadPoolExecutor(2) as pool:
        won = [one for one in pool.map(setting, [CANARY_SIGNATURE_PIN, "27406813"]) if one]
    assert len(won) == 1
    assert opens(world, world.accounts.by_id(account.id), won[0])
    assert len(world.credentials.of(account.id)) == 1


def test_an_account_closed_while_its_certificate_is_made_leaves_a_revoked_one(world):
    account, link, session = enrolling(world)
    original = world.authority.issue

    def issue_then_close(*arguments):
        chain = original(*arguments)
        world.change.close(account.id, actor="officer")
        return chain

    world.authority.issue = issue_then_close
    world.enrol.set_pins(
        world.enrol.look(link.id, session),
        authentication=Secret(CANARY_AUTHENTICATION_PIN),
        signature=Secret(CANARY_SIGNATURE_PIN),
    )
    assert [status for _, status, _ in world.authority.statuses] == ["revoked"]


# --- swapped rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["slot", "blob"])
def test_rows_swapped_between_citizens_do_not_open(world, what):
    maria = world.citizen()
    jose = world.citizen(JOSE)
    mine = world.credentials.of(maria.id)[0].id
    theirs = world.credentials.of(jose.id)[0].id
    assert opens(world, maria, CANARY_SIGNATURE_PIN)
    with world.database.begin() as connection:
        if what == "slot":
            # José's whole proof under Maria's name: the same PIN, another key scope and AAD.
            row = connection.execute(
                select(slot_table).where(slot_table.c.credential_id == theirs)
            ).one()
            connection.execute(
                update(slot_table)
                .where(slot_table.c.credential_id == mine)
                .values(key_check_value=row.key_check_value, sealed=row.sealed)
            )
            connection.execute(
                update(account_table)
                .where(account_table.c.id == maria.id)
                .values(signature_salt=jose.signature_salt)
            )
        else:
            blob = connection.execute(
                select(credential_table.c.blob).where(credential_table.c.id == theirs)
            ).scalar_one()
            connection.execute(
                update(credential_table).where(credential_table.c.id == mine).values(blob=blob)
            )
    refused = IncorrectPINError if what == "slot" else IntegrityAlarmError
    with pytest.raises(refused):
        opens(world, world.accounts.by_id(maria.id), CANARY_SIGNATURE_PIN)


def test_a_sealed_slot_alone_moved_to_another_citizen_raises_the_alarm(world):
    maria = world.citizen()
    jose = world.citizen(JOSE)
    mine = world.credentials.of(maria.id)[0].id
    theirs = world.credentials.permanent_slot(world.credentials.of(jose.id)[0].id)
    with world.database.begin() as connection:
        connection.execute(
            update(slot_table)
            .where(slot_table.c.credential_id == mine)
            .values(sealed=theirs.sealed)
        )
    with pytest.raises(IntegrityAlarmError):
        opens(world, maria, CANARY_SIGNATURE_PIN)


def test_an_authentication_pin_copied_from_another_citizen_is_wrong(world):
    world.citizen()
    jose = world.citizen(JOSE, authentication="83920561")
    with world.database.begin() as connection:
        row = connection.execute(select(account_table).where(account_table.c.id == jose.id)).one()
        connection.execute(
            update(account_table)
            .where(account_table.c.phone_key == "+351910000001")
            .values(
                authentication_salt=row.authentication_salt,
                authentication_kcv=row.authentication_kcv,
            )
        )
    with pytest.raises(IncorrectPINError):
        world.admission("suspend", "83920561")


# --- admission ----------------------------------------------------------------------------------


def test_unknown_closed_and_wrong_look_the_same_and_send_nothing(world):
    account = world.citizen()
    closed = world.citizen(JOSE)
    world.change.close(closed.id, actor="officer")
    sent = len(world.texts_sent(MessageKind.CODE))
    answers = set()
    for phone, pin in (
        ("+351910000001", "99887712"),
        ("+351910000002", CANARY_AUTHENTICATION_PIN),
        ("+351919999999", CANARY_AUTHENTICATION_PIN),
    ):
        with pytest.raises(IncorrectPINError) as caught:
            world.admission("close", pin, phone)
        answers.add(str(caught.value))
    assert len(answers) == 1
    assert len(world.texts_sent(MessageKind.CODE)) == sent
    assert world.find.by_phone("910 000 001") == (world.accounts.by_id(account.id), account.id)
    nobody, subject = world.find.by_phone("+351 919 999 999")
    assert nobody is None
    assert "919999999" not in subject


def test_five_wrong_pins_lock_for_the_right_one_too(world):
    world.citizen()
    for _ in range(5):
        with pytest.raises(IncorrectPINError):
            world.admission("suspend", "99887712")
    with pytest.raises(IncorrectPINError):
        world.admission("suspend")


def test_an_admission_ends_with_time_and_with_the_epoch(world):
    account = world.citizen()
    admission = world.admission("close")
    world.change.suspend(account.id, actor="officer")
    with pytest.raises(AuthorisationRefusedError):
        world.own.close(admission, world.code())
    world.change.resume(account.id, actor="officer")
    late = world.admission("close")
    world.clock.advance(minutes=10)
    with pytest.raises(AuthorisationRefusedError):
        world.own.close(late, world.code())
    assert world.accounts.by_id(account.id).state is AccountState.ACTIVE


def test_a_code_for_one_action_does_not_serve_another(world):
    account = world.citizen()
    suspend = world.admission("suspend")
    code = world.code()
    with pytest.raises(IncorrectCodeError):
        world.own.close(replace(suspend, action="close"), code)
    assert world.accounts.by_id(account.id).state is AccountState.ACTIVE


def test_codes_are_sent_no_faster_than_allowed(clock, sqlite_database, sam_token):
    world = AccountWorld(sqlite_database, clock, sam_token.vault, sam_token.qscd)
    account = world.register(MARIA, officer="officer").account
    world.codes = replace(
        world.codes,
        rules=replace(
            world.rules, code_interval=timedelta(seconds=30), codes_per_hour=2, codes_per_day=20
        ),
    )
    world.codes.send(account, "enrolment")
    with pytest.raises(RateLimitedError):
        world.codes.send(account, "account-close")
    clock.advance(seconds=30)
    world.codes.send(account, "enrolment")
    clock.advance(seconds=31)
    with pytest.raises(RateLimitedError):
        world.codes.send(account, "enrolment")
    assert len(world.texts_sent(MessageKind.CODE)) == 1  # the first was replaced unsent


# --- PINs ---------------------------------------------------------------------------------------


def test_a_changed_signature_pin_opens_the_same_key_and_the_old_one_does_not(world):
    account = world.citizen()
    before = world.credentials.of(account.id)
    admission = world.admission("pin")
    world.change_pin.signature(admission, world.code(), Secret(CANARY_SIGNATURE_PIN), NEW_PIN)
    changed = world.accounts.by_id(account.id)
    assert opens(world, changed, NEW_PIN.reveal())
    with pytest.raises(IncorrectPINError):
        opens(world, changed, CANARY_SIGNATURE_PIN)
    after = world.credentials.of(account.id)
    assert [one.svd_der for one in after] == [one.svd_der for one in before]
    assert [one.chain_der for one in after] == [one.chain_der for one in before]
    assert any("PIN de assinatura mudou" in text for text in world.texts_sent(MessageKind.NOTICE))


@pytest.mark.parametrize("kind", ["signature", "authentication"])
def test_a_change_uses_its_code_up(world, kind):
    account = world.citizen()
    admission = world.admission("pin")
    code = world.code()
    old = CANARY_SIGNATURE_PIN if kind == "signature" else CANARY_AUTHENTICATION_PIN
    getattr(world.change_pin, kind)(admission, code, Secret(old), NEW_PIN)
    with pytest.raises(IncorrectCodeError):
        world.codes.check(world.accounts.by_id(account.id), "account-pin", code)


def test_a_wrong_old_pin_changes_nothing_and_leaves_the_code(world):
    world.citizen()
    admission = world.admission("pin")
    code = world.code()
    with pytest.raises(IncorrectPINError):
        world.change_pin.signature(admission, code, Secret("99887712"), NEW_PIN)
    world.change_pin.signature(admission, code, Secret(CANARY_SIGNATURE_PIN), NEW_PIN)
    with pytest.raises(AuthorisationRefusedError):  # the epoch moved on
        world.change_pin.signature(admission, code, NEW_PIN, Secret(CANARY_SIGNATURE_PIN))


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(CANARY_AUTHENTICATION_PIN, id="the authentication PIN"),
        pytest.param(CANARY_SIGNATURE_PIN, id="the old PIN"),
        pytest.param("123456", id="common"),
    ],
)
def test_a_new_signature_pin_against_policy_costs_no_code(world, new):
    world.citizen()
    admission = world.admission("pin")
    code = world.code()
    with pytest.raises(PINPolicyError):
        world.change_pin.signature(admission, code, Secret(CANARY_SIGNATURE_PIN), Secret(new))
    world.change_pin.signature(admission, code, Secret(CANARY_SIGNATURE_PIN), NEW_PIN)


def test_a_changed_authentication_pin_admits_and_the_old_one_does_not(world):
    account = world.citizen()
    admission = world.admission("pin")
    old = Secret(CANARY_AUTHENTICATION_PIN)
    world.change_pin.authentication(admission, world.code(), old, NEW_PIN)
    with pytest.raises(IncorrectPINError):
        world.admission("suspend")
    assert world.admission("suspend", NEW_PIN.reveal()).signer == account.id
    assert opens(world, world.accounts.by_id(account.id), CANARY_SIGNATURE_PIN)


def test_of_two_changes_of_the_signature_pin_one_wins(world):
    account = world.citizen()
    stale = world.accounts.by_id(account.id)
    sealed = world.credentials.requests(account.id)
    verified = world.pins.verify(signature_target(world, stale), Secret(CANARY_SIGNATURE_PIN), PAGE)
    world.enrolment.change_signature_pin(stale, sealed, verified, NEW_PIN)
    with pytest.raises(ConflictError):
        world.enrolment.change_signature_pin(stale, sealed, verified, Secret("60417283"))
    assert opens(world, world.accounts.by_id(account.id), NEW_PIN.reveal())


# --- recovery -----------------------------------------------------------------------------------


def test_a_forgotten_pin_is_replaced_after_the_wait_by_a_new_key(world):
    account = world.citizen()
    (old,) = world.credentials.of(account.id)
    ready = world.forgotten.request(world.admission("recover"), world.code())
    assert ready == world.clock.now() + timedelta(hours=24)
    with pytest.raises(AccountStateError):
        world.forgotten.complete(world.admission("recover"), world.code(), NEW_PIN)
    assert opens(world, account, CANARY_SIGNATURE_PIN)
    world.clock.advance(hours=24)
    assert world.forgotten.complete(world.admission("recover"), world.code(), NEW_PIN)
    renewed = world.accounts.by_id(account.id)
    (new,) = world.credentials.of(account.id)
    assert new.id != old.id
    assert new.svd_der != old.svd_der
    assert new.certificate_der
    assert opens(world, renewed, NEW_PIN.reveal())
    assert world.credentials.blob(old.id) is None
    assert world.authority.statuses == [(old.certificate_der, "revoked", "superseded")]
    assert world.admission("suspend")  # the authentication PIN stayed
    assert world.forgotten.ready_at(renewed) is None


@pytest.mark.parametrize("restriction", list(SigningRestriction))
def test_a_new_signature_pin_lifts_what_demands_one_and_no_pause(world, restriction):
    account = world.citizen()
    restricted = world.change.restrict(account.id, restriction, actor="officer-1")
    assert restricted.signing_restriction is restriction
    assert restricted.epoch == account.epoch + 1
    assert "limitadas" in world.texts_sent(MessageKind.NOTICE)[-1]
    admission = world.admission("pin")
    world.change_pin.signature(admission, world.code(), Secret(CANARY_SIGNATURE_PIN), NEW_PIN)
    left = world.accounts.by_id(account.id).signing_restriction
    assert left is (None if restriction.ends_with_new_pin else restriction)


@pytest.mark.parametrize("restriction", list(SigningRestriction))
def test_recovery_lifts_a_demand_and_no_pause(world, restriction):
    account = world.citizen()
    world.change.restrict(account.id, restriction, actor="officer-1")
    world.forgotten.request(world.admission("recover"), world.code())
    world.clock.advance(hours=24)
    world.forgotten.complete(world.admission("recover"), world.code(), NEW_PIN)
    left = world.accounts.by_id(account.id).signing_restriction
    assert left is (None if restriction.ends_with_new_pin else restriction)


def test_a_restriction_is_lifted_by_an_officer_and_only_active_accounts_have_one(world):
    account = world.citizen()
    world.change.restrict(account.id, SigningRestriction.PAUSED, actor="officer-1")
    lifted = world.change.restrict(account.id, None, actor="officer-1")
    assert lifted.signing_restriction is None
    assert world.texts_sent(MessageKind.NOTICE)[-1].startswith("Chancela")
    world.change.suspend(account.id, actor="officer-1")
    with pytest.raises(AccountStateError):
        world.change.restrict(account.id, SigningRestriction.PAUSED, actor="officer-1")


def test_recovery_unlocks_the_signature_pin(world):
    account = world.citizen()
    for _ in range(6):
        with pytest.raises(IncorrectPINError):
            opens(world, account, "99887712")
    with pytest.raises(IncorrectPINError):
        opens(world, account, CANARY_SIGNATURE_PIN)
    world.forgotten.request(world.admission("recover"), world.code())
    world.clock.advance(hours=25)
    world.forgotten.complete(world.admission("recover"), world.code(), NEW_PIN)
    assert opens(world, world.accounts.by_id(account.id), NEW_PIN.reveal())


def test_recovery_is_asked_for_once_and_lapses(world):
    account = world.citizen()
    world.forgotten.request(world.admission("recover"), world.code())
    with pytest.raises(ConflictError):
        world.forgotten.request(world.admission("recover"), world.code())
    world.clock.advance(days=9)
    assert world.forgotten.ready_at(account) is None
    with pytest.raises(AccountStateError):
        world.forgotten.complete(world.admission("recover"), world.code(), NEW_PIN)
    world.forgotten.request(world.admission("recover"), world.code())


def test_suspension_ends_a_recovery_that_waits(world):
    account = world.citizen()
    world.forgotten.request(world.admission("recover"), world.code())
    world.change.suspend(account.id, actor="officer")
    world.change.resume(account.id, actor="officer")
    assert world.forgotten.ready_at(account) is None


def test_the_ca_down_during_recovery_revokes_and_issues_later(world):
    account = world.citizen()
    (old,) = world.credentials.of(account.id)
    world.forgotten.request(world.admission("recover"), world.code())
    world.clock.advance(hours=24)
    world.authority.available = False
    assert not world.forgotten.complete(world.admission("recover"), world.code(), NEW_PIN)
    assert world.authority.statuses == []
    world.authority.available = True
    assert world.tell() == 1
    assert world.issue.all_waiting() == 1
    assert world.authority.statuses == [(old.certificate_der, "revoked", "superseded")]


# --- identified anew ----------------------------------------------------------------------------


def test_identification_anew_gives_new_pins_and_keys_and_unlocks(world):
    account = world.citizen()
    (old,) = world.credentials.of(account.id)
    for _ in range(21):
        with pytest.raises(IncorrectPINError):
            world.admission("suspend", "99887712")
    link, _ = world.links(world.accounts.by_id(account.id), officer="officer")
    assert link.kind is LinkKind.REIDENTIFICATION
    with pytest.raises(IncorrectPINError):  # a link alone unlocks nothing
        world.admission("suspend")
    world.go_through(account.id, "83920561", NEW_PIN.reveal())
    assert world.admission("suspend", "83920561").signer == account.id
    assert opens(world, world.accounts.by_id(account.id), NEW_PIN.reveal())
    assert (old.certificate_der, "revoked", "superseded") in world.authority.statuses


def test_there_is_no_link_for_suspended_and_closed_accounts(world):
    account = world.citizen()
    suspended = world.change.suspend(account.id, actor="officer")
    with pytest.raises(AccountStateError):
        world.links(suspended, officer="officer")
    closed = world.change.close(account.id, actor="officer")
    with pytest.raises(AccountStateError):
        world.links(closed, officer="officer")


# --- life ---------------------------------------------------------------------------------------


def test_a_citizen_suspends_resumes_and_closes(world):
    account = world.citizen()
    (credential,) = world.credentials.of(account.id)
    leaf = credential.certificate_der
    assert world.own.suspend(world.admission("suspend"), world.code()).state == "suspended"
    assert world.authority.statuses == [(leaf, "suspended", "")]
    assert world.credentials.credential(credential.id).state == "suspended"
    assert world.own.resume(world.admission("resume"), world.code()).state == "active"
    assert world.authority.statuses[-1] == (leaf, "good", "")
    assert opens(world, world.accounts.by_id(account.id), CANARY_SIGNATURE_PIN)
    assert world.own.close(world.admission("close"), world.code()).state == "closed"
    assert world.authority.statuses[-1] == (leaf, "revoked", "cessationOfOperation")
    assert world.credentials.of(account.id) == ()
    assert world.credentials.blob(credential.id) is None
    assert world.credentials.permanent_slot(credential.id) is None
    assert world.register(MARIA, officer="officer").account.id != account.id
    assert len(world.texts_sent(MessageKind.NOTICE)) == 4


def test_a_suspended_account_may_not_sign_nor_change_its_pin(world):
    account = world.citizen()
    suspended = world.change.suspend(account.id, actor="officer")
    with pytest.raises(AccountStateError):
        demand_may_sign(suspended, world.clock.now(), timedelta())
    admission = world.admission("pin")
    with pytest.raises(AccountStateError):
        world.change_pin.signature(admission, world.code(), Secret(CANARY_SIGNATURE_PIN), NEW_PIN)


def test_the_ca_down_does_not_stop_a_suspension(world):
    account = world.citizen()
    world.authority.available = False
    world.change.suspend(account.id, actor="officer")
    assert world.accounts.by_id(account.id).state is AccountState.SUSPENDED
    world.authority.available = True
    assert world.tell() == 1
    assert world.authority.statuses[-1][1] == "suspended"


def test_a_changed_phone_is_confirmed_before_anything_is_signed(world):
    account = world.citizen()
    changed, address = world.change.change_phone(account.id, "920 000 000", officer="officer")
    assert "/account/enrol/" in address.reveal()
    assert (changed.phone, changed.phone_confirmed) == ("+351920000000", False)
    with pytest.raises(AccountStateError):
        demand_may_sign(changed, world.clock.now(), timedelta())
    notices = [text for text in world.texts_sent(MessageKind.NOTICE) if "telemóvel" in text]
    assert len(notices) == 2
    assert all("920000000" not in text for text in notices)
    world.clock.advance(milliseconds=1)
    link = world.enrol.open(world.token())
    assert link.kind is LinkKind.PHONE
    world.enrol.send_code(world.enrol.look(link.id, None))
    assert world.addresses(MessageKind.CODE) == {"sms": "+351920000000"}
    session = world.enrol.confirm_phone(world.enrol.look(link.id, None), world.code())
    assert world.enrol.look(link.id, session).step is Step.DONE
    confirmed = world.accounts.by_id(account.id)
    assert confirmed.phone_confirmed
    with pytest.raises(AccountStateError):
        demand_may_sign(confirmed, world.clock.now(), timedelta(hours=72))
    world.clock.advance(hours=72)
    demand_may_sign(confirmed, world.clock.now(), timedelta(hours=72))


@pytest.mark.parametrize(
    "channels",
    [
        pytest.param((), id="none"),
        pytest.param(("totp",), id="nothing that carries messages"),
        pytest.param(("totp", "sms"), id="an app that is not there"),
        pytest.param(("sms", "sms"), id="twice"),
        pytest.param(("pigeon", "sms"), id="unknown"),
    ],
)
def test_channels_that_lead_nowhere_are_refused(world, channels):
    account = world.citizen()
    with pytest.raises(InvalidRequestError) as caught:
        world.change.set_channels(account.id, channels, actor="citizen")
    assert caught.value.field == "channels"
    assert world.accounts.by_id(account.id).channels == ("sms", "email")


def test_an_app_in_use_may_be_a_channel(world):
    account = world.citizen()
    change = replace(world.change, has_totp=lambda signer: signer == account.id)
    changed = change.set_channels(account.id, ("totp", "sms"), actor="citizen")
    assert changed.channels == ("totp", "sms")


def test_codes_follow_the_order_of_channels(world):
    world.citizen()
    admission = world.admission("channels")
    world.own.set_channels(admission, world.code(), ("email", "sms"))
    world.admission("suspend")
    assert list(world.addresses(MessageKind.CODE)) == ["email", "sms"]


def test_an_expired_document_is_told_only_after_the_pin(world):
    account = world.citizen(replace(MARIA, document_expires_on="2027-01-01"))
    world.clock.advance(days=400)
    with pytest.raises(IncorrectPINError):
        world.admission("pin", "99887712")
    admission = world.admission("pin")
    with pytest.raises(AccountStateError):
        world.change_pin.signature(admission, world.code(), Secret(CANARY_SIGNATURE_PIN), NEW_PIN)
    with pytest.raises(AccountStateError):
        demand_may_sign(world.accounts.by_id(account.id), world.clock.now(), timedelta())


def test_no_pin_code_token_or_name_reaches_the_audit(world):
    account = world.citizen()
    world.own.suspend(world.admission("suspend"), world.code())
    from signer.adapters.store.tables.audit import audit_record

    with world.database.read() as connection:
        bodies = "".join(connection.execute(select(audit_record.c.body)).scalars())
    assert account.id in bodies
    for secret in (
        CANARY_AUTHENTICATION_PIN,
        CANARY_SIGNATURE_PIN,
        "910000001",
        "12345678",
        "Maria",
        "exemplo.pt",
    ):
        assert secret not in bodies
    assert PAGES in bodies
