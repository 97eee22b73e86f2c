"""The OCSP responder: statuses, nonces, several requests, and what is malformed."""

import hashlib
from datetime import timedelta

import pytest
from asn1crypto import core, ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp as library

from certs.ocsp import MALFORMED_REQUEST, TRY_LATER
from certs.setup import ROOT, Role
from signer.domain.errors import QSCDUnavailableError, StoreUnavailableError

NONCE_OID = "1.3.6.1.5.5.7.48.1.2"


def cert_id(issuer, serial, algorithm="sha1"):
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return ocsp.CertId(
        {
            "hash_algorithm": {"algorithm": algorithm},
            "issuer_name_hash": hashlib.new(algorithm, issuer.subject.public_bytes()).digest(),
            "issuer_key_hash": hashlib.new(algorithm, key).digest(),
            "serial_number": serial,
        }
    )


def request(*ids, nonce=None, extensions=()):
    wanted = list(extensions)
    if nonce is not None:
        wanted.append({"extn_id": NONCE_OID, "critical": False, "extn_value": nonce})
    body = {"request_list": [{"req_cert": one} for one in ids]}
    if wanted:
        body["request_extensions"] = wanted
    return ocsp.OCSPRequest({"tbs_request": body}).dump()


@pytest.fixture
def issued(pki, holder):
    return x509.load_der_x509_certificate(pki.issue(holder)[1][0])


