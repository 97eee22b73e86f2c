"""Fields of CMD clients open with any active key, and nothing tells an attacker why they do not."""

import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from api.cipher_keys import CipherKeyRotation
from hsm import SAMToken
from hsm.cipher_keys import REFRESH_SECONDS, CipherCertificate, PKCS11CipherKeys
from hsm.tokens import ServiceToken
from signer.domain.audit import AuditRecord
from signer.domain.errors import (
    ConfigurationError,
    ConflictError,
    NotFoundError,
    QSCDUnavailableError,
)
from tests.fixtures.clock import FixedClock
from tests.fixtures.tokens import Tokens

SIZE = 256


@pytest.fixture(scope="module")
def records() -> list[AuditRecord]:
    return []


@pytest.fixture(scope="module")
def rotation(
    tokens: Tokens, sam_token: SAMToken, records: list[AuditRecord]
) -> Iterator[CipherKeyRotation]:
    """Keys made for this module; all but one are gone afterwards, the token is everybody's."""
    made = CipherKeyRotation(
        keys=PKCS11CipherKeys(sam_token.token),
        token=tokens.sam,
        clock=FixedClock(datetime(2026, 5, 4, tzinfo=UTC)),
        common_name=lambda number: f"Chancela field encryption {number}",
        record=records.append,
    )
    yield made
    while len(made.keys.certificates()) > 1:
        made.retire(actor="tests")
    for number in made.keys.unpublished():
        made.destroy(number, actor="tests")


@pytest.fixture
def active(rotation: CipherKeyRotation) -> tuple[CipherCertificate, ...]:
    """Two or more, whatever the tests before did."""
    while len(rotation.keys.certificates()) < 2:
        rotation.add(actor="tests")
    return rotation.keys.certificates()


def public_key(certificate: CipherCertificate) -> rsa.RSAPublicKey:
    key = x509.load_der_x509_certificate(certificate.der).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def raw(key: rsa.RSAPublicKey, block: bytes) -> bytes:
    """Textbook RSA of a block of our choice."""
    numbers = key.public_numbers()
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(SIZE, "big")


@pytest.mark.parametrize("length", [0, 1, 4, 8, 245])
def test_either_active_key_opens_what_another_implementation_encrypted(rotation, active, length):
    for place, certificate in enumerate(active[:2]):
        message = os.urandom(length)
        ciphertext = public_key(certificate).encrypt(message, padding.PKCS1v15())
        candidates = rotation.keys.decrypt_all(ciphertext)
        assert len(candidates) == len(active)
        assert candidates[place] == message


def test_the_newest_key_is_published_first_and_signs_its_own_certificate(active):
    assert [one.number for one in active] == sorted((one.number for one in active), reverse=True)
    for one in active:
        certificate = x509.load_der_x509_certificate(one.der)
        certificate.verify_directly_issued_by(certificate)
        assert public_key(one).key_size == SIZE * 8
        assert certificate.subject.rfc4514_string() == f"CN=Chancela field encryption {one.number}"
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.key_encipherment, usage.digital_signature) == (True, False)


def test_every_key_is_tried_whatever_came_out_before(rotation, active, sam_token, monkeypatch):
    """One raw operation per active key, for right, wrong and impossible ciphertexts alike."""
    token = sam_token.token
    used: list[int] = []
    run = token.run
    rotation.keys.certificates()
    monkeypatch.setattr(token, "run", lambda operation: (used.append(1), run(operation))[1])
    good = [public_key(one).encrypt(b"1234", padding.PKCS1v15()) for one in active]
    for ciphertext in (*good, os.urandom(SIZE), bytes(SIZE), b"\xff" * SIZE, b"", b"\1" * 9):
        used.clear()
        assert len(rotation.keys.decrypt_all(ciphertext)) == len(active)
        assert len(used) == len(active)


