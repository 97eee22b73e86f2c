"""Decrypts what client programs encrypted to our published RSA keys (token ``sam``)."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11 import Attribute, ObjectClass
from pkcs11.types import DecryptMixin, PublicKey

from hsm.keys import FIELD_DECRYPTION, FIELD_DECRYPTION_PREFIX
from hsm.public_keys import load_public_key, svd_der
from hsm.token import Token, TokenSession, having, whole
from hsm.unpadding import unpad_oaep_sha256, unpad_pkcs1v15
from signer.domain.errors import InvalidRequestError, QSCDUnavailableError
from signer.domain.values import KeyAlgorithm

_KEY_ID_BYTES: Final = 8
_ALGORITHM: Final = FIELD_DECRYPTION.algorithm or KeyAlgorithm.RSA_3072


@dataclass(frozen=True, slots=True)
class _PublishedKey:
    id: str
    label: str
    svd_der: bytes
    modulus: int

    @property
    def size(self) -> int:
        """Modulus length in bytes."""
        return (self.modulus.bit_length() + 7) // 8


class PKCS11FieldDecryptor:
    """The ``FieldDecryptor`` of token ``sam``: raw RSA in the HSM, unpadding here."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._published: tuple[_PublishedKey, ...] = ()
        self._rejection_key = secrets.token_bytes(32)

    def public_keys(self) -> tuple[tuple[str, bytes], ...]:
        """(key id, SubjectPublicKeyInfo DER), the current one first.

        The id is the first 8 bytes of the SHA-256 of the SubjectPublicKeyInfo, in hex.
        """
        return tuple((key.id, key.svd_der) for key in self._keys())

    def decrypt_oaep_sha256(self, key_id: str, ciphertext: bytes) -> bytes:
        """RSAES-OAEP (SHA-256, MGF1-SHA-256, no label).

        Raises InvalidRequestError, always the same, when it does not decrypt.
        """
        key = next((key for key in self._keys() if key.id == key_id), None)
        usable = key is not None
        in_range, encoded = self._raw(key or self._keys()[0], ciphertext)
        valid, message = unpad_oaep_sha256(encoded)
        if not (usable & in_range & valid):
            msg = "an encrypted field does not decrypt with this key"
            raise InvalidRequestError(msg)
        return message

    def decrypt_pkcs1v15_all(self, ciphertext: bytes) -> tuple[bytes, ...]:
        """RSAES-PKCS1-v1_5 with every active key: one candidate per key, the current one first.

        A key for which the padding is wrong gives random bytes (implicit rejection), the same for
        the same ciphertext; the caller keeps the candidate that parses, else refuses.
        """
        return tuple(self._candidate(key, ciphertext) for key in self._keys())

    def _candidate(self, key: _PublishedKey, ciphertext: bytes) -> bytes:
        in_range, encoded = self._raw(key, ciphertext)
        substitute = self._substitute(key, ciphertext)
        # An out-of-range ciphertext is rejected by breaking the first byte, with the same work.
        return unpad_pkcs1v15(bytes([encoded[0] | (1 - in_range)]) + encoded[1:], substitute)

    def _substitute(self, key: _PublishedKey, ciphertext: bytes) -> bytes:
        seed = hmac.digest(self._rejection_key, key.id.encode() + ciphertext, "sha256")
        return hashlib.shake_256(seed).digest(key.size)

    def _raw(self, key: _PublishedKey, ciphertext: bytes) -> tuple[bool, bytes]:
        """Raw RSA; a ciphertext out of range is replaced, so that the HSM always works."""
        number = int.from_bytes(ciphertext, "big")
        in_range = len(ciphertext) == key.size and 1 < number < key.modulus - 1
        given = ciphertext if in_range else secrets.token_bytes(key.size - 1).rjust(key.size, b"\0")
        mechanism = self._token.profile.rsa_raw
        block = self._token.run(
            lambda session: session.key(ObjectClass.PRIVATE_KEY, key.label, DecryptMixin).decrypt(
                given, mechanism=mechanism
            )
        )
        # Some modules drop leading zeros of the block.
        return in_range, whole(block).rjust(key.size, b"\0")

    def _keys(self) -> tuple[_PublishedKey, ...]:
        if not self._published:
            self._published = self._token.run(_read_keys)
        return self._published


def _read_keys(session: TokenSession) -> tuple[_PublishedKey, ...]:
    objects = session.raw.get_objects(
        {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.TOKEN: True}
    )
    found = []
    for candidate in objects:
        label = having(candidate, PublicKey).label
        if label.startswith(FIELD_DECRYPTION_PREFIX):
            number = int(label.removeprefix(FIELD_DECRYPTION_PREFIX))
            found.append((number, label, load_public_key(having(candidate, PublicKey), _ALGORITHM)))
    if not found:
        msg = f"the token has no key {FIELD_DECRYPTION.label}"
        raise QSCDUnavailableError(msg)
    return tuple(_publish(label, svd) for _, label, svd in sorted(found, reverse=True))


def _publish(label: str, svd: object) -> _PublishedKey:
    if not isinstance(svd, rsa.RSAPublicKey):
        raise QSCDUnavailableError
    der = svd_der(svd)
    key_id = hashlib.sha256(der).digest()[:_KEY_ID_BYTES].hex()
    return _PublishedKey(key_id, label, der, svd.public_numbers().n)
