"""The device makes keys nobody sees and signs exactly what was granted."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Attribute, ObjectClass

from hsm import SAMToken
from signer.adapters.signature_check import verifies
from signer.domain.bindings import KeyScope, Stage
from signer.domain.errors import IntegrityAlarmError, InvalidRequestError
from signer.domain.values import DigestAlgorithm, KeyAlgorithm, SignatureAlgorithm
from tests.fixtures.keys import StoredKey, fresh_dtbsrs, store_key, verify

QUICK = [KeyAlgorithm.P_256, KeyAlgorithm.P_384, KeyAlgorithm.RSA_3072]
StoredKeys = Callable[[KeyAlgorithm], StoredKey]


def objects(sam: SAMToken) -> int:
    """How many secret and private objects the process sees, session and token ones."""

    def count(session) -> int:
        kinds = (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY)
        return sum(len(list(session.raw.get_objects({Attribute.CLASS: k}))) for k in kinds)

    return sam.token.run(count)


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_a_new_key_proves_possession_with_an_empty_subject(
    sam_token: SAMToken, algorithm: KeyAlgorithm
):
    made = sam_token.qscd.create_key(algorithm)
    csr = x509.load_der_x509_csr(made.csr_der)
    assert csr.is_signature_valid
    assert list(csr.subject) == []
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    assert csr.public_key().public_bytes(serialization.Encoding.DER, spki) == made.svd_der
    key = csr.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        assert f"rsa-{key.key_size}" == algorithm
        assert key.public_numbers().e == 65537
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert f"p-{key.curve.key_size}" == algorithm


@pytest.mark.parametrize("algorithm", QUICK)
@pytest.mark.parametrize("digest", list(DigestAlgorithm))
def test_every_digest_is_signed_and_verifies(
    sam_token: SAMToken, stored_key: StoredKeys, algorithm: KeyAlgorithm, digest: DigestAlgorithm
):
    stored, dtbsrs = stored_key(algorithm), fresh_dtbsrs(3, digest)
    values = sam_token.qscd.sign(stored.authorisation(dtbsrs))
    assert len(values) == 3
    for dtbsr, value in zip(dtbsrs, values, strict=True):
        verify(stored.key.svd_der, dtbsr, value)


@pytest.mark.parametrize("digest", list(DigestAlgorithm))
@pytest.mark.parametrize("count", [1, 9])
def test_pss_is_signed_when_the_authorisation_says_so(
    sam_token: SAMToken, stored_key: StoredKeys, digest: DigestAlgorithm, count: int
):
    stored, dtbsrs = stored_key(KeyAlgorithm.RSA_3072), fresh_dtbsrs(count, digest)
    algorithm = SignatureAlgorithm.of(KeyAlgorithm.RSA_3072, digest, pss=True)
    values = sam_token.qscd.sign(stored.authorisation(dtbsrs, algorithm=algorithm))
    plain = SignatureAlgorithm.of(KeyAlgorithm.RSA_3072, digest)
    for dtbsr, value in zip(dtbsrs, values, strict=True):
        assert verifies(stored.key.svd_der, algorithm, dtbsr.value, value)
        assert not verifies(stored.key.svd_der, plain, dtbsr.value, value)


def test_pss_needs_an_rsa_key():
    with pytest.raises(InvalidRequestError):
        SignatureAlgorithm.of(KeyAlgorithm.P_256, DigestAlgorithm.SHA256, pss=True)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 25])
def test_a_batch_spread_over_sessions_keeps_its_order(
    sam_token: SAMToken, stored_key: StoredKeys, count: int
):
    stored, dtbsrs = stored_key(KeyAlgorithm.RSA_3072), fresh_dtbsrs(count)
    values = sam_token.qscd.sign(stored.authorisation(dtbsrs))
    for dtbsr, value in zip(dtbsrs, values, strict=True):
        verify(stored.key.svd_der, dtbsr, value)


def test_an_authorisation_signs_once(sam_token: SAMToken, stored_key: StoredKeys):
    authorisation = stored_key(KeyAlgorithm.P_256).authorisation()
    sam_token.qscd.sign(authorisation)
    with pytest.raises(TypeError, match="once"):
        sam_token.qscd.sign(authorisation)


def test_a_failed_authorisation_is_spent_too(sam_token: SAMToken, stored_key: StoredKeys):
    authorisation = stored_key(KeyAlgorithm.P_256).authorisation(activation=os.urandom(32))
    with pytest.raises(IntegrityAlarmError):
        sam_token.qscd.sign(authorisation)
    with pytest.raises(TypeError, match="once"):
        sam_token.qscd.sign(authorisation)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"credential": "other"}, id="credential"),
        pytest.param({"tenant": "other"}, id="tenant"),
        pytest.param({"aad": b"other"}, id="aad"),
    ],
)
def test_a_blob_in_a_foreign_row_does_not_open(
    sam_token: SAMToken, stored_key: StoredKeys, change: dict[str, object]
):
    stored = stored_key(KeyAlgorithm.P_256)
    moved = replace(stored, key=replace(stored.key, **change))
    with pytest.raises(IntegrityAlarmError):
        sam_token.qscd.sign(moved.authorisation())


def test_two_users_blobs_cannot_be_swapped(sam_token: SAMToken):
    one = store_key(sam_token, KeyAlgorithm.P_256, credential="one")
    two = store_key(sam_token, KeyAlgorithm.P_256, credential="two")
    swapped = replace(one, key=replace(one.key, blob=two.key.blob))
    with pytest.raises(IntegrityAlarmError):
        sam_token.qscd.sign(swapped.authorisation())


def test_a_sealed_blob_that_is_no_wrapping_raises_the_alarm(
    sam_token: SAMToken, stored_key: StoredKeys
):
    stored = stored_key(KeyAlgorithm.P_256)
    scope = KeyScope(Stage.KEY, stored.key.tenant, stored.key.credential)
    forged = sam_token.vault.seal(scope, stored.activation, os.urandom(80), aad=stored.key.aad)
    moved = replace(stored, key=replace(stored.key, blob=forged))
    with pytest.raises(IntegrityAlarmError):
        sam_token.qscd.sign(moved.authorisation())


def test_nothing_is_left_behind(sam_token: SAMToken, stored_key: StoredKeys):
    stored, rsa_key = stored_key(KeyAlgorithm.P_256), stored_key(KeyAlgorithm.RSA_3072)
    sam_token.health.check()
    before = objects(sam_token)
    sam_token.qscd.create_key(KeyAlgorithm.P_256)
    sam_token.qscd.sign(stored.authorisation())
    sam_token.qscd.sign(rsa_key.authorisation(fresh_dtbsrs(20)))
    sam_token.vault.seal(KeyScope(Stage.PIN, "t", "c"), b"x", b"y", aad=b"")
    assert objects(sam_token) == before


def test_a_refused_blob_leaves_nothing_behind(sam_token: SAMToken, stored_key: StoredKeys):
    before = objects(sam_token)
    with pytest.raises(IntegrityAlarmError):
        sam_token.qscd.sign(stored_key(KeyAlgorithm.P_256).authorisation(activation=os.urandom(32)))
    assert objects(sam_token) == before


def test_a_failing_signature_leaves_nothing_behind(
    sam_token: SAMToken, stored_key: StoredKeys, monkeypatch: pytest.MonkeyPatch
):
    import hsm.qscd

    before = objects(sam_token)

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hsm.qscd, "sign_one", fail)
    for count in (1, 20):
        authorisation = stored_key(KeyAlgorithm.RSA_3072).authorisation(fresh_dtbsrs(count))
        with pytest.raises(KeyboardInterrupt):
            sam_token.qscd.sign(authorisation)
    monkeypatch.undo()
    assert objects(sam_token) == before


def test_the_unwrapped_key_can_only_sign(sam_token: SAMToken):
    from hsm.qscd import unwrapped

    made = sam_token.qscd.create_key(KeyAlgorithm.P_256)

    def read(session) -> dict[Attribute, object]:
        profile = sam_token.token.profile
        with unwrapped(session, profile, KeyAlgorithm.P_256, made.wrapped) as key:
            return {
                name: key[name]
                for name in (
                    Attribute.TOKEN,
                    Attribute.PRIVATE,
                    Attribute.SENSITIVE,
                    Attribute.EXTRACTABLE,
                    Attribute.SIGN,
                    Attribute.DECRYPT,
                    Attribute.UNWRAP,
                    Attribute.DERIVE,
                )
            }

    yes, no = True, False
    assert list(sam_token.token.run(read).values()) == [no, yes, yes, no, yes, no, no, no]
