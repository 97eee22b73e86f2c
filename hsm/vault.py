"""The HSM half of the activation chain: derived keys that seal, open and compare."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from pkcs11 import KeyType, MechanismFlag, ObjectClass, exceptions
from pkcs11.mechanisms import GCMParams
from pkcs11.types import DecryptMixin, DeriveMixin, EncryptMixin, SecretKey, SignMixin

from hsm.keys import DERIVED_KEY, MK_DERIVE, MK_FIELD
from hsm.token import SealBrokenError, Token, TokenSession, having, whole
from signer.domain.bindings import KeyScope
from signer.domain.errors import IntegrityAlarmError
from signer.domain.values import length_prefixed

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
AES_BITS: Final = 256
_ZERO_IV: Final = bytes(16)
_KCV_CONSTANT: Final = b"chancela-kcv/1"
_PSEUDONYM_HEX_DIGITS: Final = 32

_Ability = TypeVar("_Ability")

_DOES_NOT_OPEN: Final = (
    exceptions.GeneralError,
    exceptions.FunctionFailed,
    exceptions.EncryptedDataInvalid,
    exceptions.EncryptedDataLenRange,
    exceptions.DataInvalid,
    exceptions.SignatureInvalid,
)
"""How modules report a wrong tag; SoftHSM says GENERAL_ERROR."""


class PKCS11KeyVault:
    """The ``KeyVault`` of token ``sam``."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._master_key_id = ""

    @property
    def master_key_id(self) -> str:
        """Hex CKA_ID that MK_derive and MK_wrap share, drawn in the ceremony."""
        if not self._master_key_id:
            self._master_key_id = self._token.run(_read_master_key_id)
        return self._master_key_id

    def key_check_value(self, scope: KeyScope, secret: bytes) -> bytes:
        """16 bytes: AES-CMAC of a constant under K(scope, kcv, secret)."""
        return self._token.run(
            lambda session: self._mac(session, scope.derivation_input("kcv", secret), _KCV_CONSTANT)
        )

    def seal(self, scope: KeyScope, secret: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
        """Nonce (12) | AES-256-GCM ciphertext and tag under K(scope, enc, secret)."""

        def operation(session: TokenSession) -> bytes:
            data = scope.derivation_input("enc", secret)
            with self._derived(session, data, MechanismFlag.ENCRYPT, EncryptMixin) as key:
                return self._encrypt(key, plaintext, aad)

        return self._token.run(operation)

    def open(self, scope: KeyScope, secret: bytes, sealed: bytes, *, aad: bytes) -> bytes:
        """Inverse of :meth:`seal`; raises IntegrityAlarmError when it does not open."""
        return self._token.run(
            lambda session: self.open_in(session, scope, secret, sealed, aad=aad)
        )

    def open_in(
        self, session: TokenSession, scope: KeyScope, secret: bytes, sealed: bytes, *, aad: bytes
    ) -> bytes:
        """:meth:`open` inside a running operation; raises SealBrokenError."""
        data = scope.derivation_input("enc", secret)
        with self._derived(session, data, MechanismFlag.DECRYPT, DecryptMixin) as key:
            return self._decrypt(key, sealed, aad)

    def protect(self, purpose: str, plaintext: bytes, *, aad: bytes = b"") -> bytes:
        """Nonce (12) | AES-256-GCM under MK_field; ``purpose`` is authenticated."""
        bound = length_prefixed("chancela-field/1", purpose, aad)
        return self._token.run(
            lambda session: self._encrypt(
                session.key(ObjectClass.SECRET_KEY, MK_FIELD.label, EncryptMixin), plaintext, bound
            )
        )

    def expose(self, purpose: str, protected: bytes, *, aad: bytes = b"") -> bytes:
        """Inverse of :meth:`protect`; raises IntegrityAlarmError when it does not open."""
        bound = length_prefixed("chancela-field/1", purpose, aad)
        return self._token.run(
            lambda session: self._decrypt(
                session.key(ObjectClass.SECRET_KEY, MK_FIELD.label, DecryptMixin), protected, bound
            )
        )

    def pseudonym(self, purpose: str, value: str) -> str:
        """Keyed pseudonym: 32 hex digits of AES-CMAC under a key of this purpose only.

        The key is derived from an input that no KeyScope can produce, so pseudonyms say nothing
        about any K(stage, use, x).
        """
        data = hashlib.sha256(length_prefixed("chancela-pseudonym/1", purpose)).digest()
        mac = self._token.run(lambda session: self._mac(session, data, value.encode()))
        return mac.hex()[:_PSEUDONYM_HEX_DIGITS]

    @contextmanager
    def _derived(
        self,
        session: TokenSession,
        data: bytes,
        use: MechanismFlag,
        ability: type[_Ability],
    ) -> Iterator[_Ability]:
        """A session key derived from MK_derive, destroyed at the end whatever happens."""
        master = session.key(ObjectClass.SECRET_KEY, MK_DERIVE.label, DeriveMixin)
        key: SecretKey = master.derive_key(
            KeyType.AES,
            AES_BITS,
            mechanism=self._token.profile.derive,
            mechanism_param=(_ZERO_IV, data),
            capabilities=use,
            template=dict(DERIVED_KEY),
        )
        try:
            yield having(key, ability)
        finally:
            key.destroy()

    def _mac(self, session: TokenSession, data: bytes, message: bytes) -> bytes:
        with self._derived(session, data, MechanismFlag.SIGN, SignMixin) as key:
            return key.sign(message, mechanism=self._token.profile.mac)

    def _encrypt(self, key: EncryptMixin, plaintext: bytes, aad: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = key.encrypt(
            plaintext,
            mechanism=self._token.profile.authenticated_encryption,
            mechanism_param=GCMParams(nonce, aad or None),
        )
        return nonce + whole(sealed)

    def _decrypt(self, key: DecryptMixin, sealed: bytes, aad: bytes) -> bytes:
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise IntegrityAlarmError
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            opened = key.decrypt(
                ciphertext,
                mechanism=self._token.profile.authenticated_encryption,
                mechanism_param=GCMParams(nonce, aad or None),
            )
        except _DOES_NOT_OPEN as failure:
            raise SealBrokenError from failure
        return whole(opened)


def _read_master_key_id(session: TokenSession) -> str:
    return session.key(ObjectClass.SECRET_KEY, MK_DERIVE.label, SecretKey).id.hex()
