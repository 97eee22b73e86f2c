"""The few fields of a certificate that formats compare, read from its own bytes (RFC 5280, 4.1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from signer.domain import strict_der
from signer.domain.strict_der import Element

_CONTEXT_0: Final = 0xA0
_CONTEXT_3: Final = 0xA3
_KEY_IDENTIFIER_TAG: Final = 0x80
_SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
_DIRECTORY_NAME: Final = 0xA4


@dataclass(frozen=True, slots=True)
class CertificateFields:
    """Encoded fields of one certificate."""

    serial: bytes
    """INTEGER, DER."""
    issuer: bytes
    """Name, DER."""
    subject: bytes
    key_identifier: bytes
    """The octets of subjectKeyIdentifier; empty when there is none."""

    def is_named_by(self, sid: Element) -> bool:
        """True when a SignerIdentifier (RFC 5652, 5.3) means this certificate."""
        if sid.tag == _KEY_IDENTIFIER_TAG:
            return bool(self.key_identifier) and sid.content == self.key_identifier
        issuer, serial = sid.children(strict_der.SEQUENCE)
        return (issuer.encoded, serial.encoded) == (self.issuer, self.serial)


@lru_cache(maxsize=1024)
def fields_of(certificate: bytes) -> CertificateFields:
    """Read a certificate (DER); raises IntegrityAlarmError when it is none."""
    tbs = strict_der.parse(certificate).children(strict_der.SEQUENCE)[0]
    fields = list(tbs.children(strict_der.SEQUENCE))
    if fields[0].tag == _CONTEXT_0:
        del fields[0]
    identifier = b""
    if fields[-1].tag == _CONTEXT_3:
        (extensions,) = fields[-1].children(_CONTEXT_3)
        for extension in extensions.children(strict_der.SEQUENCE):
            parts = extension.children(strict_der.SEQUENCE)
            if parts[0].dotted() == _SUBJECT_KEY_IDENTIFIER:
                value = parts[-1].expect(strict_der.OCTET_STRING).content
                identifier = strict_der.parse(value).expect(strict_der.OCTET_STRING).content
    return CertificateFields(
        serial=fields[0].encoded,
        issuer=fields[2].encoded,
        subject=fields[4].encoded,
        key_identifier=identifier,
    )


def named_certificate(sid: bytes, certificates: Iterable[bytes]) -> bytes | None:
    """The certificate that a SignerIdentifier (DER) means, or None."""
    parsed = strict_der.parse(sid)
    for one in certificates:
        if fields_of(one).is_named_by(parsed):
            return one
    return None


def attribute_issuers(signer_attributes: bytes, certificates: Iterable[bytes]) -> tuple[bytes, ...]:
    """Certificates of the authorities behind a signer-attributes-v2 value (DER).

    Found by the issuer's name in each attribute certificate (RFC 5755, 4.2.3: v2Form).
    """
    names: list[bytes] = []
    for field in strict_der.parse(signer_attributes).children(strict_der.SEQUENCE):
        if field.tag != 0xA1:  # noqa: PLR2004 - [1] certifiedAttributesV2
            continue
        (proofs,) = field.children(field.tag)
        for proof in proofs.children(strict_der.SEQUENCE):
            if proof.tag != _CONTEXT_0:
                continue
            (certificate,) = proof.children(_CONTEXT_0)
            names += _issuer_names(certificate)
    return tuple(one for one in certificates if fields_of(one).subject in names)


def _issuer_names(attribute_certificate: Element) -> list[bytes]:
    info = attribute_certificate.children(strict_der.SEQUENCE)[0].children(strict_der.SEQUENCE)
    issuer = info[2]
    general_names = issuer.children(issuer.tag)
    if issuer.tag == _CONTEXT_0 and general_names and general_names[0].tag == strict_der.SEQUENCE:
        general_names = general_names[0].children(strict_der.SEQUENCE)
    return [one.content for one in general_names if one.tag == _DIRECTORY_NAME]
