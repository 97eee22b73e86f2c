"""Agrees secrets with programs of the native API on our published P-256 keys (token ``sam``)."""

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import KDF, Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11.types import DeriveMixin, PublicKey, SecretKey

from hsm.keys import FIELD_AGREEMENT, FIELD_AGREEMENT_PREFIX
from hsm.public_keys import load_public_key, svd_der
from hsm.token import Token, TokenSession, having
from signer.domain.errors import InvalidRequestError, QSCDUnavailableError
from signer.domain.values import KeyAlgorithm

_KEY_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_ALGORITHM: Final = FIELD_AGREEMENT.algorithm or KeyAlgorithm.P_256
_UNCOMPRESSED: Final = b"\4"
_AGREED: Final = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: False,  # what it is agreed for: the content key is made from its value
    Attribute.EXTRACTABLE: True,
}


@dataclass(frozen=True, slots=True)
class _PublishedKey:
    id: str
    label: str
    svd_der: bytes


class PKCS11KeyAgreement:
    """The ``KeyAgreement`` of token ``sam``: ECDH in the HSM, a twelfth of an RSA decryption."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._published: tuple[_PublishedKey, ...] = ()

    def public_keys(self) -> tuple[tuple[str, bytes], ...]:
        """(key id, SubjectPublicKeyInfo DER), the current one first.

        The id is the first 8 bytes of the SHA-256 of the SubjectPublicKeyInfo, in hex.
        """
        return tuple((key.id, key.svd_der) for key in self._keys())

    def agree(self, key_id: str, x: bytes, y: bytes) -> bytes:
        """Give Z, 32 bytes (SP 800-56A, 5.7.1.2), with the point ``x``, ``y`` of the other side.

        Raises InvalidRequestError, always the same, for an unknown key or a point that is not on
        the curve: the HSM never sees one.
        """
        key = next((key for key in self._keys() if key.id == key_id), None)
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1(), _UNCOMPRESSED + x + y
            )
        except ValueError:
            peer = None
        if key is None or peer is None:
            msg = "an encrypted field does not decrypt with this key"
            raise InvalidRequestError(msg)
        point = peer.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return self._token.run(lambda session: self._derive(session, key, point))

    def _derive(self, session: TokenSession, key: _PublishedKey, point: bytes) -> bytes:
        private = session.key(ObjectClass.PRIVATE_KEY, key.label, DeriveMixin)
        agreed: SecretKey = private.derive_key(
            KeyType.GENERIC_SECRET,
            8 * _SECRET_BYTES,
            mechanism=self._token.profile.key_agreement,
            mechanism_param=(KDF.NULL, None, point),
            capabilities=MechanismFlag(0),
            template=_AGREED,
        )
        try:
            secret = bytes(agreed[Attribute.VALUE])
        finally:
            agreed.destroy()
        # Some modules drop leading zeros.
        return secret.rjust(_SECRET_BYTES, b"\0")

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
        if label.startswith(FIELD_AGREEMENT_PREFIX):
            number = int(label.removeprefix(FIELD_AGREEMENT_PREFIX))
            der = svd_der(load_public_key(having(candidate, PublicKey), _ALGORITHM))
            found.append((number, label, der))
    if not found:
        msg = f"the token has no key {FIELD_AGREEMENT.label}"
        raise QSCDUnavailableError(msg)
    return tuple(
        _PublishedKey(hashlib.sha256(der).digest()[:_KEY_ID_BYTES].hex(), label, der)
        for _, label, der in sorted(found, reverse=True)
    )
