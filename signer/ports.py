"""What the service needs from outside, one small protocol per need.

Adapters do not inherit; passing them in ``api.wiring`` is the type check.  Each docstring says
what is raised.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from signer.domain.account import Account
from signer.domain.attribute import CertifiedAttribute, ProfessionalAttribute
from signer.domain.authorisation import Authorisation
from signer.domain.bindings import KeyScope
from signer.domain.credential import Credential
from signer.domain.values import (
    ClientId,
    Digest,
    KeyAlgorithm,
    Secret,
    SignatureAlgorithm,
    SignatureValue,
    SignerId,
)


class Clock(Protocol):
    """The one source of time."""

    def now(self) -> datetime:
        """Aware UTC, microseconds."""
        ...


class KeyVault(Protocol):
    """The HSM half of the activation chain: derive, seal, open, compare.

    Every method raises :class:`~signer.domain.errors.QSCDUnavailableError` when the HSM fails.
    """

    @property
    def master_key_id(self) -> str:
        """Identifier of the current MK_derive/MK_wrap pair; part of every AAD."""
        ...

    def key_check_value(self, scope: KeyScope, secret: bytes) -> bytes:
        """16 bytes: AES-CMAC of a constant under K(scope, kcv, secret); decides right or wrong."""
        ...

    def seal(self, scope: KeyScope, secret: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
        """Nonce (12) | AES-256-GCM ciphertext and tag under K(scope, enc, secret)."""
        ...

    def open(self, scope: KeyScope, secret: bytes, sealed: bytes, *, aad: bytes) -> bytes:
        """Inverse of :meth:`seal`.

        Raises :class:`~signer.domain.errors.IntegrityAlarmError` when it does not open though the
        HSM is healthy (wrong secret or other AAD).
        """
        ...

    def protect(self, purpose: str, plaintext: bytes, *, aad: bytes = b"") -> bytes:
        """Encrypt a field under MK_field (AES-256-GCM; ``purpose`` is authenticated)."""
        ...

    def expose(self, purpose: str, protected: bytes, *, aad: bytes = b"") -> bytes:
        """Inverse of :meth:`protect`; raises IntegrityAlarmError when it does not open."""
        ...

    def pseudonym(self, purpose: str, value: str) -> str:
        """Keyed pseudonym (hex, 32 characters) for logs, audit and unknown phones."""
        ...


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key pair just made in the HSM, wrapped, with its proof of possession."""

    svd_der: bytes
    csr_der: bytes
    wrapped: bytes = field(repr=False)
    """RFC 5649 wrapping under MK_wrap; the SAM seals it under A before it is stored."""


class QSCD(Protocol):
    """Makes and uses signing keys that exist in clear only inside the HSM.

    Every method raises :class:`~signer.domain.errors.QSCDUnavailableError` when the HSM fails.
    """

    def create_key(self, algorithm: KeyAlgorithm) -> NewKey:
        """Make a key pair and a PKCS#10 request (empty subject) signed by it, then destroy it."""
        ...

    def sign(self, authorisation: Authorisation) -> tuple[SignatureValue, ...]:
        """Open, unwrap, sign each granted digest in order, destroy.  Never retried."""
        ...


class FieldDecryptor(Protocol):
    """Decrypts what clients encrypted to our published RSA keys (token ``sam``)."""

    def decrypt_oaep_sha256(self, key_id: str, ciphertext: bytes) -> bytes:
        """RSAES-OAEP (SHA-256, MGF1-SHA-256), unpadded by us in constant work.

        Raises InvalidRequestError, always the same, when it does not decrypt.
        """
        ...

    def public_keys(self) -> tuple[tuple[str, bytes], ...]:
        """(key id, SubjectPublicKeyInfo DER), the current one first."""
        ...


