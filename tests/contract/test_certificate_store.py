"""Every CertificateStore must pass these, whatever the database."""

import concurrent.futures
from datetime import timedelta

import pytest
from sqlalchemy import select

from signer.adapters.store.certificates import SQLCertificateStore
from signer.adapters.store.tables.audit import audit_record
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.certificate import (
    CertificateStatus,
    Reservation,
    RevocationReason,
    StoredCRL,
)
from signer.domain.errors import NotFoundError

ISSUED = AuditRecord(event=AuditEvent.CERTIFICATE_ISSUED)
CHANGED = AuditRecord(event=AuditEvent.CERTIFICATE_STATUS_CHANGED)
HOLD = (CertificateStatus.SUSPENDED, RevocationReason.CERTIFICATE_HOLD)
GOOD = (CertificateStatus.GOOD, RevocationReason.UNSPECIFIED)
REVOKED = (CertificateStatus.REVOKED, RevocationReason.KEY_COMPROMISE)


@pytest.fixture
def store(database, audit_chain):
    return SQLCertificateStore(database, audit_chain)


@pytest.fixture
def reservation(clock):
    def make(serial=2**158 + 1, credential="c1", issuer="issuing"):
        return Reservation(
            issuer=issuer,
            serial=serial,
            credential=credential,
            subject="s1",
            not_before=clock.now(),
            not_after=clock.now() + timedelta(days=1),
        )

    return make


@pytest.fixture
def issued(store, reservation):
    made = store.reserve(reservation(), audit=ISSUED)
    store.complete(made, b"der", audit=ISSUED)
    return made.serial


def events(database):
    with database.read() as connection:
        return list(
            connection.execute(
                select(audit_record.c.event).order_by(audit_record.c.sequence)
            ).scalars()
        )


def test_the_first_reservation_of_a_credential_stays(store, reservation):
    first = store.reserve(reservation(1), audit=ISSUED)
    assert store.reserve(reservation(2), audit=ISSUED) == first


def test_the_same_credential_may_have_one_certificate_per_ca(store, reservation):
    store.reserve(reservation(1), audit=ISSUED)
    assert store.reserve(reservation(2, issuer="root"), audit=ISSUED).serial == 2


def test_a_reserved_certificate_is_not_issued(store, reservation):
    made = store.reserve(reservation(), audit=ISSUED)
    assert store.certificate_of("issuing", "c1") is None
    assert store.status("issuing", (made.serial,)) == {}
    with pytest.raises(NotFoundError):
        store.set_status("issuing", made.serial, *REVOKED, made.not_before, audit=CHANGED)


def test_the_first_completion_wins(store, reservation):
    made = store.reserve(reservation(), audit=ISSUED)
    assert store.complete(made, b"one", audit=ISSUED) == b"one"
    assert store.complete(made, b"two", audit=ISSUED) == b"one"
    assert store.certificate_of("issuing", "c1") == b"one"


def test_of_many_threads_one_certificate_comes_out(store, reservation):
    def run(serial):
        made = store.reserve(reservation(serial), audit=ISSUED)
        return store.complete(made, f"{serial}".encode(), audit=ISSUED)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(run, range(1, 17)))) == 1


def test_serial_numbers_keep_all_their_bits(store, issued):
    assert list(store.status("issuing", (issued, 5))) == [issued]


def test_status_belongs_to_the_issuer(store, issued):
    assert store.status("root", (issued,)) == {}


def test_hold_and_reinstatement_are_remembered(store, issued, clock):
    for status, reason in (HOLD, GOOD, REVOKED):
        clock.advance(seconds=1)
        assert store.set_status("issuing", issued, status, reason, clock.now(), audit=CHANGED)
    history = store.history("issuing", issued)
    assert [(one.status, one.reason) for one in history] == [HOLD, GOOD, REVOKED]
    assert history[-1].since == clock.now()
    assert store.status("issuing", (issued,))[issued] == history[-1]


@pytest.mark.parametrize("later", [HOLD, GOOD])
def test_revocation_is_final(store, issued, clock, later):
    store.set_status("issuing", issued, *REVOKED, clock.now(), audit=CHANGED)
    assert not store.set_status("issuing", issued, *later, clock.now(), audit=CHANGED)
    assert store.status("issuing", (issued,))[issued].status is CertificateStatus.REVOKED


def test_repeating_a_status_changes_nothing(store, issued, clock, database):
    store.set_status("issuing", issued, *REVOKED, clock.now(), audit=CHANGED)
    before = events(database)
    clock.advance(days=1)
    assert store.set_status("issuing", issued, *REVOKED, clock.now(), audit=CHANGED)
    assert len(store.history("issuing", issued)) == 1
    assert events(database) == before


def test_each_change_and_its_record_are_one(store, issued, clock, database):
    broken = AuditRecord(event=AuditEvent.CERTIFICATE_STATUS_CHANGED, facts={"x": 1.5})
    with pytest.raises(TypeError):
        store.set_status("issuing", issued, *REVOKED, clock.now(), audit=broken)
    assert store.status("issuing", (issued,))[issued].status is CertificateStatus.GOOD
    assert store.history("issuing", issued) == ()
    assert events(database) == ["certificate.issued", "certificate.issued"]


def test_racing_changes_are_counted_one_by_one(store, reservation, clock):
    serials = range(1, 17)
    for serial in serials:
        made = store.reserve(reservation(serial, f"c{serial}"), audit=ISSUED)
        store.complete(made, b"der", audit=ISSUED)

    def revoke(serial):
        return store.set_status("issuing", serial, *REVOKED, clock.now(), audit=CHANGED)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(revoke, serials))
    snapshot = store.begin_crl("issuing")
    assert snapshot.changes == 16
    assert {one.serial for one in snapshot.entries} == set(serials)


def test_crl_numbers_never_repeat(store):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        numbers = [one.number for one in pool.map(store.begin_crl, ["issuing"] * 24)]
    assert sorted(numbers) == list(range(1, 25))


def test_a_list_holds_what_is_revoked_or_on_hold(store, issued, clock):
    assert store.begin_crl("issuing").entries == ()
    store.set_status("issuing", issued, *HOLD, clock.now(), audit=CHANGED)
    assert [one.serial for one in store.begin_crl("issuing").entries] == [issued]
    store.set_status("issuing", issued, *GOOD, clock.now(), audit=CHANGED)
    assert store.begin_crl("issuing").entries == ()


def test_the_latest_list_is_kept(store, clock):
    def crl(number):
        return StoredCRL(
            der=f"{number}".encode(),
            number=number,
            changes=0,
            next_update=clock.now() + timedelta(days=number),
        )

    assert store.current_crl("issuing") == (None, 0)
    numbers = [store.begin_crl("issuing").number for _ in range(2)]
    for number in reversed(numbers):
        store.keep_crl("issuing", crl(number))
    assert store.current_crl("issuing") == (crl(numbers[-1]), 0)
