"""Authenticator apps on both databases: RFC 6238, and each time step once."""

import re
import threading
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from lxml import etree
from sqlalchemy import select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.tables.totp import totp_seed
from signer.adapters.store.totp import SQLTOTPStore
from signer.authentication.totp import TOTPAuthenticator
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import IntegrityAlarmError
from signer.domain.totp import TOTPSeed
from signer.domain.values import Secret, SignerId
from tests.fixtures.clock import FixedClock

ANA, RUI = SignerId("signer-ana"), SignerId("signer-rui")
RFC_KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""Base32 of the key of RFC 6238, appendix B (SHA-1)."""


@pytest.fixture
def store(database, audit_chain):
    return SQLTOTPStore(database, audit_chain)


@pytest.fixture
def totp(fake_vault, store, clock):
    return TOTPAuthenticator(fake_vault, store, clock, issuer="Chancela")


def app_of(enrolment):
    return pyotp.TOTP(enrolment.key.reveal().replace(" ", ""))


def code_at(app, clock, steps=0):
    return Secret(app.at(clock.now() + timedelta(seconds=30 * steps)))


@pytest.fixture
def app(totp, clock):
    """A confirmed app, three steps after its first code."""
    made = app_of(totp.enrol(ANA, label="+351 9•• ••• 678"))
    assert totp.confirm(ANA, code_at(made, clock))
    clock.advance(seconds=90)
    return made


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(fake_vault, store, seconds, code):
    clock = FixedClock(datetime.fromtimestamp(seconds, UTC))
    protected = fake_vault.protect("totp", RFC_KEY.encode(), aad=TOTPSeed.aad("seed-1", ANA))
    seed = TOTPSeed(
        id="seed-1", signer=ANA, protected=protected, last_step=0,
        created_at=clock.now(), confirmed_at=clock.now(),
    )  # fmt: skip
    store.begin(seed, audit=AuditRecord(event=AuditEvent.ACCOUNT_CHANGED))
    totp = TOTPAuthenticator(fake_vault, store, clock, issuer="Chancela")
    # Six digits are the last six of the eight the RFC prints.
    assert totp.accept(ANA, Secret(code[-6:]))


def test_a_code_is_accepted_once(totp, app, clock):
    code = code_at(app, clock)
    assert totp.accept(ANA, code)
    assert not totp.accept(ANA, code)


@pytest.mark.parametrize(
    ("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_the_window_is_one_step_each_way(totp, app, clock, steps, accepted):
    assert totp.accept(ANA, code_at(app, clock, steps)) is accepted


def test_after_a_later_step_an_older_one_is_refused(totp, app, clock):
    assert totp.accept(ANA, code_at(app, clock, 1))
    assert not totp.accept(ANA, code_at(app, clock, 0))
    assert not totp.accept(ANA, code_at(app, clock, 1))
    clock.advance(seconds=60)
    assert totp.accept(ANA, code_at(app, clock))


def test_of_eight_workers_with_one_code_one_wins(app, clock, database, fake_vault):
    code, won, start = code_at(app, clock), [], threading.Barrier(8)

    def work():
        mine = SQLTOTPStore(database, AuditChain(clock))
        authenticator = TOTPAuthenticator(fake_vault, mine, clock, issuer="Chancela")
        start.wait()
        won.append(authenticator.accept(ANA, code))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(won) == [False] * 7 + [True]


@pytest.mark.usefixtures("app")
def test_the_store_spends_a_step_once_whatever_was_read_before(store):
    seed = store.of(ANA)
    assert store.spend(seed.id, seed.last_step + 5)
    assert not store.spend(seed.id, seed.last_step + 5)
    assert not store.spend(seed.id, seed.last_step + 4)


def test_an_app_counts_only_once_confirmed(totp, clock):
    made = app_of(totp.enrol(ANA, label="x"))
    assert not totp.is_enrolled(ANA)
    assert not totp.accept(ANA, code_at(made, clock))
    assert not totp.confirm(
        ANA, Secret("000000" if code_at(made, clock) != Secret("000000") else "1")
    )
    assert totp.confirm(ANA, code_at(made, clock))
    assert totp.is_enrolled(ANA)
    assert not totp.confirm(ANA, code_at(made, clock, 1))


def test_the_confirming_code_does_not_work_again(totp, clock):
    made = app_of(totp.enrol(ANA, label="x"))
    code = code_at(made, clock)
    assert totp.confirm(ANA, code)
    assert not totp.accept(ANA, code)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "\u0661" * 6, "-12345"])
@pytest.mark.usefixtures("app")
def test_what_is_no_code_is_refused(totp, typed):
    assert not totp.accept(ANA, Secret(typed))


def test_spaces_in_a_typed_code_do_not_matter(totp, app, clock):
    code = code_at(app, clock).reveal()
    assert totp.accept(ANA, Secret(f"{code[:3]} {code[3:]}"))


def test_another_persons_code_is_refused(totp, app, clock):
    other = app_of(totp.enrol(RUI, label="y"))
    assert totp.confirm(RUI, code_at(other, clock))
    clock.advance(seconds=90)
    assert not totp.accept(RUI, code_at(app, clock))


def test_a_seed_moved_to_another_person_does_not_open(totp, app, clock, database):
    other = app_of(totp.enrol(RUI, label="y"))
    totp.confirm(RUI, code_at(other, clock))
    with database.begin() as connection:
        seed = connection.execute(
            select(totp_seed.c.seed).where(totp_seed.c.account_id == ANA)
        ).scalar_one()
        connection.execute(update(totp_seed).where(totp_seed.c.account_id == RUI).values(seed=seed))
    with pytest.raises(IntegrityAlarmError):
        totp.accept(RUI, code_at(app, clock))


def test_a_removed_or_replaced_app_stops_working(totp, app, clock):
    totp.enrol(ANA, label="new")
    assert not totp.accept(ANA, code_at(app, clock))
    assert totp.remove(ANA)
    assert not totp.remove(ANA)
    assert not totp.is_enrolled(ANA)


def test_enrolment_shows_what_apps_read_and_stores_no_clear_seed(totp, database):
    made = totp.enrol(ANA, label="+351 9•• ••• 678")
    key = made.key.reveal().replace(" ", "")
    parsed = pyotp.parse_uri(made.uri.reveal())
    assert (parsed.secret, parsed.issuer, parsed.interval) == (key, "Chancela", 30)
    assert re.fullmatch(r"[A-Z2-7]{32}", key)
    svg = etree.fromstring(made.qr_svg)
    assert etree.QName(svg).localname == "svg"
    assert not svg.xpath("//*[local-name()='script' or local-name()='style' or @style]")
    with database.read() as connection:
        stored = connection.execute(select(totp_seed.c.seed)).scalar_one()
    assert key.encode() not in stored
    assert key not in repr(made)
