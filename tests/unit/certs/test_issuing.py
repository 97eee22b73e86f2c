"""The issuing CA: what a citizen's certificate says, and who gets one."""

from datetime import timedelta
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from certs.authority import Authority, validity_of
from certs.issuing import IssuingPolicy
from certs.profiles import Addresses, Organisation, Qualification
from signer.adapters.store.tables.audit import audit_record
from signer.domain.account import DocumentType
from signer.domain.certificate import RevocationReason
from signer.domain.errors import (
    AccountStateError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from signer.domain.values import KeyAlgorithm
from tests.fixtures.pki import (
    PKI_URL,
    citizen_account,
    credential_for,
    csr_for,
    software_key,
)

QC_STATEMENTS = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")
QC_COMPLIANCE = bytes.fromhex("060604008e460101")
QC_SSCD = bytes.fromhex("060604008e460104")
QC_TYPE = bytes.fromhex("060604008e460106")
QC_LEGISLATION = bytes.fromhex("060604008e460107")
SEMANTICS = bytes.fromhex("06082b06010505070b02")


def leaf(chain):
    return x509.load_der_x509_certificate(chain[0])


def statements(certificate):
    return certificate.extensions.get_extension_for_oid(QC_STATEMENTS).value.value


def serial_number(certificate):
    return certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value


def test_a_chain_verifies_up_to_the_root(pki, holder):
    _, chain = pki.issue(holder)
    certificates = [x509.load_der_x509_certificate(der) for der in chain]
    assert len(certificates) == 3
    for below, above in pairwise(certificates):
        below.verify_directly_issued_by(above)
    assert certificates[-1] == pki.root


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_every_kind_of_key_is_certified(pki, holder, algorithm):
    key, chain = pki.issue(holder, algorithm)
    assert leaf(chain).public_key() == key.public_key()


def test_a_citizens_certificate_is_for_signing_only(pki, holder):
    certificate = leaf(pki.issue(holder)[1])
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.content_commitment
    assert not usage.value.digital_signature
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_a_certificate_names_where_to_ask(pki, holder):
    certificate = leaf(pki.issue(holder)[1])
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert {(one.access_method, one.access_location.value) for one in access} == {
        (AuthorityInformationAccessOID.OCSP, f"{PKI_URL}/ocsp/issuing"),
        (AuthorityInformationAccessOID.CA_ISSUERS, f"{PKI_URL}/ca/issuing.der"),
    }
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name[0].value == f"{PKI_URL}/crl/issuing.crl"


@pytest.mark.parametrize(
    ("form", "document", "country", "expected"),
    [
        pytest.param("", DocumentType.BI, "PT", "BI12345678", id="default"),
        pytest.param("bi", DocumentType.BI, "PT", "BI12345678", id="traditional"),
        pytest.param("bi", DocumentType.PASSPORT, "BR", "PASBR-12345678", id="passport"),
        pytest.param("bi", DocumentType.RESIDENCE_TITLE, "PT", "TR:PT-12345678", id="residence"),
        pytest.param("pno", DocumentType.BI, "PT", "PNOPT-12345678", id="pno"),
        pytest.param("pno", DocumentType.CC, "PT", "IDCPT-12345678", id="pno-card"),
        pytest.param("pno", DocumentType.PASSPORT, "BR", "PASBR-12345678", id="pno-passport"),
    ],
)
def test_the_serial_number_follows_document_and_setting(
    pki, clock, form, document, country, expected
):
    key = software_key(KeyAlgorithm.P_256)
    account = citizen_account(clock, document=document, country=country)
    ca = pki.ca_with(serial_number_form=form)
    certificate = leaf(ca.issue(account, credential_for(key), csr_for(key)))
    assert serial_number(certificate) == expected
    assert (SEMANTICS in statements(certificate)) is (form == "pno")


def test_an_unknown_serial_number_form_is_refused_at_start(pki):
    with pytest.raises(ConfigurationError, match="bi, pno"):
        pki.ca_with(serial_number_form="nif")


def test_nothing_says_qualified_unless_set(pki, holder):
    certificate = leaf(pki.issue(holder)[1])
    assert QC_TYPE in statements(certificate)
    assert QC_COMPLIANCE not in statements(certificate)
    assert QC_SSCD not in statements(certificate)
    assert QC_LEGISLATION not in statements(certificate)
    policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [one.policy_identifier.dotted_string for one in policies] == ["0.4.0.2042.1.2"]
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert common.startswith("TESTE ")


def test_explicit_settings_state_qualification(pki, holder):
    key = software_key(KeyAlgorithm.P_256)
    ca = pki.ca_with(mark="", qualification=Qualification(compliance=True, device=True))
    certificate = leaf(ca.issue(holder, credential_for(key), csr_for(key)))
    assert QC_COMPLIANCE in statements(certificate)
    assert QC_SSCD in statements(certificate)
    assert QC_LEGISLATION not in statements(certificate)
    policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [one.policy_identifier.dotted_string for one in policies] == ["0.4.0.194112.1.2"]


@pytest.mark.parametrize("claim", ["compliance", "device"])
def test_marked_test_names_and_qualification_exclude_each_other(pki, claim):
    with pytest.raises(ConfigurationError):
        IssuingPolicy(
            country=pki.country,
            addresses=Addresses(pki_url=PKI_URL),
            mark="TESTE",
            qualification=Qualification(**{claim: True}),
        )


def test_a_seal_names_the_organisation(pki, clock):
    key = software_key(KeyAlgorithm.RSA_3072)
    organisation = Organisation(name="Ordem Exemplo", identifier="VATPT-500965099", country="PT")
    chain = pki.ca.issue_seal(
        organisation,
        "Selo da Ordem Exemplo",
        credential_for(key, KeyAlgorithm.RSA_3072),
        csr_for(key),
        valid_until=clock.now() + timedelta(days=30),
    )
    certificate = leaf(chain)
    identifier = x509.ObjectIdentifier("2.5.4.97")
    assert certificate.subject.get_attributes_for_oid(identifier)[0].value == "VATPT-500965099"
    assert bytes.fromhex("060704008e46010602") in statements(certificate)


def test_repeating_the_call_gives_the_same_certificate(pki, holder):
    key = software_key(KeyAlgorithm.P_256)
    first = pki.ca.issue(holder, credential_for(key), csr_for(key))
    assert pki.ca.issue(holder, credential_for(key), csr_for(key)) == first


def test_a_crash_between_reservation_and_signature_keeps_the_serial_number(
    pki, holder, monkeypatch
):
    key = software_key(KeyAlgorithm.P_256)
    seen = []
    complete = pki.store.complete

    def crash(reservation, *_, **__):
        seen.append(reservation.serial)
        raise RuntimeError

    monkeypatch.setattr(pki.store, "complete", crash)
    with pytest.raises(RuntimeError):
        pki.ca.issue(holder, credential_for(key), csr_for(key))
    monkeypatch.setattr(pki.store, "complete", complete)
    certificate = leaf(pki.ca.issue(holder, credential_for(key), csr_for(key)))
    assert [certificate.serial_number] == seen


def test_validity_follows_the_document(pki, clock):
    account = citizen_account(clock, valid_for=timedelta(days=77))
    certificate = leaf(pki.issue(account)[1])
    assert certificate.not_valid_after_utc == account.valid_until


def test_validity_never_exceeds_the_authoritys(pki, clock):
    account = citizen_account(clock, valid_for=timedelta(days=365 * 40))
    certificate = leaf(pki.issue(account)[1])
    assert certificate.not_valid_after_utc == pki.issuing.not_valid_after_utc


def test_an_expired_document_gets_no_certificate(pki, clock):
    account = citizen_account(clock, valid_for=timedelta(seconds=-1))
    with pytest.raises(AccountStateError):
        pki.issue(account)


def test_a_request_for_another_key_is_refused(pki, holder):
    key, other = software_key(KeyAlgorithm.P_256), software_key(KeyAlgorithm.P_256)
    with pytest.raises(InvalidRequestError, match="another key"):
        pki.ca.issue(holder, credential_for(key), csr_for(other))


def test_a_request_with_a_broken_signature_is_refused(pki, holder):
    key = software_key(KeyAlgorithm.RSA_3072)
    csr = bytearray(csr_for(key))
    csr[-1] ^= 1
    credential = credential_for(key, KeyAlgorithm.RSA_3072)
    with pytest.raises(InvalidRequestError, match="prove"):
        pki.ca.issue(holder, credential, bytes(csr))


def test_garbage_is_no_request(pki, holder):
    key = software_key(KeyAlgorithm.P_256)
    with pytest.raises(InvalidRequestError) as caught:
        pki.ca.issue(holder, credential_for(key), b"\x30\x03abc")
    assert caught.value.field == "csr"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(rsa.generate_private_key(65537, 2048), id="rsa-2048"),
        pytest.param(ec.generate_private_key(ec.SECP256K1()), id="secp256k1"),
    ],
)
def test_weak_and_unusual_keys_are_refused(pki, holder, key):
    with pytest.raises(InvalidRequestError):
        pki.ca.issue(holder, credential_for(key), csr_for(key))


