"""SADs of the together entry: what they open, in parts, and everything they do not."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from signer.adapters.store.tables.activation import attempt, granted_digest
from signer.adapters.store.tables.activation import challenge as challenge_table
from signer.adapters.store.tables.activation import slot as slot_table
from signer.adapters.store.tables.audit import audit_record
from signer.authentication.pin import PINAuthenticator
from signer.domain.audit import AuditEvent
from signer.domain.errors import (
    AccountStateError,
    AuthorisationRefusedError,
    IncorrectCodeError,
    IncorrectPINError,
    IntegrityAlarmError,
    InvalidRequestError,
    TransactionEndedError,
)
from signer.domain.values import DTBSR, ClientId, DigestAlgorithm, Secret
from signer.operations.signing.together import AuthoriseTogether, SendChallenge, Sought
from tests.fixtures.sam import CLIENT, TOGETHER, dtbsr, verifies

A, B, C = dtbsr("a"), dtbsr("b"), dtbsr("c")


def redeem(sam, citizen, sad, *digests, client=CLIENT):
    return sam.grants.redeem(
        sad, client=client, credential=citizen.credential, dtbsrs=list(digests)
    )


def left(sam):
    with sam.database.read() as connection:
        return connection.execute(select(func.count()).select_from(granted_digest)).scalar_one()


def slots(sam):
    query = select(func.count()).where(slot_table.c.stage == "sad")
    with sam.database.read() as connection:
        return connection.execute(query).scalar_one()


def attempts(sam):
    with sam.database.read() as connection:
        rows = connection.execute(select(attempt.c.kind, attempt.c.state)).all()
    return Counter((row.kind, row.state) for row in rows)


def test_a_sad_signs_all_it_was_granted_for_and_is_gone(sam, citizen):
    sad = sam.sad(citizen, B, A, B)
    values = sam.qscd.sign(redeem(sam, citizen, sad, B, A, B))
    assert [verifies(citizen.credential, d, v) for d, v in zip((B, A, B), values, strict=True)]
    assert (left(sam), slots(sam)) == (0, 0)
    with pytest.raises(AuthorisationRefusedError):
        redeem(sam, citizen, sad, A)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([(A,), (B,), (A,)], id="one by one"),
        pytest.param([(A, A), (B,)], id="duplicate first"),
        pytest.param([(B, A), (A,)], id="another order"),
    ],
)
def test_a_sad_is_redeemed_in_parts(sam, citizen, parts):
    sad = sam.sad(citizen, A, B, A)
    for number, part in enumerate(parts, 1):
        values = sam.qscd.sign(redeem(sam, citizen, sad, *part))
        assert [verifies(citizen.credential, d, v) for d, v in zip(part, values, strict=True)]
        assert slots(sam) == (0 if number == len(parts) else 1)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([], id="none"),
        pytest.param([C], id="unknown"),
        pytest.param([A, C], id="one unknown"),
        pytest.param([A, A, A], id="one too often"),
        pytest.param([A, A, B, B], id="more than granted"),
        pytest.param(
            [DTBSR(DigestAlgorithm.SHA384, DigestAlgorithm.SHA384.of(b"a"))], id="algorithm"
        ),
    ],
)
def test_what_was_not_granted_is_refused_and_takes_nothing(sam, citizen, asked):
    sad = sam.sad(citizen, A, B, A)
    with pytest.raises(AuthorisationRefusedError):
        redeem(sam, citizen, sad, *asked)
    assert (left(sam), slots(sam)) == (3, 1)
    assert redeem(sam, citizen, sad, A, B, A)


def test_a_part_taken_twice_is_refused(sam, citizen):
    sad = sam.sad(citizen, A, B)
    redeem(sam, citizen, sad, A)
    with pytest.raises(AuthorisationRefusedError):
        redeem(sam, citizen, sad, A)
    assert redeem(sam, citizen, sad, B)


def test_another_client_gets_nothing(sam, citizen):
    sad = sam.sad(citizen, A)
    with pytest.raises(AuthorisationRefusedError):
        redeem(sam, citizen, sad, A, client=ClientId("another"))
    assert left(sam) == 1


def test_another_citizens_credential_gets_nothing(sam, citizen):
    sad, other = sam.sad(citizen, A), sam.citizen(pin="402266")
    with pytest.raises(AuthorisationRefusedError):
        redeem(sam, other, sad, A)
    assert left(sam) == 1


def test_a_sad_nobody_issued_is_refused(sam, citizen):
    with pytest.raises(AuthorisationRefusedError):
        redeem(sam, citizen, Secret("x" * 43), A)


def test_an_expired_sad_is_refused(sam, citizen):
    sad = sam.sad(citizen, A)
    sam.clock.advance(minutes=5)
    with pytest.raises(AuthorisationRefusedError):
        redeem(sam, citizen, sad, A)


def test_a_pin_change_kills_the_sad(sam, citizen):
    sad = sam.sad(citizen, A)
    sam.enrolment.change_signature_pin(
        citizen.account,
        sam.credentials.requests(citizen.account.id),
        sam.verify_pin(citizen),
        Secret("840217"),
    )
    assert (left(sam), slots(sam)) == (0, 0)
    for holder in (citizen, sam.reload(citizen.account.id, "840217")):
        with pytest.raises(AuthorisationRefusedError):
            redeem(sam, holder, sad, A)


@pytest.mark.parametrize("column", ["bindings_sha256", "client_id", "expires_at", "granted"])
def test_a_rewritten_row_never_opens(sam, citizen, column):
    """Whoever writes the database makes the row say something else: the seal does not."""
    sad = sam.sad(citizen, A)
    from signer.domain.bindings import GrantBindings

    forged = GrantBindings(client=CLIENT, credential=citizen.credential.id, digests=(B,))
    values = {
        "bindings_sha256": {"bindings_sha256": forged.sha256(), "granted": _granted(B)},
        "client_id": {"client_id": "another"},
        "expires_at": {"expires_at": sam.clock.now() + timedelta(hours=1)},
        "granted": {"granted": _granted(B)},
    }[column]
    with sam.database.begin() as connection:
        connection.execute(update(slot_table).where(slot_table.c.stage == "sad").values(**values))
        if "granted" in values:
            connection.execute(update(granted_digest).values(digest=B.value))
    asked = B if "granted" in values else A
    client = ClientId("another") if column == "client_id" else CLIENT
    with pytest.raises((AuthorisationRefusedError, IntegrityAlarmError)):
        redeem(sam, citizen, sad, asked, client=client)


def _granted(digest):
    import json

    return json.dumps([[digest.algorithm.value, digest.value.hex()]])


@pytest.mark.parametrize("granted", [(A, A), (A, A, B)], ids=["all", "part"])
def test_threads_share_a_duplicate_digest_without_surplus(sam, citizen, granted):
    sad = sam.sad(citizen, *granted)
    barrier, outcomes = threading.Barrier(8), Counter()

    def take():
        barrier.wait()
        try:
            redeem(sam, citizen, sad, A)
        except AuthorisationRefusedError:
            outcomes["refused"] += 1
        else:
            outcomes["taken"] += 1

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"taken": 2, "refused": 6}
    assert left(sam) == len(granted) - 2


def test_the_intent_is_durable_before_the_right_exists(sam, citizen):
    sad = sam.sad(citizen, A, B)
    redeem(sam, citizen, sad, B)
    with sam.database.read() as connection:
        bodies = connection.execute(
            select(audit_record.c.body).where(
                audit_record.c.event == AuditEvent.SIGNATURE_INTENDED.value
            )
        ).scalars()
        (body,) = bodies
    assert B.value.hex() in body
    assert A.value.hex() not in body


def test_the_sad_is_nowhere_in_the_database(sam, citizen):
    sad = sam.sad(citizen, A)
    with sam.database.read() as connection:
        (row,) = connection.execute(select(slot_table).where(slot_table.c.stage == "sad")).all()
    assert sad.reveal() not in repr(tuple(row))


# --- code and PIN in one call ---------------------------------------------------------------------


class Good:
    """An authority for which every certificate is good until told otherwise."""

    answer = True

    def is_good(self, _certificate):
        return self.answer


@pytest.fixture
def together(sam):
    return AuthoriseTogether(
        challenges=sam.challenges,
        pins=sam.pins,
        credentials=sam.credentials,
        grants=sam.grants,
        authority=Good(),
        clock=sam.clock,
        sad_lifetime=timedelta(minutes=5),
        phone_freeze=timedelta(0),
    )


@pytest.fixture
def sought(citizen):
    with_certificate = replace(citizen.credential, chain_der=(b"certificate",))
    return Sought(citizen.account.id, citizen.account, with_certificate)


def other(secret):
    return Secret(f"{(int(secret.reveal()) + 1) % 10**6:06d}")


def test_right_code_and_pin_give_a_sad(sam, citizen, together, sought):
    code = sam.challenge(citizen)
    sad = together(sought, client=CLIENT, pin=citizen.pin, code=code, dtbsrs=[A])
    (value,) = sam.qscd.sign(redeem(sam, citizen, sad, A))
    assert verifies(citizen.credential, A, value)
    with pytest.raises(IncorrectCodeError):
        together(sought, client=CLIENT, pin=citizen.pin, code=code, dtbsrs=[A])


@pytest.mark.parametrize("pin_is_right", [True, False])
def test_a_wrong_code_costs_a_code_attempt_only_and_hides_the_pin(
    sam, citizen, together, sought, pin_is_right
):
    code = sam.challenge(citizen)
    pin = citizen.pin if pin_is_right else Secret("000001")
    with pytest.raises(IncorrectCodeError):
        together(sought, client=CLIENT, pin=pin, code=other(code), dtbsrs=[A])
    assert attempts(sam) == {("code", "failed"): 1}


def test_a_wrong_code_takes_the_work_of_the_pin_too(sam, citizen, together, sought):
    """Both factors are computed, or the time would say that the code was wrong."""
    scopes = []

    class Counting:
        def __getattr__(self, name):
            return getattr(sam.vault, name)

        def key_check_value(self, scope, secret):
            scopes.append(str(scope.stage))
            return sam.vault.key_check_value(scope, secret)

    code = sam.challenge(citizen)
    watched = replace(together, pins=PINAuthenticator(Counting(), sam.attempts))
    with pytest.raises(IncorrectCodeError):
        watched(sought, client=CLIENT, pin=citizen.pin, code=other(code), dtbsrs=[A])
    assert scopes == ["pin"]
    assert attempts(sam) == {("code", "failed"): 1}


def test_a_right_code_with_a_wrong_pin_costs_a_pin_attempt_and_stays_usable(
    sam, citizen, together, sought
):
    code = sam.challenge(citizen)
    with pytest.raises(IncorrectPINError):
        together(sought, client=CLIENT, pin=Secret("000001"), code=code, dtbsrs=[A])
    assert attempts(sam) == {("code", "ok"): 1, ("signature-pin", "failed"): 1}
    assert together(sought, client=CLIENT, pin=citizen.pin, code=code, dtbsrs=[A])


def test_another_clients_challenge_is_not_taken(sam, citizen, together, sought):
    code = sam.challenge(citizen, ClientId("another"))
    with pytest.raises(IncorrectCodeError):
        together(sought, client=CLIENT, pin=citizen.pin, code=code, dtbsrs=[A])


def test_a_new_challenge_kills_the_old(sam, citizen, together, sought):
    old, new = sam.challenge(citizen), sam.challenge(citizen)
    with pytest.raises(IncorrectCodeError):
        together(sought, client=CLIENT, pin=citizen.pin, code=old, dtbsrs=[A])
    assert together(sought, client=CLIENT, pin=citizen.pin, code=new, dtbsrs=[A])


def test_an_expired_challenge_is_refused(sam, citizen, together, sought):
    code = sam.challenge(citizen)
    sam.clock.advance(minutes=6)
    with pytest.raises(IncorrectCodeError):
        together(sought, client=CLIENT, pin=citizen.pin, code=code, dtbsrs=[A])


def test_a_bad_certificate_is_told_only_to_who_knows_both(sam, citizen, together, sought):
    code = sam.challenge(citizen)
    Good.answer = False
    try:
        with pytest.raises(IncorrectPINError):
            together(sought, client=CLIENT, pin=Secret("000001"), code=code, dtbsrs=[A])
        with pytest.raises(AccountStateError):
            together(sought, client=CLIENT, pin=citizen.pin, code=code, dtbsrs=[A])
    finally:
        Good.answer = True


@pytest.mark.parametrize("digests", [[], [A] * 101], ids=["none", "too many"])
def test_no_or_too_many_digests_are_refused_before_anything_counts(
    sam, citizen, together, sought, digests
):
    code = sam.challenge(citizen)
    with pytest.raises(InvalidRequestError):
        together(sought, client=CLIENT, pin=citizen.pin, code=code, dtbsrs=digests)
    assert attempts(sam) == {}


def test_nobody_looks_like_somebody_with_a_wrong_code(sam, together):
    with pytest.raises(IncorrectCodeError):
        together(
            Sought("pseudonym"), client=CLIENT, pin=Secret("111222"), code=Secret("1"), dtbsrs=[A]
        )
    assert attempts(sam) == {("code", "failed"): 1}


def test_nobody_gets_a_challenge_but_no_message(sam, citizen):
    messages = []

    def message(account, challenge, code):
        messages.append((account, challenge, code))

    send = SendChallenge(challenges=sam.challenges, lifetime=timedelta(minutes=5), message=message)
    send(Sought("pseudonym"), CLIENT)
    assert not messages
    send(Sought(citizen.account.id, citizen.account, citizen.credential), CLIENT)
    assert len(messages) == 1
    with sam.database.read() as connection:
        stored = connection.execute(select(challenge_table.c.subject)).scalars().all()
    assert set(stored) == {"pseudonym", citizen.account.id}


def test_a_code_for_somebody_else_grants_nothing(sam, citizen):
    neighbour = sam.citizen(pin="402266")
    code = sam.challenge(neighbour)
    verified = sam.challenges.verify(TOGETHER, neighbour.account.id, CLIENT, code)
    with pytest.raises(TransactionEndedError):
        sam.grants.grant_together(
            citizen.credential,
            sam.verify_pin(citizen),
            verified,
            client=CLIENT,
            account_epoch=citizen.account.epoch,
            dtbsrs=[A],
            expires_at=sam.clock.now() + timedelta(minutes=5),
        )


def test_a_pin_changed_meanwhile_grants_nothing(sam, citizen):
    verified = sam.verify_pin(citizen)
    sam.enrolment.change_signature_pin(
        citizen.account,
        sam.credentials.requests(citizen.account.id),
        sam.verify_pin(citizen),
        Secret("840217"),
    )
    code = sam.challenge(citizen)
    with pytest.raises((TransactionEndedError, IntegrityAlarmError)):
        sam.grants.grant_together(
            citizen.credential,
            verified,
            sam.challenges.verify(TOGETHER, citizen.account.id, CLIENT, code),
            client=CLIENT,
            account_epoch=citizen.account.epoch,
            dtbsrs=[A],
            expires_at=sam.clock.now() + timedelta(minutes=5),
        )
