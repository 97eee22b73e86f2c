"""Lists of revoked certificates."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.setup import root_crl
from tests.fixtures.pki import citizen_account


def listed(crl):
    return {entry.serial_number: entry for entry in crl}


def number(crl):
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def load(der):
    return x509.load_der_x509_crl(der)


@pytest.fixture
def issued(pki, holder):
    return pki.issue(holder)[1][0]


def serial_of(der):
    return x509.load_der_x509_certificate(der).serial_number


def test_a_list_is_signed_by_its_ca(pki, clock):
    crl = load(pki.crl().current())
    assert crl.is_signature_valid(pki.issuing.public_key())
    assert crl.issuer == pki.issuing.subject
    assert crl.last_update_utc == clock.now()
    assert crl.next_update_utc == clock.now() + timedelta(days=1)
    identifier = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    key = pki.issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier.key_identifier == key.digest


def test_an_unchanged_list_is_served_again(pki, clock):
    first = pki.crl().current()
    clock.advance(hours=22)
    assert pki.crl().current() == first


def test_a_list_near_its_end_is_renewed_with_a_higher_number(pki, clock):
    first = load(pki.crl().current())
    clock.advance(hours=23, minutes=1)
    second = load(pki.crl().current())
    assert number(second) > number(first)


def test_a_change_of_status_makes_a_new_list_at_once(pki, issued, clock):
    first = load(pki.crl().current())
    assert listed(first) == {}
    pki.ca.set_status(issued, "revoked", reason="keyCompromise")
    second = load(pki.crl().current())
    assert number(second) > number(first)
    entry = listed(second)[serial_of(issued)]
    assert entry.revocation_date_utc == clock.now()
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.key_compromise


def test_no_reason_code_for_unspecified(pki, issued):
    pki.ca.set_status(issued, "revoked", reason="unspecified")
    assert len(listed(load(pki.crl().current()))[serial_of(issued)].extensions) == 0


def test_a_hold_is_listed_and_leaves_the_list_when_it_ends(pki, issued):
    pki.ca.set_status(issued, "suspended")
    entry = listed(load(pki.crl().current()))[serial_of(issued)]
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.certificate_hold
    pki.ca.set_status(issued, "good")
    assert listed(load(pki.crl().current())) == {}


def test_expired_certificates_leave_the_list(pki, clock):
    der = pki.issue(citizen_account(clock, valid_for=timedelta(days=2)))[1][0]
    pki.ca.set_status(der, "revoked")
    assert serial_of(der) in listed(load(pki.crl().renew()))
    clock.advance(days=3)
    assert listed(load(pki.crl().renew())) == {}


def test_a_late_signer_does_not_replace_a_newer_list(pki, issued):
    crl = pki.crl()
    old = pki.store.begin_crl("issuing")
    pki.ca.set_status(issued, "revoked")
    newer = crl.current()
    from signer.domain.certificate import StoredCRL

    pki.store.keep_crl(
        "issuing",
        StoredCRL(
            der=b"old",
            number=old.number,
            changes=old.changes,
            next_update=pki.clock.now() + timedelta(days=9),
        ),
    )
    assert crl.current() == newer


def test_the_roots_list_comes_from_the_ceremony(pki):
    crl = load(pki.hierarchy.root_crl_der)
    assert crl.is_signature_valid(pki.root.public_key())
    assert number(crl) == 1
    assert listed(crl) == {}


def test_a_later_ceremony_can_revoke_an_issuing_ca(pki, clock):
    from certs.authority import Authority
    from certs.setup import ROOT, Role
    from signer.domain.certificate import CertificateStatus, RevocationReason, StatusEntry

    entry = StatusEntry(
        serial=pki.issuing.serial_number,
        status=CertificateStatus.REVOKED,
        reason=RevocationReason.CA_COMPROMISE,
        since=clock.now(),
        not_after=pki.issuing.not_valid_after_utc,
    )
    root = Authority(ROOT, pki.root, pki.keys[Role.ROOT_CA])
    crl = load(root_crl(root, clock, number=2, lifetime=timedelta(days=365), revoked=(entry,)))
    assert list(listed(crl)) == [pki.issuing.serial_number]
    assert crl.public_bytes(Encoding.DER)