def test_suspension_is_effective_at_once_and_can_end(pki, holder):
    _, chain = pki.issue(holder)
    assert pki.ca.is_good(chain[0])
    pki.ca.set_status(chain[0], "suspended")
    assert not pki.ca.is_good(chain[0])
    pki.ca.set_status(chain[0], "good")
    assert pki.ca.is_good(chain[0])


@pytest.mark.parametrize("status", ["good", "suspended"])
def test_revocation_is_final(pki, holder, status):
    _, chain = pki.issue(holder)
    pki.ca.set_status(chain[0], "revoked", reason="keyCompromise")
    with pytest.raises(ConflictError):
        pki.ca.set_status(chain[0], status)
    assert not pki.ca.is_good(chain[0])


def test_a_repeated_revocation_keeps_the_first_reason(pki, holder):
    _, chain = pki.issue(holder)
    serial = leaf(chain).serial_number
    pki.ca.set_status(chain[0], "revoked", reason="keyCompromise")
    pki.ca.set_status(chain[0], "revoked", reason="superseded")
    assert [one.reason for one in pki.store.history("issuing", serial)] == [
        RevocationReason.KEY_COMPROMISE
    ]


@pytest.mark.parametrize(
    ("status", "reason", "field"),
    [
        pytest.param("expired", "", "status", id="status"),
        pytest.param("revoked", "boredom", "reason", id="reason"),
        pytest.param("revoked", "certificateHold", "reason", id="hold"),
    ],
)
def test_unknown_words_are_refused(pki, holder, status, reason, field):
    _, chain = pki.issue(holder)
    with pytest.raises(InvalidRequestError) as caught:
        pki.ca.set_status(chain[0], status, reason=reason)
    assert caught.value.field == field
    assert pki.ca.is_good(chain[0])


