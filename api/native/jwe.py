"""PINs and codes that a client carries: compact JWE to our published keys, opened half in the HSM.

The content encryption key is unwrapped by raw RSA in the device and unpadded here, or made from a
secret agreed in the device; the content is AES-256-GCM (RFC 7516, RFC 7518: ``RSA-OAEP-256`` or
``ECDH-ES`` with ``A256GCM``, nothing else).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import load_der_public_key

from api.unambiguous_json import loads
from signer.domain.errors import InvalidRequestError
from signer.domain.values import Secret, length_prefixed
from signer.ports import FieldDecryptor, KeyAgreement

_CONTENT: Final = "A256GCM"
_CEK_BYTES: Final = 32
_COORDINATE_BYTES: Final = 32
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


class _Algorithm(StrEnum):
    """Key management (RFC 7518, 4.1)."""

    RSA = "RSA-OAEP-256"
    ECDH = "ECDH-ES"


@dataclass(frozen=True, slots=True)
class SecretReader:
    """Opens what :meth:`jwks` told clients to encrypt."""

    fields: FieldDecryptor
    agreement: KeyAgreement

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
        """The current public keys as a JWK Set (RFC 7517), RSA first, newest first of each."""
        published = (*self.fields.public_keys(), *self.agreement.public_keys())
        return {"keys": [_jwk(key_id, der) for key_id, der in published]}

    def _open(self, compact: str) -> dict[str, object]:
        parts = compact.split(".")
        if len(compact) > _MAX_LENGTH or len(parts) != _PARTS:
            raise ValueError
        header_text, wrapped, nonce, ciphertext, tag = parts
        header = loads(_decoded(header_text))
        if not isinstance(header, dict):
            raise TypeError
        if header.get("enc") != _CONTENT or "crit" in header or "zip" in header:
            raise ValueError
        initial, end = _decoded(nonce), _decoded(tag)
        if len(initial) != _NONCE_BYTES or len(end) != _TAG_BYTES:
            raise ValueError
        opened = AESGCM(self._content_key(header, _decoded(wrapped))).decrypt(
            initial, _decoded(ciphertext) + end, header_text.encode("ascii")
        )
        payload = loads(opened)
        if not isinstance(payload, dict):
            raise TypeError
        return payload

    def _content_key(self, header: Mapping[str, object], wrapped: bytes) -> bytes:
        """32 bytes; raises ValueError, KeyError, TypeError or InvalidRequestError."""
        match header.get("alg"):
            case _Algorithm.RSA:
                key = self.fields.decrypt_oaep_sha256(str(header["kid"]), wrapped)
                if len(key) != _CEK_BYTES:
                    raise ValueError
                return key
            case _Algorithm.ECDH if not wrapped:
                x, y = _point(header["epk"])
                agreed = self.agreement.agree(str(header["kid"]), x, y)
                return ConcatKDFHash(hashes.SHA256(), _CEK_BYTES, _other_info(header)).derive(
                    agreed
                )
            case _:
                raise ValueError


def _point(ephemeral: object) -> tuple[bytes, bytes]:
    """Coordinates of the sender's one-time key (RFC 7518, 4.6.1.1)."""
    if not isinstance(ephemeral, dict) or ephemeral["kty"] != "EC" or ephemeral["crv"] != "P-256":
        raise ValueError
    x, y = _decoded(ephemeral["x"]), _decoded(ephemeral["y"])
    if len(x) != _COORDINATE_BYTES or len(y) != _COORDINATE_BYTES:
        raise ValueError
    return x, y


def _other_info(header: Mapping[str, object]) -> bytes:
    """OtherInfo of the Concat KDF for direct key agreement (RFC 7518, 4.6.2)."""
    parties = (_decoded(_text(header.get(name, ""))) for name in ("apu", "apv"))
    return length_prefixed(_CONTENT, *parties) + (8 * _CEK_BYTES).to_bytes(4, "big")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _refused(member: str) -> InvalidRequestError:
    return InvalidRequestError(
        "not a JWE (RSA-OAEP-256 or ECDH-ES, A256GCM) to our key that names this transaction",
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
    about = {"use": "enc", "kid": key_id}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return about | {
            "kty": "RSA",
            "alg": _Algorithm.RSA.value,
            "n": _encoded(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": _encoded(numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")),
        }
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return about | {
            "kty": "EC",
            "alg": _Algorithm.ECDH.value,
            "crv": "P-256",
            "x": _encoded(point.x.to_bytes(_COORDINATE_BYTES, "big")),
            "y": _encoded(point.y.to_bytes(_COORDINATE_BYTES, "big")),
        }
    msg = "field keys are RSA or P-256"
    raise TypeError(msg)
