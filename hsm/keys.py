"""The closed table of keys that live in tokens, and the templates of all keys.

The ceremony makes keys from these templates, reads them back against these templates, and attacks
twins made from these templates; workers unwrap and derive with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from hsm.profile import HSMProfile
from signer.domain.values import KeyAlgorithm

AttributeValue = bool | int | bytes | str | tuple[int, ...] | Mapping[Attribute, bool | int]
Template = Mapping[Attribute, AttributeValue]

RSA_PUBLIC_EXPONENT: Final = 65537
AES_256_BYTES: Final = 32


@unique
class TokenName(StrEnum):
    """Our three tokens; their labels are settings."""

    ROOT = "root"
    """Ceremonies of CA certificates only; no server logs in here."""
    PKI = "pki"
    SAM = "sam"
    """Only processes that activate citizens' keys log in here."""


@unique
class Purpose(StrEnum):
    """What a token key may do."""

    DERIVE = "derive"
    AGREE = "agree"
    WRAP = "wrap"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key of the table; ``algorithm`` None means AES-256."""

    label: str
    token: TokenName
    purpose: Purpose
    algorithm: KeyAlgorithm | None = None
    rsa_bits: int = 0
    """Another size than the algorithm's, where a protocol fixes one; 0: the algorithm's."""

    @property
    def is_secret(self) -> bool:
        """True for AES keys, False for key pairs."""
        return self.algorithm is None


MK_DERIVE: Final = KeySpec("mk-derive", TokenName.SAM, Purpose.DERIVE)
MK_WRAP: Final = KeySpec("mk-wrap", TokenName.SAM, Purpose.WRAP)
MK_FIELD: Final = KeySpec("mk-field", TokenName.SAM, Purpose.ENCRYPT)
AUDIT: Final = KeySpec("audit", TokenName.SAM, Purpose.SIGN, KeyAlgorithm.P_256)
FIELD_DECRYPTION_PREFIX: Final = "field-decryption-"
"""Followed by a number; the highest is current, the others still decrypt."""
FIELD_DECRYPTION: Final = KeySpec(
    f"{FIELD_DECRYPTION_PREFIX}1", TokenName.SAM, Purpose.DECRYPT, KeyAlgorithm.RSA_3072
)
FIELD_AGREEMENT_PREFIX: Final = "field-agreement-"
"""The same for keys that secrets are agreed with (ECDH)."""
FIELD_AGREEMENT: Final = KeySpec(
    f"{FIELD_AGREEMENT_PREFIX}1", TokenName.SAM, Purpose.AGREE, KeyAlgorithm.P_256
)
CIPHER_PREFIX: Final = "cipher-"
"""Followed by a number: keys that CMD clients encrypt phone, PIN and code to (PKCS #1 v1.5).

Not the field-decryption keys: with raw RSA, one key for two paddings would let an attack on the
weaker one open what was encrypted with the other.  Made and retired one by one, outside the table.
"""
CIPHER_KEY_BITS: Final = 2048
"""What the clients' published key has always had."""
HEALTH_TEST_KEY: Final = "health-test-key"
"""A data object of token ``sam``: the wrapped test key and its public half."""
PKI_HEALTH: Final = KeySpec(HEALTH_TEST_KEY, TokenName.PKI, Purpose.SIGN, KeyAlgorithm.P_256)
ROOT_HEALTH: Final = KeySpec(HEALTH_TEST_KEY, TokenName.ROOT, Purpose.SIGN, KeyAlgorithm.P_256)


def _service(
    label: str, token: TokenName, algorithm: KeyAlgorithm = KeyAlgorithm.RSA_3072
) -> KeySpec:
    return KeySpec(label, token, Purpose.SIGN, algorithm)


KEYS: Final[tuple[KeySpec, ...]] = (
    MK_DERIVE,
    MK_WRAP,
    MK_FIELD,
    AUDIT,
    FIELD_DECRYPTION,
    FIELD_AGREEMENT,
    PKI_HEALTH,
    ROOT_HEALTH,
    _service("root-ca", TokenName.ROOT),
    _service("issuing-ca", TokenName.PKI),
    _service("ocsp-root", TokenName.PKI),
    _service("ocsp-issuing", TokenName.PKI),
    _service("tsa", TokenName.PKI),
    _service("attribute-authority", TokenName.PKI, KeyAlgorithm.P_256),
    _service("trusted-list", TokenName.PKI),
    _service("id-token", TokenName.PKI),
)

EC_PARAMETERS: Final[Mapping[KeyAlgorithm, bytes]] = {
    KeyAlgorithm.P_256: bytes.fromhex("06082a8648ce3d030107"),
    KeyAlgorithm.P_384: bytes.fromhex("06052b81040022"),
}
"""DER of the curves' object identifiers (RFC 5480, 2.1.1.1)."""

RSA_BITS: Final[Mapping[KeyAlgorithm, int]] = {
    KeyAlgorithm.RSA_3072: 3072,
    KeyAlgorithm.RSA_4096: 4096,
}

UNWRAP_TEMPLATE: Final[Mapping[Attribute, bool | int]] = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.TOKEN: False,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
"""What MK_wrap demands of everything it unwraps: a private session key that only signs.

Without all nine, whoever knows the user PIN unwraps a stored blob into a readable object.
"""

DERIVED_KEY: Final[Mapping[Attribute, bool]] = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}