class KeyAgreement(Protocol):
    """Agrees secrets with clients on our published P-256 keys (token ``sam``)."""

    def agree(self, key_id: str, x: bytes, y: bytes) -> bytes:
        """ECDH with the other side's point: Z, 32 bytes.

        Raises InvalidRequestError, always the same, for an unknown key or a point off the curve.
        """
        ...

    def public_keys(self) -> tuple[tuple[str, bytes], ...]:
        """(key id, SubjectPublicKeyInfo DER), the current one first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to a person, ready to be sent."""

    id: str
    """Stable over retries: the gateway's idempotency key."""
    channel: str
    to: str
    """E.164 phone or e-mail address."""
    text: Secret
    subject: str = ""
    """E-mail only."""
    process: str = ""
    """Public transaction id, for the demo outbox."""
    code: Secret | None = None
    """The code inside the text, for the demo outbox only."""
    client: ClientId = ClientId("")  # noqa: RUF009 - a NewType call gives the string itself
    """Webhooks only: whose secret signs."""


class Channel(Protocol):
    """A way to put a message in a person's hands."""

    name: str

    def deliver(self, message: Message) -> str:
        """Send; give the gateway's receipt id (may be empty).

        Raises ChannelUnavailableError (try again or fall back) or InvalidRequestError (this
        address never works).
        """
        ...


@dataclass(frozen=True, slots=True)
class TimestampToken:
    """An RFC 3161 token whose signature, imprint and nonce were checked."""

    der: bytes
    generated_at: datetime


class TimestampAuthority(Protocol):
    """Stamps digests."""

    def stamp(self, digest: Digest) -> TimestampToken:
        """Raises TimestampUnavailableError when no verified token can be had."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationMaterial:
    """What lets a signature be verified when nobody answers any more; each value once (DER)."""

    certificates: tuple[bytes, ...] = ()
    """Every certificate of every path, anchors included only where the format wants them."""
    ocsp_responses: tuple[bytes, ...] = ()
    """``OCSPResponse`` (RFC 6960, 4.2.1), status successful."""
    crls: tuple[bytes, ...] = ()


class ValidationDataSource(Protocol):
    """Collects verified revocation data for certificate paths."""

    def collect(
        self, certificates: Sequence[bytes], pool: Sequence[bytes] = ()
    ) -> ValidationMaterial:
        """Paths and revocation data for each of ``certificates`` (DER, end entities).

        ``pool`` are further certificates that may lie on a path.  Responders' certificates are
        covered too.  Raises RevocationUnavailableError when an answer cannot be had now,
        InvalidRequestError when a certificate is revoked or leads to no trust anchor.
        """
        ...


class CertificateAuthority(Protocol):
    """Issues and withdraws citizens' certificates.

    Every method raises CertificateAuthorityUnavailableError when the CA does not answer.
    """

    def issue(self, account: Account, credential: Credential, csr_der: bytes) -> tuple[bytes, ...]:
        """Chain of DER certificates, leaf first.

        Repeating the call for a credential gives the certificate issued before.
        """
        ...

    def set_status(self, certificate_der: bytes, status: str, *, reason: str = "") -> None:
        """``good`` | ``suspended`` | ``revoked`` (RFC 5280 reason name); revoked is final."""
        ...

    def is_good(self, certificate_der: bytes) -> bool:
        """Valid now, not revoked, not suspended."""
        ...


class AttributeSource(Protocol):
    """What professional bodies hold about a person."""

    def held_by(self, signer: SignerId) -> Sequence[ProfessionalAttribute]:
        """Attributes valid now; raises AttributeSourceUnavailableError."""
        ...


class AttributeAuthority(Protocol):
    """Certifies attributes with short-lived attribute certificates (RFC 5755)."""

    def certify(
        self, holder_certificate_der: bytes, attribute: ProfessionalAttribute
    ) -> CertifiedAttribute:
        """Raises CertificateAuthorityUnavailableError."""
        ...

    def chain_der(self) -> tuple[bytes, ...]:
        """The authority's certificate, then issuing CA(s), without the root."""
        ...


class SignatureVerifier(Protocol):
    """Checks a signature value with a public key; the last look before release."""

    def __call__(
        self, svd_der: bytes, algorithm: SignatureAlgorithm, digest: bytes, value: SignatureValue
    ) -> bool:
        """True only when it verifies."""
        ...


class Statistics(Protocol):
    """Counts events for public figures, without identity."""

    def count(self, event: str, channel: str = "", client: str = "") -> None:
        """Add one to ``event`` (``code.delivered``, ``notice.sent`` …) of today."""
        ...


RandomBytes = Callable[[int], bytes]
