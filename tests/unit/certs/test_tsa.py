"""The time-stamping authority: what it grants, what it rejects and how."""

import concurrent.futures
import hashlib
import secrets

import pytest
from asn1crypto import algos, core, tsp
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.setup import Role
from certs.timestamp_verifier import (
    Expected,
    TimestampRefusedError,
    TokenVerifier,
    _TimeStampResp,
    parse_token,
)
from certs.tsa import LocalTimestampAuthority, TimeStampingUnit, request_der
from signer.domain.errors import QSCDUnavailableError, TimestampUnavailableError
from signer.domain.values import Digest, DigestAlgorithm

DIGEST = Digest.of(DigestAlgorithm.SHA256, b"document")


def request(**changes):
    fields = {
        "version": "v1",
        "message_imprint": {
            "hash_algorithm": {"algorithm": "sha256"},
            "hashed_message": DIGEST.value,
        },
        "cert_req": True,
    }
    return tsp.TimeStampReq({**fields, **changes}).dump()


def answer(pki, der):
    return _TimeStampResp.load(pki.unit.respond(der), strict=True)


def failure(response):
    assert response["status"]["status"].native == "rejection"
    assert isinstance(response["time_stamp_token"], core.Void)
    return response["status"]["fail_info"].native


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_a_digest_is_stamped_and_verifies(pki, clock, algorithm):
    digest = Digest.of(algorithm, b"document")
    token = pki.tsa.stamp(digest)
    assert token.generated_at == clock.now()
    checked = TokenVerifier([pki.root]).verify_token(
        token.der,
        Expected(digest=digest, nonce=parse_token(token.der).info["nonce"].native),
        clock.now(),
    )
    assert checked == token


def test_tokens_carry_what_en_319_422_asks(pki):
    token = parse_token(pki.tsa.stamp(DIGEST).der)
    assert token.info["policy"].dotted == pki.country.policies.time_stamp
    assert token.info["accuracy"]["seconds"].native == 1
    assert token.info["ordering"].native is False
    assert [a["type"].native for a in token.signer["signed_attrs"]].count(
        "signing_certificate_v2"
    ) == 1


def test_the_tsus_certificate_is_for_time_stamping_alone(pki):
    usage = pki.hierarchy.certificate(Role.TSA).extensions.get_extension_for_class(
        x509.ExtendedKeyUsage
    )
    assert usage.critical
    assert list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def test_a_request_without_nonce_gets_a_token_without(pki):
    response = answer(pki, request())
    assert response["status"]["status"].native == "granted"
    assert parse_token(response["time_stamp_token"].dump()).info["nonce"].native is None


@pytest.mark.parametrize("nonce", [0, 1, 2**64 + 1, 2**159])
def test_the_nonce_comes_back(pki, nonce):
    response = answer(pki, request(nonce=nonce))
    assert parse_token(response["time_stamp_token"].dump()).info["nonce"].native == nonce


@pytest.mark.parametrize("wanted", [True, False])
def test_certificates_travel_only_when_asked_for(pki, wanted):
    response = answer(pki, request(cert_req=wanted))
    certificates = parse_token(response["time_stamp_token"].dump()).signed_data["certificates"]
    assert (not isinstance(certificates, core.Void)) is wanted


def test_our_own_policy_may_be_asked_for(pki):
    response = answer(pki, request(req_policy=pki.country.policies.time_stamp))
    assert response["status"]["status"].native == "granted"


def sha1_imprint():
    return {
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha1"}),
        "hashed_message": hashlib.sha1(b"", usedforsecurity=False).digest(),
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"message_imprint": sha1_imprint()}, "bad_alg", id="sha-1"),
        pytest.param(
            {
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": b"short",
                }
            },
            "bad_data_format",
            id="imprint-length",
        ),
        pytest.param({"req_policy": "1.2.3.4"}, "unaccepted_policy", id="policy"),
        pytest.param(
            {
                "extensions": [
                    {"extn_id": "1.2.3.4", "critical": False, "extn_value": core.OctetString(b"x")}
                ]
            },
            "unaccepted_extensions",
            id="extension",
        ),
        pytest.param({"version": 2}, "bad_request", id="version"),
    ],
)
def test_what_is_not_served_is_rejected_for_its_reason(pki, changes, expected):
    assert failure(answer(pki, request(**changes))) == {expected}