def cipher_key(number: int) -> KeySpec:
    """The key that decrypts fields of CMD clients, by its number."""
    return KeySpec(
        f"{CIPHER_PREFIX}{number}",
        TokenName.SAM,
        Purpose.DECRYPT,
        KeyAlgorithm.RSA_3072,
        rsa_bits=CIPHER_KEY_BITS,
    )


def key_type_of(algorithm: KeyAlgorithm) -> KeyType:
    """PKCS#11 key type of an algorithm."""
    return KeyType.RSA if algorithm.is_rsa else KeyType.EC


def allowed_mechanisms(spec: KeySpec, profile: HSMProfile) -> tuple[Mechanism, ...]:
    """The only mechanisms a key may be used with.

    MK_derive would be a guessing machine with the ECB bulk variant, MK_wrap with anything but KWP.
    """
    match spec.purpose:
        case Purpose.DERIVE:
            return (profile.derive,)
        case Purpose.AGREE:
            return (profile.key_agreement,)
        case Purpose.WRAP:
            return (profile.key_wrap,)
        case Purpose.ENCRYPT:
            return (profile.authenticated_encryption,)
        case Purpose.DECRYPT:
            return (profile.rsa_raw,)
        case Purpose.SIGN:
            is_rsa = spec.algorithm is not None and spec.algorithm.is_rsa
            return (profile.rsa_sign if is_rsa else profile.ecdsa_sign,)


def token_key_template(spec: KeySpec, profile: HSMProfile) -> dict[Attribute, AttributeValue]:
    """Attributes of a secret key or private key of the table, without label and id."""
    template: dict[Attribute, AttributeValue] = {
        Attribute.CLASS: ObjectClass.SECRET_KEY if spec.is_secret else ObjectClass.PRIVATE_KEY,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.MODIFIABLE: False,
        Attribute.SIGN: spec.purpose is Purpose.SIGN,
        Attribute.DECRYPT: spec.purpose in {Purpose.ENCRYPT, Purpose.DECRYPT},
        Attribute.UNWRAP: spec.purpose is Purpose.WRAP,
        Attribute.DERIVE: spec.purpose in {Purpose.DERIVE, Purpose.AGREE},
    }
    if profile.copyable:
        template[Attribute.COPYABLE] = False
    if profile.allowed_mechanisms:
        template[Attribute.ALLOWED_MECHANISMS] = allowed_mechanisms(spec, profile)
    if spec.algorithm is None:
        template |= {
            Attribute.KEY_TYPE: KeyType.AES,
            Attribute.VALUE_LEN: AES_256_BYTES,
            Attribute.ENCRYPT: spec.purpose is Purpose.ENCRYPT,
            Attribute.WRAP: spec.purpose is Purpose.WRAP,
            Attribute.VERIFY: False,
        }
        if spec.purpose is Purpose.WRAP and profile.unwrap_template:
            template[Attribute.UNWRAP_TEMPLATE] = UNWRAP_TEMPLATE
    else:
        template[Attribute.KEY_TYPE] = key_type_of(spec.algorithm)
    return template


def public_key_template(spec: KeySpec) -> dict[Attribute, AttributeValue]:
    """Attributes of the public half of a key pair of the table, without label and id."""
    if spec.algorithm is None:
        msg = "a secret key has no public half"
        raise ValueError(msg)
    template: dict[Attribute, AttributeValue] = {
        Attribute.CLASS: ObjectClass.PUBLIC_KEY,
        Attribute.KEY_TYPE: key_type_of(spec.algorithm),
        Attribute.TOKEN: True,
        Attribute.PRIVATE: False,
        Attribute.MODIFIABLE: False,
        Attribute.VERIFY: spec.purpose is Purpose.SIGN,
        Attribute.ENCRYPT: spec.purpose is Purpose.DECRYPT,
        Attribute.WRAP: False,
    }
    template |= public_key_parameters(spec.algorithm)
    if spec.rsa_bits:
        template[Attribute.MODULUS_BITS] = spec.rsa_bits
    return template


def public_key_parameters(algorithm: KeyAlgorithm) -> dict[Attribute, AttributeValue]:
    """Size and exponent, or curve."""
    if algorithm.is_rsa:
        return {
            Attribute.MODULUS_BITS: RSA_BITS[algorithm],
            Attribute.PUBLIC_EXPONENT: RSA_PUBLIC_EXPONENT.to_bytes(3, "big"),
        }
    return {Attribute.EC_PARAMS: EC_PARAMETERS[algorithm]}