def test_a_certificate_is_good_only_in_its_time(pki, clock):
    account = citizen_account(clock, valid_for=timedelta(days=2))
    _, chain = pki.issue(account)
    clock.advance(days=3)
    assert not pki.ca.is_good(chain[0])


def test_a_certificate_of_others_is_neither_good_nor_revocable(pki, holder):
    _, chain = pki.issue(holder)
    certificate = leaf(chain)
    forger = software_key(KeyAlgorithm.RSA_3072)
    forged = Authority("issuing", pki.issuing, forger).issue(
        certificate.subject,
        certificate.public_key(),
        validity_of(certificate),
        (),
        serial=certificate.serial_number,
    )
    der = forged.public_bytes(Encoding.DER)
    assert not pki.ca.is_good(der)
    assert not pki.ca.is_good(b"garbage")
    with pytest.raises(NotFoundError):
        pki.ca.set_status(der, "revoked")
    assert pki.ca.is_good(chain[0])


def test_issuing_and_revoking_leave_records(pki, holder, sqlite_database):
    _, chain = pki.issue(holder)
    pki.ca.set_status(chain[0], "revoked", reason="superseded")
    with sqlite_database.read() as connection:
        rows = connection.execute(audit_record.select().order_by(audit_record.c.sequence)).all()
    serial = f"{leaf(chain).serial_number:x}"
    mine = [(row.event, row.body) for row in rows if serial in row.body]
    assert [event for event, _ in mine] == [
        "certificate.issued",
        "certificate.issued",
        "certificate.status_changed",
    ]
    assert '"outcome":"intended"' in mine[0][1]
    assert '"outcome":"ok"' in mine[1][1]