@pytest.mark.parametrize(
    "der",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
        pytest.param(request()[:-1], id="cut"),
        pytest.param(request() + b"\x00", id="trailing"),
        pytest.param(b"\x30\x80" + request()[2:] + b"\x00\x00", id="indefinite"),
        pytest.param(b"\x30\x84\xff\xff\xff\xff", id="huge-length"),
        pytest.param(b"\x30\x81\x03\x02\x01\x01", id="long-form-length"),
    ],
)
def test_what_is_no_request_is_bad_data_format(pki, der):
    assert failure(answer(pki, der)) == {"bad_data_format"}


def test_every_cut_of_a_request_is_answered(pki):
    whole = request(nonce=secrets.randbits(64), req_policy="1.2.3")
    for length in range(len(whole)):
        assert failure(answer(pki, whole[:length])) == {"bad_data_format"}


def test_serial_numbers_are_unique_between_threads(pki):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: pki.tsa.stamp(DIGEST).der, range(64)))
    serials = {parse_token(der).info["serial_number"].native for der in tokens}
    assert len(serials) == 64
    assert min(serials) > 0


def test_a_silent_key_is_a_system_failure_and_no_timestamp(pki, monkeypatch):
    def silent(*_):
        raise QSCDUnavailableError

    monkeypatch.setattr("certs.tsa.sign", silent)
    assert failure(answer(pki, request())) == {"system_failure"}
    with pytest.raises(TimestampUnavailableError):
        pki.tsa.stamp(DIGEST)


def test_a_token_of_another_key_is_never_given_out(pki, clock, software_pki_keys):
    wrong = TimeStampingUnit(
        software_pki_keys[Role.OCSP_ISSUING],
        pki.hierarchy.certificate(Role.TSA),
        (),
        pki.country.policies.time_stamp,
        clock,
    )
    with pytest.raises(TimestampUnavailableError):
        LocalTimestampAuthority(wrong).stamp(DIGEST)


def test_the_request_we_send_says_what_is_wanted():
    sent = tsp.TimeStampReq.load(request_der(DIGEST, 7, "1.2.3"), strict=True)
    assert sent["message_imprint"]["hash_algorithm"]["algorithm"].native == "sha256"
    assert sent["message_imprint"]["hashed_message"].native == DIGEST.value
    assert sent["req_policy"].dotted == "1.2.3"
    assert sent["nonce"].native == 7
    assert sent["cert_req"].native is True


def test_the_verifier_wants_what_was_asked(pki, clock):
    verifier = TokenVerifier([pki.root])
    response = pki.unit.respond(request_der(DIGEST, 7))
    other = Digest.of(DigestAlgorithm.SHA256, b"other")
    for expected, reason in (
        (Expected(digest=other, nonce=7), "digest"),
        (Expected(digest=DIGEST, nonce=8), "nonce"),
        (Expected(digest=DIGEST, nonce=None), "nonce"),
        (Expected(digest=DIGEST, nonce=7, policy="1.2.3"), "policy"),
    ):
        with pytest.raises(TimestampRefusedError, match=reason):
            verifier.verify_response(response, expected, clock.now())


def test_the_verifier_refuses_every_flipped_bit_of_the_signature_and_info(pki, clock):
    der = pki.unit.respond(request_der(DIGEST, 7))
    verifier = TokenVerifier([pki.root])
    token = parse_token(
        verifier.verify_response(der, Expected(digest=DIGEST, nonce=7), clock.now()).der
    )
    for part in (token.signer["signature"].native, token.info_der):
        at = der.index(part)
        for offset in range(0, len(part), 7):
            broken = bytearray(der)
            broken[at + offset] ^= 1
            with pytest.raises(TimestampRefusedError):
                verifier.verify_response(
                    bytes(broken), Expected(digest=DIGEST, nonce=7), clock.now()
                )
