"""Decrypts what programs of the native API encrypted to our published RSA keys (token ``sam``)."""

from typing import Final

from pkcs11 import Attribute, ObjectClass
from pkcs11.types import PublicKey

from hsm.keys import FIELD_DECRYPTION, FIELD_DECRYPTION_PREFIX
from hsm.public_keys import load_public_key
from hsm.raw_rsa import PublishedKey, decrypt_block, publish
from hsm.token import Token, TokenSession, having
from hsm.unpadding import unpad_oaep_sha256
from signer.domain.errors import InvalidRequestError, QSCDUnavailableError
from signer.domain.values import KeyAlgorithm

_ALGORITHM: Final = FIELD_DECRYPTION.algorithm or KeyAlgorithm.RSA_3072


class PKCS11FieldDecryptor:
    """The ``FieldDecryptor`` of token ``sam``: raw RSA in the HSM, unpadding here."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._published: tuple[PublishedKey, ...] = ()

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
        in_range, encoded = decrypt_block(self._token, key or self._keys()[0], ciphertext)
        valid, message = unpad_oaep_sha256(encoded)
        if not (usable & in_range & valid):
            msg = "an encrypted field does not decrypt with this key"
            raise InvalidRequestError(msg)
        return message

    def _keys(self) -> tuple[PublishedKey, ...]:
        if not self._published:
            self._published = self._token.run(_read_keys)
        return self._published


def _read_keys(session: TokenSession) -> tuple[PublishedKey, ...]:
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
    return tuple(publish(label, svd) for _, label, svd in sorted(found, reverse=True))
