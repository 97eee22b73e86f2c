"""The service's own signing keys, a closed list, as ``cryptography`` private keys."""

from enum import StrEnum, unique
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Mechanism, ObjectClass
from pkcs11.types import PublicKey, SignMixin

from hsm.keys import KEYS, KeySpec
from hsm.private_keys import HSMECPrivateKey, HSMRSAPrivateKey
from hsm.public_keys import load_public_key
from hsm.token import Token
from signer.domain.errors import ConfigurationError, QSCDUnavailableError
from signer.domain.values import KeyAlgorithm

ServicePrivateKey = HSMRSAPrivateKey | HSMECPrivateKey


@unique
class ServiceKey(StrEnum):
    """Keys that live in tokens; the value is the label."""

    ROOT_CA = "root-ca"
    ISSUING_CA = "issuing-ca"
    OCSP_ROOT = "ocsp-root"
    OCSP_ISSUING = "ocsp-issuing"
    TSA = "tsa"
    ATTRIBUTE_AUTHORITY = "attribute-authority"
    TRUSTED_LIST = "trusted-list"
    ID_TOKEN = "id-token"  # noqa: S105 - a label, not a secret
    AUDIT = "audit"

    @property
    def spec(self) -> KeySpec:
        """The row of the key table."""
        return _SPECS[self.value]


_SPECS: Final = {spec.label: spec for spec in KEYS}


class TokenKey:
    """One key pair of a token: signs through the token's gate, reads its public half once."""

    def __init__(self, token: Token, label: str, algorithm: KeyAlgorithm) -> None:
        self._token = token
        self._label = label
        self._algorithm = algorithm
        self._public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None = None

    def as_private_key(self) -> ServicePrivateKey:
        """The key as ``cryptography`` sees it; nothing is asked of the HSM yet."""
        profile = self._token.profile
        if self._algorithm.is_rsa:
            return HSMRSAPrivateKey(
                self._rsa_public_key,
                lambda message: self._sign(message, profile.rsa_sign),
            )
        return HSMECPrivateKey(
            self._ec_public_key,
            lambda digest: self._sign(digest, profile.ecdsa_sign),
        )

    def _sign(self, message: bytes, mechanism: Mechanism) -> bytes:
        return self._token.run(
            lambda session: session.key(ObjectClass.PRIVATE_KEY, self._label, SignMixin).sign(
                message, mechanism=mechanism
            )
        )

    def _rsa_public_key(self) -> rsa.RSAPublicKey:
        public = self._public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise QSCDUnavailableError
        return public

    def _ec_public_key(self) -> ec.EllipticCurvePublicKey:
        public = self._public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise QSCDUnavailableError
        return public

    def _public_key(self) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
        if self._public is None:
            self._public = self._token.run(
                lambda session: load_public_key(
                    session.key(ObjectClass.PUBLIC_KEY, self._label, PublicKey), self._algorithm
                )
            )
        return self._public


class ServiceKeys:
    """The service keys of one token."""

    def __init__(self, token: Token, names: tuple[ServiceKey, ...]) -> None:
        self._keys = {name: _service_key(token, name) for name in names}

    def key(self, name: ServiceKey) -> ServicePrivateKey:
        """Give a key; raises ConfigurationError when it lives in another token."""
        try:
            return self._keys[name]
        except KeyError:
            msg = f"key {name} lives in token {name.spec.token}, which is not the one opened here"
            raise ConfigurationError(msg) from None

    def rsa(self, name: ServiceKey) -> HSMRSAPrivateKey:
        """:meth:`key` for an RSA key; raises ConfigurationError for another kind."""
        key = self.key(name)
        if not isinstance(key, HSMRSAPrivateKey):
            msg = f"key {name} is not an RSA key"
            raise ConfigurationError(msg)
        return key

    def ec(self, name: ServiceKey) -> HSMECPrivateKey:
        """:meth:`key` for an EC key; raises ConfigurationError for another kind."""
        key = self.key(name)
        if not isinstance(key, HSMECPrivateKey):
            msg = f"key {name} is not an EC key"
            raise ConfigurationError(msg)
        return key


def _service_key(token: Token, name: ServiceKey) -> ServicePrivateKey:
    algorithm = name.spec.algorithm
    if algorithm is None:
        msg = f"key {name} is not a key pair"
        raise ConfigurationError(msg)
    return TokenKey(token, name.value, algorithm).as_private_key()
