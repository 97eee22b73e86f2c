"""Decrypts the fields of CMD clients: RSA-2048, PKCS #1 v1.5, several keys active at once.

A key is active as long as its certificate lies beside it in the token: withdrawing the certificate
ends publishing and use in every process within :data:`REFRESH_SECONDS`, and only then is the key
destroyed, so that no process stumbles over a handle that went away.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11 import Attribute, ObjectClass
from pkcs11.types import PublicKey

from hsm.keys import CIPHER_KEY_BITS, CIPHER_PREFIX
from hsm.private_keys import HSMRSAPrivateKey
from hsm.public_keys import load_public_key
from hsm.raw_rsa import PublishedKey, decrypt_block, private_operation, publish
from hsm.token import Token, TokenSession, having
from hsm.unpadding import unpad_pkcs1v15
from signer.domain.errors import ConflictError, NotFoundError, QSCDUnavailableError
from signer.domain.values import KeyAlgorithm

REFRESH_SECONDS: Final = 30.0

Number = int


@dataclass(frozen=True, slots=True)
class CipherCertificate:
    """A key that clients may encrypt to now."""

    number: Number
    """Counts up; the highest is the one to publish."""
    key_id: str
    """First 8 bytes of the SHA-256 of the SubjectPublicKeyInfo, in hex."""
    der: bytes


@dataclass(frozen=True, slots=True)
class _Active:
    key: PublishedKey
    certificate: CipherCertificate


class PKCS11CipherKeys:
    """The ``CipherKeys`` of token ``sam``: raw RSA in the HSM, unpadding here."""

    def __init__(self, token: Token, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._token = token
        self._monotonic = monotonic
        self._active: tuple[_Active, ...] = ()
        self._read_at = 0.0
        self._rejection_key = secrets.token_bytes(32)

    def certificates(self) -> tuple[CipherCertificate, ...]:
        """Of all active keys, the current one first; empty before the first key was made."""
        return tuple(one.certificate for one in self._keys())

    @property
    def sizes(self) -> frozenset[int]:
        """Ciphertext lengths in bytes that the active keys take."""
        return frozenset({CIPHER_KEY_BITS // 8})

    def decrypt_all(self, ciphertext: bytes) -> tuple[bytes, ...]:
        """RSAES-PKCS1-v1_5 with every active key: one candidate per key, the current one first.

        A key for which the padding is wrong gives random bytes (implicit rejection), the same for
        the same ciphertext; the caller keeps the candidate that parses, else refuses.  Every key
        is tried whatever came out before.  Raises QSCDUnavailableError, also without any key.
        """
        active = self._keys()
        if not active:
            msg = "there is no cipher key.  Fix: run ./chancela cipher add"
            raise QSCDUnavailableError(msg)
        return tuple(self._candidate(one.key, ciphertext) for one in active)

    def unpublished(self) -> tuple[Number, ...]:
        """Numbers of keys in the token without a certificate: new, or withdrawn."""
        made, certificates = self._token.run(_read_token)
        return tuple(sorted(made.keys() - certificates.keys()))

    def signer(self, number: Number) -> HSMRSAPrivateKey:
        """The key as it signs its own certificate, with the raw operation it decrypts with.

        Raises NotFoundError.
        """
        made, _ = self._token.run(_read_token)
        if number not in made:
            raise NotFoundError(f"there is no cipher key {number}")
        key = made[number]
        svd = _public_key(key)

        def sign(digest_info: bytes) -> bytes:
            padding = b"\xff" * (key.size - 3 - len(digest_info))
            return private_operation(self._token, key, b"\0\1" + padding + b"\0" + digest_info)

        return HSMRSAPrivateKey(lambda: svd, sign)

    def publish(self, number: Number, certificate_der: bytes) -> None:
        """Lay the key's certificate beside it: active from now on.  Raises ConflictError."""
        made, certificates = self._token.run(_read_token)
        if number not in made or number in certificates:
            raise ConflictError(f"cipher key {number} is missing or published already")
        self._token.change(
            lambda session: session.raw.create_object(
                {
                    Attribute.CLASS: ObjectClass.DATA,
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: True,
                    Attribute.MODIFIABLE: False,
                    Attribute.LABEL: f"{CIPHER_PREFIX}{number}",
                    Attribute.VALUE: certificate_der,
                }
            )
        )
        self._active = ()

    def withdraw(self, number: Number) -> None:
        """Take the certificate away: no longer published, no longer tried.  Raises NotFoundError.

        The last active key stays: raises ConflictError.
        """
        numbers = [one.certificate.number for one in self._read()]
        if number not in numbers:
            raise NotFoundError(f"cipher key {number} is not active")
        if len(numbers) == 1:
            raise ConflictError("the last active cipher key stays; add one first")

        def destroy(session: TokenSession) -> None:
            for found in session.raw.get_objects(
                {
                    Attribute.CLASS: ObjectClass.DATA,
                    Attribute.TOKEN: True,
                    Attribute.LABEL: f"{CIPHER_PREFIX}{number}",
                }
            ):
                found.destroy()

        self._token.change(destroy)
        self._active = ()

    def _candidate(self, key: PublishedKey, ciphertext: bytes) -> bytes:
        in_range, encoded = decrypt_block(self._token, key, ciphertext)
        substitute = self._substitute(key, ciphertext)
        # An out-of-range ciphertext is rejected by breaking the first byte, with the same work.
        return unpad_pkcs1v15(bytes([encoded[0] | (1 - in_range)]) + encoded[1:], substitute)

    def _substitute(self, key: PublishedKey, ciphertext: bytes) -> bytes:
        seed = hmac.digest(self._rejection_key, key.id.encode() + ciphertext, "sha256")
        return hashlib.shake_256(seed).digest(key.size)

    def _keys(self) -> tuple[_Active, ...]:
        if not self._active or self._monotonic() - self._read_at >= REFRESH_SECONDS:
            active = self._read()
            self._read_at = self._monotonic()
            self._active = active
            return active
        return self._active

    def _read(self) -> tuple[_Active, ...]:
        made, certificates = self._token.run(_read_token)
        return tuple(
            _Active(made[number], CipherCertificate(number, made[number].id, certificates[number]))
            for number in sorted(made.keys() & certificates.keys(), reverse=True)
        )


def _read_token(
    session: TokenSession,
) -> tuple[Mapping[Number, PublishedKey], Mapping[Number, bytes]]:
    """Keys and certificates by number."""
    keys: dict[Number, PublishedKey] = {}
    for found in session.raw.get_objects(
        {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.TOKEN: True}
    ):
        label = having(found, PublicKey).label
        if label.startswith(CIPHER_PREFIX):
            svd = load_public_key(
                having(found, PublicKey), KeyAlgorithm.RSA_3072, bits=CIPHER_KEY_BITS
            )
            keys[_number(label)] = publish(label, svd)
    certificates: dict[Number, bytes] = {}
    for found in session.raw.get_objects(
        {Attribute.CLASS: ObjectClass.DATA, Attribute.TOKEN: True}
    ):
        label = str(found[Attribute.LABEL])
        if label.startswith(CIPHER_PREFIX):
            certificates[_number(label)] = bytes(found[Attribute.VALUE])
    return keys, certificates


def _number(label: str) -> Number:
    return int(label.removeprefix(CIPHER_PREFIX))


def _public_key(key: PublishedKey) -> rsa.RSAPublicKey:
    loaded = serialization.load_der_public_key(key.svd_der)
    if not isinstance(loaded, rsa.RSAPublicKey):
        raise QSCDUnavailableError
    return loaded
