"""PINs and codes that a client carries: compact JWE to our published key, opened half in the HSM.

The content encryption key is unwrapped by raw RSA in the device and unpadded here; the content is
AES-256-GCM (RFC 7516, RFC 7518: ``RSA-OAEP-256`` with ``A256GCM``, nothing else).
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signer.domain.errors import InvalidRequestError
from signer.domain.values import Secret
from signer.ports import FieldDecryptor

_CEK_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_PARTS: Final = 5
_MAX_LENGTH: Final = 4096
_DIGITS: Final = re.compile(r"[0-9]{4,8}")
_MALFORMED: Final = (
    KeyError,
    TypeError,
    ValueError,
    RecursionError,
    InvalidTag,
    InvalidRequestError,
)


@dataclass(frozen=True, slots=True)
class SecretReader:
    """Opens what :meth:`jwks` told clients to encrypt."""

    fields: FieldDecryptor

    def read(self, compact: str, *, member: str, transaction: str) -> Secret:
        """The secret ``member`` of a JWE whose payload names ``transaction``.

        Every failure to open is the same InvalidRequestError: no padding or tag oracle.  What
        was opened must be 4 to 8 digits: anything else is refused uncounted.
        """
        try:
            payload = self._open(compact)
            value = payload[member]
            if payload["transaction"] != transaction or not isinstance(value, str):
                raise _refused(member)
        except _MALFORMED as error:
            raise _refused(member) from error
        if _DIGITS.fullmatch(value) is None:
            raise InvalidRequestError("4 to 8 digits", field=member)
        return Secret(value)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The current public keys as a JWK Set (RFC 7517), newest first."""
        return {"keys": [_jwk(key_id, der) for key_id, der in self.fields.public_keys()]}

    def _open(self, compact: str) -> dict[str, object]:
        parts = compact.split(".")
        if len(compact) > _MAX_LENGTH or len(parts) != _PARTS:
            raise ValueError
        header_text, wrapped, nonce, ciphertext, tag = parts
        header = json.loads(_decoded(header_text))
        if not isinstance(header, dict):
            raise TypeError
        if header.get("alg") != "RSA-OAEP-256" or header.get("enc") != "A256GCM":
            raise ValueError
        if "crit" in header or "zip" in header:
            raise ValueError
        initial, end = _decoded(nonce), _decoded(tag)
        if len(initial) != _NONCE_BYTES or len(end) != _TAG_BYTES:
            raise ValueError
        key = self.fields.decrypt_oaep_sha256(str(header["kid"]), _decoded(wrapped))
        if len(key) != _CEK_BYTES:
            raise ValueError
        opened = AESGCM(key).decrypt(
            initial, _decoded(ciphertext) + end, header_text.encode("ascii")
        )
        payload = json.loads(opened)
        if not isinstance(payload, dict):
            raise TypeError
        return payload


def _refused(member: str) -> InvalidRequestError:
    return InvalidRequestError(
        "not a JWE (RSA-OAEP-256, A256GCM) to our current key that names this transaction",
        field=member,
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _jwk(key_id: str, der: bytes) -> dict[str, str]:
    key = load_der_public_key(der)
    if not isinstance(key, rsa.RSAPublicKey):
        msg = "field keys are RSA"
        raise TypeError(msg)
    numbers = key.public_numbers()
    modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
    return {
        "kty": "RSA",
        "use": "enc",
        "alg": "RSA-OAEP-256",
        "kid": key_id,
        "n": _encoded(modulus),
        "e": _encoded(exponent),
    }
