"""A certification authority: its certificate and the key that signs others."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs.keys import PrivateKey, PublicKey, checked_public_key, digest_for, hash_of
from certs.profiles import Extension
from signer.domain.values import DigestAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """First and last second."""

    not_before: datetime
    not_after: datetime

    def within(self, outer: "Validity") -> "Validity":
        """Cut to ``outer``: no certificate outlives its issuer's."""
        return Validity(
            not_before=max(self.not_before, outer.not_before),
            not_after=min(self.not_after, outer.not_after),
        )


def validity_of(certificate: x509.Certificate) -> Validity:
    """The validity a certificate states."""
    return Validity(
        not_before=certificate.not_valid_before_utc, not_after=certificate.not_valid_after_utc
    )


def new_serial() -> int:
    """159 random bits, positive (RFC 5280, 4.1.2.2; EN 319 412-2 adds nothing)."""
    return x509.random_serial_number()


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates (and lists) in its own name."""

    name: str
    """Short name in URLs and in the store: ``root``, ``issuing``."""
    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)

    @property
    def digest(self) -> DigestAlgorithm:
        """What this authority signs with; told by the certificate, so that no HSM is asked."""
        return digest_for(checked_public_key(self.certificate.public_key()))

    @classmethod
    def self_signed(
        cls,
        name: str,
        key: PrivateKey,
        subject: x509.Name,
        validity: Validity,
        extensions: Iterable[Extension],
    ) -> "Authority":
        """Make a root."""
        public = checked_public_key(key.public_key())
        builder = _builder(subject, subject, public, new_serial(), validity, extensions)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(public)
        builder = builder.add_extension(identifier, critical=False)
        return cls(name, builder.sign(key, hash_of(digest_for(public))), key)

    def issue(
        self,
        subject: x509.Name,
        public_key: object,
        validity: Validity,
        extensions: Iterable[Extension],
        *,
        serial: int | None = None,
    ) -> x509.Certificate:
        """Sign a certificate, never valid longer than this authority's own."""
        builder = _builder(
            subject,
            self.certificate.subject,
            checked_public_key(public_key),
            new_serial() if serial is None else serial,
            validity.within(validity_of(self.certificate)),
            extensions,
        )
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        )
        builder = builder.add_extension(identifier, critical=False)
        return builder.sign(self.key, hash_of(self.digest))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    serial: int,
    validity: Validity,
    extensions: Iterable[Extension],
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(validity.not_before.replace(microsecond=0))
        .not_valid_after(validity.not_after.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


def same_key(one: object, other: object) -> bool:
    """Compare two public keys by their SubjectPublicKeyInfo."""
    return spki_der(one) == spki_der(other)


def spki_der(key: object) -> bytes:
    """SubjectPublicKeyInfo, DER; raises ConfigurationError for keys we do not use."""
    return checked_public_key(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