def test_bad_padding_gives_stable_noise_not_an_error(rotation, active):
    key = public_key(active[0])
    bad = {
        "wrong type": b"\0\1" + bytes([7]) * (SIZE - 7) + b"\x001234",
        "no zero": b"\0\2" + bytes([7]) * (SIZE - 2),
        "early zero": b"\0\2" + bytes([7]) * 7 + b"\0" + bytes([7]) * (SIZE - 10),
        "first byte": b"\1\2" + bytes([7]) * (SIZE - 7) + b"\x001234",
        "noise": b"\0" + os.urandom(SIZE - 1),
    }
    for name, block in bad.items():
        ciphertext = raw(key, block)
        first = rotation.keys.decrypt_all(ciphertext)
        assert rotation.keys.decrypt_all(ciphertext) == first, name
        assert first[0] != b"1234", name
        assert first[0] not in block or first[0] == b"", name


@pytest.mark.parametrize("ciphertext", [b"", b"\0" * SIZE, b"\xff" * SIZE, b"\xff" * 10])
def test_ciphertexts_out_of_range_give_noise_too(rotation, active, ciphertext):
    assert len(rotation.keys.decrypt_all(ciphertext)) == len(active)


def test_rotation(
    rotation: CipherKeyRotation,
    active: tuple[CipherCertificate, ...],
    sam_token: SAMToken,
    records: list[AuditRecord],
):
    before = active
    time = itertools.count(0, REFRESH_SECONDS)
    elsewhere = PKCS11CipherKeys(sam_token.token, monotonic=lambda: next(time))
    assert elsewhere.certificates() == before

    added = rotation.add(actor="tests")
    assert added.number == before[0].number + 1
    assert elsewhere.certificates()[0] == added, "another process publishes it"

    with pytest.raises(ConflictError):
        rotation.destroy(before[-1].number, actor="tests")
    oldest = public_key(before[-1]).encrypt(b"1234", padding.PKCS1v15())
    assert b"1234" in elsewhere.decrypt_all(oldest)
    assert rotation.retire(actor="tests") == before[-1]
    assert b"1234" not in elsewhere.decrypt_all(oldest), "withdrawn: no longer tried"
    assert len(elsewhere.certificates()) == len(before)

    rotation.destroy(before[-1].number, actor="tests")
    assert before[-1].number not in rotation.keys.unpublished()
    with pytest.raises(NotFoundError):
        rotation.destroy(before[-1].number, actor="tests")
    seen = [(record.facts["changed"], record.facts["number"]) for record in records[-3:]]
    assert seen == [
        ("added", added.number),
        ("retired", before[-1].number),
        ("destroyed", before[-1].number),
    ]


def test_a_key_is_published_once_and_destroyed_only_after_it_was_withdrawn(rotation, active):
    number, keys = active[0].number, rotation.keys
    with pytest.raises(ConflictError):
        keys.publish(number, active[0].der)
    with pytest.raises(NotFoundError):
        keys.signer(9999)
    with pytest.raises(NotFoundError):
        keys.withdraw(9999)
    with pytest.raises(ConfigurationError, match="is published still"):
        rotation._device("destroy", number)  # noqa: SLF001 - past the rotation's own check
    assert keys.certificates() == active
    assert keys.sizes == {SIZE}


def test_without_a_key_nothing_is_decrypted(pki_token: ServiceToken):
    keys = PKCS11CipherKeys(pki_token.token)
    assert keys.certificates() == ()
    with pytest.raises(QSCDUnavailableError, match="no cipher key"):
        keys.decrypt_all(bytes(SIZE))


@pytest.mark.usefixtures("active")
def test_the_last_active_key_stays(rotation: CipherKeyRotation):
    while len(rotation.keys.certificates()) > 1:
        rotation.retire(actor="tests")
    with pytest.raises(ConflictError):
        rotation.retire(actor="tests")
    rotation.ensure(actor="tests")
    assert len(rotation.keys.certificates()) == 1