def library_request(pki, certificate, algorithm=None, nonce=None):
    builder = library.OCSPRequestBuilder().add_certificate(
        certificate, pki.issuing, algorithm or hashes.SHA256()
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def parsed(pki, der, **settings):
    return library.load_der_ocsp_response(pki.ocsp(**settings).respond(der))


SHA1 = hashes.SHA1()  # noqa: S303 - most clients name issuers so


@pytest.mark.parametrize("algorithm", [SHA1, hashes.SHA256(), hashes.SHA384()])
def test_a_good_certificate_is_good(pki, issued, clock, algorithm):
    response = parsed(pki, library_request(pki, issued, algorithm))
    assert response.response_status is library.OCSPResponseStatus.SUCCESSFUL
    assert response.certificate_status is library.OCSPCertStatus.GOOD
    assert response.serial_number == issued.serial_number
    assert response.this_update_utc == clock.now()
    assert response.next_update_utc - response.this_update_utc == timedelta(seconds=60)


def test_the_answer_is_signed_by_the_delegated_responder(pki, issued):
    response = parsed(pki, library_request(pki, issued))
    responder = response.certificates[0]
    assert responder == pki.hierarchy.certificate(Role.OCSP_ISSUING)
    responder.verify_directly_issued_by(pki.issuing)
    responder.extensions.get_extension_for_class(x509.OCSPNoCheck)
    responder.public_key().verify(
        response.signature, response.tbs_response_bytes, padding.PKCS1v15(), hashes.SHA256()
    )


def test_revocation_is_in_the_next_answer_with_its_reason(pki, issued, clock):
    pki.ca.set_status(issued.public_bytes(Encoding.DER), "revoked", reason="keyCompromise")
    response = parsed(pki, library_request(pki, issued))
    assert response.certificate_status is library.OCSPCertStatus.REVOKED
    assert response.revocation_reason is x509.ReasonFlags.key_compromise
    assert response.revocation_time_utc == clock.now()


def test_a_revocation_without_reason_states_none(pki, issued):
    pki.ca.set_status(issued.public_bytes(Encoding.DER), "revoked")
    response = parsed(pki, library_request(pki, issued))
    assert response.certificate_status is library.OCSPCertStatus.REVOKED
    assert response.revocation_reason is None


def test_a_hold_is_told_and_its_end_too(pki, issued):
    der = issued.public_bytes(Encoding.DER)
    pki.ca.set_status(der, "suspended")
    response = parsed(pki, library_request(pki, issued))
    assert response.certificate_status is library.OCSPCertStatus.REVOKED
    assert response.revocation_reason is x509.ReasonFlags.certificate_hold
    pki.ca.set_status(der, "good")
    response = parsed(pki, library_request(pki, issued))
    assert response.certificate_status is library.OCSPCertStatus.GOOD


def test_a_serial_number_never_issued_is_unknown_not_unauthorised(pki):
    response = library.load_der_ocsp_response(
        pki.ocsp().respond(request(cert_id(pki.issuing, 12345)))
    )
    assert response.response_status is library.OCSPResponseStatus.SUCCESSFUL
    assert response.certificate_status is library.OCSPCertStatus.UNKNOWN


def test_a_serial_number_only_reserved_is_unknown(pki, holder, monkeypatch):
    def crash(reservation, *_, **__):
        raise RuntimeError(reservation.serial)

    monkeypatch.setattr(pki.store, "complete", crash)
    with pytest.raises(RuntimeError) as caught:
        pki.issue(holder)
    serial = caught.value.args[0]
    response = library.load_der_ocsp_response(
        pki.ocsp().respond(request(cert_id(pki.issuing, serial)))
    )
    assert response.certificate_status is library.OCSPCertStatus.UNKNOWN


def test_certificates_of_another_issuer_are_unknown(pki, issued):
    response = library.load_der_ocsp_response(
        pki.ocsp().respond(request(cert_id(pki.root, issued.serial_number)))
    )
    assert response.certificate_status is library.OCSPCertStatus.UNKNOWN


@pytest.mark.parametrize("role", [Role.ISSUING_CA, Role.OCSP_ROOT, Role.TRUSTED_LIST])
def test_the_roots_responder_knows_what_the_root_signed(pki, role):
    serial = pki.hierarchy.certificate(role).serial_number
    response = library.load_der_ocsp_response(
        pki.ocsp(ROOT).respond(request(cert_id(pki.root, serial)))
    )
    assert response.certificate_status is library.OCSPCertStatus.GOOD


def test_several_are_answered_in_order(pki, issued):
    wanted = [
        cert_id(pki.issuing, 7),
        cert_id(pki.issuing, issued.serial_number, "sha256"),
        cert_id(pki.issuing, issued.serial_number),
    ]
    answers = ocsp.OCSPResponse.load(pki.ocsp().respond(request(*wanted)), strict=True)
    answers = answers.response_data["responses"]
    assert [one["cert_status"].name for one in answers] == ["unknown", "good", "good"]
    assert [one["cert_id"].dump() for one in answers] == [one.dump() for one in wanted]


@pytest.mark.parametrize("length", [1, 16, 32])
def test_a_nonce_comes_back(pki, issued, length):
    response = parsed(pki, library_request(pki, issued, nonce=b"n" * length))
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * length


@pytest.mark.parametrize("length", [0, 33])
def test_a_nonce_of_another_length_is_malformed(pki, issued, length):
    der = library_request(pki, issued, nonce=b"n" * length)
    assert pki.ocsp().respond(der) == MALFORMED_REQUEST


def test_without_a_nonce_there_is_none(pki, issued):
    assert len(parsed(pki, library_request(pki, issued)).extensions) == 0


def unknown_extension(*, critical):
    return {
        "extn_id": "1.2.3.4",
        "critical": critical,
        "extn_value": core.ParsableOctetString(b"x"),
    }


def test_only_critical_unknown_extensions_matter(pki, issued):
    one = cert_id(pki.issuing, issued.serial_number)
    der = request(one, extensions=[unknown_extension(critical=False)])
    assert library.load_der_ocsp_response(pki.ocsp().respond(der)).certificate_status is (
        library.OCSPCertStatus.GOOD
    )
    der = request(one, extensions=[unknown_extension(critical=True)])
    assert pki.ocsp().respond(der) == MALFORMED_REQUEST


def test_bodies_that_are_no_request_are_malformed(pki, issued):
    whole = library_request(pki, issued, nonce=b"n" * 16)
    responder = pki.ocsp()
    bodies = [b"", b"hello", whole + b"\0", request(), *(whole[:n] for n in range(len(whole)))]
    assert {responder.respond(body) for body in bodies} == {MALFORMED_REQUEST}


def test_too_many_requests_in_one_are_malformed(pki):
    many = [cert_id(pki.issuing, serial) for serial in range(1, 18)]
    assert pki.ocsp().respond(request(*many)) == MALFORMED_REQUEST
    assert pki.ocsp().respond(request(*many[:-1])) != MALFORMED_REQUEST


def test_every_flipped_bit_of_a_request_is_answered(pki, issued):
    whole = library_request(pki, issued, nonce=b"n" * 16)
    responder = pki.ocsp()
    for at in range(len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 0x10
        status = library.load_der_ocsp_response(responder.respond(bytes(broken))).response_status
        assert status in {
            library.OCSPResponseStatus.SUCCESSFUL,
            library.OCSPResponseStatus.MALFORMED_REQUEST,
        }


@pytest.mark.parametrize(
    ("place", "error"),
    [
        pytest.param("certs.ocsp.sign", QSCDUnavailableError, id="hsm"),
        pytest.param(
            "signer.adapters.store.certificates.SQLCertificateStore.status",
            StoreUnavailableError,
            id="store",
        ),
    ],
)
def test_a_fault_of_ours_is_try_later(pki, issued, monkeypatch, place, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(place, fail)
    assert pki.ocsp().respond(library_request(pki, issued)) == TRY_LATER


@pytest.mark.parametrize("field", ["issuer_name_hash", "issuer_key_hash"])
def test_both_hashes_must_name_the_issuer(pki, issued, field):
    mixed = cert_id(pki.issuing, issued.serial_number)
    mixed[field] = cert_id(pki.root, issued.serial_number)[field]
    response = library.load_der_ocsp_response(pki.ocsp().respond(request(mixed)))
    assert response.certificate_status is library.OCSPCertStatus.UNKNOWN
