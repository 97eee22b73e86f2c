"""Small values that check themselves: digests, algorithms, identifiers, secrets."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, unique
from typing import Final, NewType, Self, final

from signer.domain.errors import InvalidRequestError

TenantId = NewType("TenantId", str)
SignerId = NewType("SignerId", str)
"""Internal subject id of a citizen or organisation (UUIDv4): never phone or document number."""
CredentialId = NewType("CredentialId", str)
ClientId = NewType("ClientId", str)
TransactionId = NewType("TransactionId", str)
"""Public id of a transaction (UUIDv4): fit for logs and messages; never the handle."""
SignatureValue = NewType("SignatureValue", bytes)
"""RSA: the raw block, big-endian.  ECDSA: DER ``SEQUENCE { r, s }``."""

DEFAULT_TENANT: Final = TenantId("default")


@unique
class DigestAlgorithm(Enum):
    """Digests we accept (ETSI TS 119 312); the value is the dotted OID.  SHA-1 does not exist."""

    SHA256 = "2.16.840.1.101.3.4.2.1"
    SHA384 = "2.16.840.1.101.3.4.2.2"
    SHA512 = "2.16.840.1.101.3.4.2.3"

    @property
    def hash_name(self) -> str:
        """The name :mod:`hashlib` and PKCS libraries use (``sha256``)."""
        return self.name.lower()

    @property
    def size(self) -> int:
        """Digest length in bytes."""
        return {"SHA256": 32, "SHA384": 48, "SHA512": 64}[self.name]

    @property
    def digest_info_prefix(self) -> bytes:
        """DER of PKCS#1 ``DigestInfo`` up to the digest (RFC 8017, 9.2, note 1)."""
        return _DIGEST_INFO_PREFIX[self.name]

    def of(self, content: bytes) -> bytes:
        """Digest ``content``."""
        return hashlib.new(self.hash_name, content).digest()


_DIGEST_INFO_PREFIX: Final = {
    "SHA256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "SHA384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "SHA512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest and the algorithm that made it."""

    algorithm: DigestAlgorithm
    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != self.algorithm.size:
            msg = f"a {self.algorithm.name} digest must be {self.algorithm.size} bytes"
            raise InvalidRequestError(msg, field="digest")

    @classmethod
    def of(cls, algorithm: DigestAlgorithm, content: bytes) -> Self:
        """Digest ``content`` with ``algorithm``."""
        return cls(algorithm, algorithm.of(content))

    def matches(self, other: "Digest") -> bool:
        """Compare in constant time."""
        return self.algorithm is other.algorithm and hmac.compare_digest(self.value, other.value)


@final
class DTBSR(Digest):
    """Data-to-be-signed representation (EN 419 241-1): the digest the signature device signs."""

    __slots__ = ()


@unique
class KeyAlgorithm(StrEnum):
    """Kinds of signing key; the value is what the API shows."""

    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    P_256 = "p-256"
    P_384 = "p-384"

    @property
    def is_rsa(self) -> bool:
        """True for RSA keys, False for elliptic-curve keys."""
        return self.value.startswith("rsa")


@unique
class SignatureAlgorithm(Enum):
    """Signature algorithms (ETSI TS 119 312); the value is the dotted OID.

    RSASSA-PSS has one OID for all digests, so its digest is named behind: MGF1 with the same
    digest, salt as long as the digest.
    """

    RSA_SHA256 = "1.2.840.113549.1.1.11"
    RSA_SHA384 = "1.2.840.113549.1.1.12"
    RSA_SHA512 = "1.2.840.113549.1.1.13"
    RSA_PSS_SHA256 = "1.2.840.113549.1.1.10 sha256"
    RSA_PSS_SHA384 = "1.2.840.113549.1.1.10 sha384"
    RSA_PSS_SHA512 = "1.2.840.113549.1.1.10 sha512"
    ECDSA_SHA256 = "1.2.840.10045.4.3.2"
    ECDSA_SHA384 = "1.2.840.10045.4.3.3"
    ECDSA_SHA512 = "1.2.840.10045.4.3.4"

    @classmethod
    def of(
        cls, key: KeyAlgorithm, digest: DigestAlgorithm, *, pss: bool = False
    ) -> "SignatureAlgorithm":
        """The one algorithm we use for this kind of key and digest.

        Raises InvalidRequestError for RSASSA-PSS with a key that is not RSA.
        """
        if pss and not key.is_rsa:
            msg = "RSASSA-PSS needs an RSA key"
            raise InvalidRequestError(msg, field="pss")
        family = "RSA" if key.is_rsa else "ECDSA"
        return cls[f"{family}_PSS_{digest.name}" if pss else f"{family}_{digest.name}"]

    @property
    def is_rsa(self) -> bool:
        """True for both RSA schemes, False for ECDSA."""
        return self.name.startswith("RSA")

    @property
    def is_pss(self) -> bool:
        """True for RSASSA-PSS."""
        return "_PSS_" in self.name

    @property
    def digest(self) -> DigestAlgorithm:
        """The digest this algorithm signs."""
        return DigestAlgorithm[self.name.rpartition("_")[2]]


@final
class Secret:
    """A PIN, code, handle or SAD in transit: prints as stars, compares in constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value itself; allowed in authentication, sam, channels and doors' answers."""
        return self._value

    def sha256(self) -> str:
        """Hex SHA-256, the only form of a long random secret that is stored."""
        return hashlib.sha256(self._value.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._value.encode(), other._value.encode()
        )

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str:
        msg = "a Secret is not pickled"
        raise TypeError(msg)


def length_prefixed(*fields: bytes | str | int) -> bytes:
    """Join fields so that no two different lists give the same bytes.

    Each field becomes a 4-byte big-endian length and its bytes (text: UTF-8; integers: decimal).
    """
    parts = [f if isinstance(f, bytes) else str(f).encode() for f in fields]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z, exactly; raises ValueError for naive times."""
    if moment.tzinfo is None:
        msg = "times are aware and in UTC"
        raise ValueError(msg)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """Inverse of :func:`to_microseconds`: an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=value)
