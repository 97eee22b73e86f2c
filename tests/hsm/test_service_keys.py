"""The service's keys work wherever ``cryptography`` takes a private key."""

import copy
import datetime as dt
import threading
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from hsm import SAMToken
from hsm.private_keys import HSMECPrivateKey, HSMRSAPrivateKey
from hsm.service_keys import ServiceKey, ServiceKeys
from signer.domain.errors import ConfigurationError

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TESTE")])
START, END = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
PKI = [key for key in ServiceKey if key not in {ServiceKey.ROOT_CA, ServiceKey.AUDIT}]
DIGESTS = [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]


def self_signed(key: HSMRSAPrivateKey | HSMECPrivateKey) -> x509.Certificate:
    builder = x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(START).not_valid_after(END)
    return builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize("name", PKI)
def test_every_key_signs_a_certificate(pki_keys: ServiceKeys, name: ServiceKey):
    certificate = self_signed(pki_keys.key(name))
    certificate.verify_directly_issued_by(certificate)


def test_the_root_key_lives_in_the_root_token_only(root_keys: ServiceKeys, pki_keys: ServiceKeys):
    certificate = self_signed(root_keys.rsa(ServiceKey.ROOT_CA))
    certificate.verify_directly_issued_by(certificate)
    with pytest.raises(ConfigurationError, match="root"):
        pki_keys.key(ServiceKey.ROOT_CA)
    with pytest.raises(ConfigurationError, match="sam"):
        pki_keys.key(ServiceKey.AUDIT)


@pytest.mark.parametrize("name", [ServiceKey.ISSUING_CA, ServiceKey.ATTRIBUTE_AUTHORITY])
def test_requests_lists_and_answers_are_signed(pki_keys: ServiceKeys, name: ServiceKey):
    key = pki_keys.key(name)
    certificate = self_signed(key)
    csr = x509.CertificateSigningRequestBuilder().subject_name(NAME).sign(key, hashes.SHA256())
    assert csr.is_signature_valid
    crl = x509.CertificateRevocationListBuilder().issuer_name(NAME)
    crl = crl.last_update(START).next_update(END).sign(key, hashes.SHA256())
    assert crl.is_signature_valid(key.public_key())
    answer = ocsp.OCSPResponseBuilder().add_response(
        certificate, certificate, hashes.SHA256(), ocsp.OCSPCertStatus.GOOD, START, END, None, None
    )
    response = answer.responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
    signed = response.sign(key, hashes.SHA256())
    assert signed.signature
    if isinstance(key, HSMRSAPrivateKey):
        key.public_key().verify(
            signed.signature, signed.tbs_response_bytes, padding.PKCS1v15(), hashes.SHA256()
        )
    else:
        algorithm = ec.ECDSA(hashes.SHA256())
        key.public_key().verify(signed.signature, signed.tbs_response_bytes, algorithm)


@pytest.mark.parametrize("digest", DIGESTS, ids=lambda digest: digest.name)
@pytest.mark.parametrize("prehashed", [False, True], ids=["message", "digest"])
def test_both_kinds_sign_every_digest(
    pki_keys: ServiceKeys, digest: hashes.HashAlgorithm, *, prehashed: bool
):
    message = b"message"
    state = hashes.Hash(digest)
    state.update(message)
    data = state.finalize() if prehashed else message
    given = utils.Prehashed(digest) if prehashed else digest
    rsa_key = pki_keys.rsa(ServiceKey.TSA)
    value = rsa_key.sign(data, padding=padding.PKCS1v15(), algorithm=given)
    rsa_key.public_key().verify(value, message, padding.PKCS1v15(), digest)
    ec_key = pki_keys.ec(ServiceKey.ATTRIBUTE_AUTHORITY)
    value = ec_key.sign(data, signature_algorithm=ec.ECDSA(given))
    ec_key.public_key().verify(value, message, ec.ECDSA(digest))


def test_key_sizes_are_those_of_the_table(pki_keys: ServiceKeys, sam_token: SAMToken):
    for name in PKI:
        key = pki_keys.key(name)
        assert key.key_size == (256 if name is ServiceKey.ATTRIBUTE_AUTHORITY else 3072)
    assert isinstance(sam_token.audit_key.curve, ec.SECP256R1)


def _refusals(key: HSMRSAPrivateKey, other: HSMECPrivateKey) -> dict[str, Callable[[], object]]:
    sha1 = hashes.SHA1()  # noqa: S303 - it is refused
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return {
        "rsa sha1": lambda: key.sign(b"", padding.PKCS1v15(), sha1),
        "rsa pss": lambda: key.sign(b"", pss, hashes.SHA256()),
        "rsa bare": lambda: key.sign(b"", padding.PKCS1v15(), utils.NoDigestInfo()),
        "rsa numbers": key.private_numbers,
        "rsa bytes": lambda: key.private_bytes(pem, pkcs8, serialization.NoEncryption()),
        "rsa decrypt": lambda: key.decrypt(b"", padding.PKCS1v15()),
        "ec sha1": lambda: other.sign(b"", ec.ECDSA(sha1)),
        "ec numbers": other.private_numbers,
        "ec bytes": lambda: other.private_bytes(pem, pkcs8, serialization.NoEncryption()),
        "ec exchange": lambda: other.exchange(ec.ECDH(), other.public_key()),
    }


@pytest.mark.parametrize(
    "call",
    [
        *("rsa sha1", "rsa pss", "rsa bare", "rsa numbers", "rsa bytes", "rsa decrypt"),
        *("ec sha1", "ec numbers", "ec bytes", "ec exchange"),
    ],
)
def test_anything_but_signing_is_refused(pki_keys: ServiceKeys, call: str):
    refusals = _refusals(pki_keys.rsa(ServiceKey.TSA), pki_keys.ec(ServiceKey.ATTRIBUTE_AUTHORITY))
    with pytest.raises(UnsupportedAlgorithm):
        refusals[call]()


def test_a_digest_of_the_wrong_length_is_refused(pki_keys: ServiceKeys):
    with pytest.raises(ValueError, match="32 bytes"):
        pki_keys.rsa(ServiceKey.TSA).sign(
            b"short", padding.PKCS1v15(), utils.Prehashed(hashes.SHA256())
        )


def test_a_copy_is_the_key_itself(pki_keys: ServiceKeys):
    for name in (ServiceKey.TSA, ServiceKey.ATTRIBUTE_AUTHORITY):
        key = pki_keys.key(name)
        assert copy.copy(key) is key
        assert copy.deepcopy(key) is key


def test_kinds_are_not_mixed_up(pki_keys: ServiceKeys):
    with pytest.raises(ConfigurationError):
        pki_keys.ec(ServiceKey.TSA)
    with pytest.raises(ConfigurationError):
        pki_keys.rsa(ServiceKey.ATTRIBUTE_AUTHORITY)


def test_one_key_signs_from_many_threads(pki_keys: ServiceKeys):
    key, failures = pki_keys.rsa(ServiceKey.TSA), []

    def work() -> None:
        try:
            for number in range(10):
                message = str(number).encode()
                value = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
                key.public_key().verify(value, message, padding.PKCS1v15(), hashes.SHA256())
        except Exception as failure:  # noqa: BLE001 - collected and shown
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_public_key_is_asked_for_once(pki_keys: ServiceKeys):
    key = pki_keys.rsa(ServiceKey.TSA)
    assert key.public_key() is key.public_key()
    assert isinstance(key.public_key(), rsa.RSAPublicKey)
