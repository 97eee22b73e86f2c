"""The raw RSA operation on a token's decryption keys; padding is never the HSM's business."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11 import ObjectClass
from pkcs11.types import DecryptMixin

from hsm.public_keys import svd_der
from hsm.token import Token, whole
from signer.domain.errors import QSCDUnavailableError

_KEY_ID_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """The public half of a decryption key; ``id`` is hex of 8 bytes of the key's SHA-256."""

    id: str
    label: str
    svd_der: bytes
    modulus: int

    @property
    def size(self) -> int:
        """Modulus length in bytes."""
        return (self.modulus.bit_length() + 7) // 8


def publish(label: str, svd: object) -> PublishedKey:
    """Describe a key read from the token; raises QSCDUnavailableError when it is not RSA."""
    if not isinstance(svd, rsa.RSAPublicKey):
        raise QSCDUnavailableError
    der = svd_der(svd)
    key_id = hashlib.sha256(der).digest()[:_KEY_ID_BYTES].hex()
    return PublishedKey(key_id, label, der, svd.public_numbers().n)


def private_operation(token: Token, key: PublishedKey, block: bytes) -> bytes:
    """``block`` to the private exponent, as long as the modulus; ``block`` must be in range."""
    mechanism = token.profile.rsa_raw
    output = token.run(
        lambda session: session.key(ObjectClass.PRIVATE_KEY, key.label, DecryptMixin).decrypt(
            block, mechanism=mechanism
        )
    )
    # Some modules drop leading zeros of the block.
    return whole(output).rjust(key.size, b"\0")


def decrypt_block(token: Token, key: PublishedKey, ciphertext: bytes) -> tuple[bool, bytes]:
    """(in range, padded block): a ciphertext out of range is replaced, so the HSM always works."""
    number = int.from_bytes(ciphertext, "big")
    in_range = len(ciphertext) == key.size and 1 < number < key.modulus - 1
    given = ciphertext if in_range else secrets.token_bytes(key.size - 1).rjust(key.size, b"\0")
    return in_range, private_operation(token, key, given)
