"""CMS SignedData (RFC 5652) assembled from pieces that are encoded once per certificate chain.

Encoding a whole structure costs more than the signature itself; of the pieces only the message
digest, the times and the signature value differ from one signature to the next.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, final

from signer.domain import strict_der
from signer.domain.values import DigestAlgorithm, SignatureAlgorithm
from signer.formats import der
from signer.formats.signer_attributes import SIGNER_ATTRIBUTES_V2

_DATA: Final = der.object_identifier("1.2.840.113549.1.7.1")
_SIGNED_DATA: Final = der.object_identifier("1.2.840.113549.1.7.2")
_VERSION_1: Final = der.integer(1)
_NULL: Final = b"\x05\x00"
_CONTEXT_0: Final = 0xA0
_CONTEXT_1: Final = 0xA1
_DIRECTORY_NAME: Final = 0xA4

CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
ALGORITHM_PROTECTION: Final = "1.2.840.113549.1.9.52"
SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
SIGNATURE_TIME_STAMP: Final = "1.2.840.113549.1.9.16.2.14"


def attribute(oid: str, value: bytes) -> bytes:
    """``Attribute`` with one value, already encoded."""
    return der.sequence(der.object_identifier(oid), der.tlv(der.SET, value))


@final
@dataclass(frozen=True, slots=True)
class CMSTemplate:
    """Everything in a SignedData that does not change from one signature to the next.

    Immutable, so threads share it; :func:`template_for` makes and keeps it.
    """

    digest_algorithm: bytes
    signature_algorithm: bytes
    signer_identifier: bytes
    certificates: bytes
    fixed_attributes: tuple[bytes, ...]

    def signed_attributes(
        self,
        message_digest: bytes,
        *,
        signing_time: datetime | None = None,
        signer_attributes: bytes | None = None,
        further: tuple[bytes, ...] = (),
    ) -> bytes:
        """DER of the SET OF attributes to sign (tag 0x31: RFC 5652, 5.4).

        ``signing_time`` is left out in PAdES, where the time is in the PDF (EN 319 142-1, 6.3).
        ``further`` are whole attributes, DER.
        """
        attributes = [
            *self.fixed_attributes,
            *further,
            attribute(MESSAGE_DIGEST, der.octet_string(message_digest)),
        ]
        if signing_time is not None:
            attributes.append(attribute(SIGNING_TIME, der.time(signing_time)))
        if signer_attributes is not None:
            attributes.append(attribute(SIGNER_ATTRIBUTES_V2, signer_attributes))
        return der.set_of(*attributes)

    def signer_info(
        self, signed_attributes: bytes, signature: bytes, *, timestamp: bytes | None = None
    ) -> bytes:
        """DER of one SignerInfo; ``timestamp`` is an RFC 3161 token (DER) over ``signature``."""
        fields = [
            _VERSION_1,
            self.signer_identifier,
            self.digest_algorithm,
            bytes((_CONTEXT_0,)) + signed_attributes[1:],
            self.signature_algorithm,
            der.octet_string(signature),
        ]
        if timestamp is not None:
            stamped = attribute(SIGNATURE_TIME_STAMP, timestamp)
            fields.append(der.set_of(stamped, tag=_CONTEXT_1))
        return der.sequence(*fields)

    def signed_data(
        self,
        signed_attributes: bytes,
        signature: bytes,
        *,
        timestamp: bytes | None = None,
        enclosed: bytes | None = None,
    ) -> bytes:
        """DER of the complete ContentInfo, the content outside unless it is ``enclosed``."""
        inside = b"" if enclosed is None else der.tlv(_CONTEXT_0, der.octet_string(enclosed))
        content = der.sequence(
            _VERSION_1,
            der.tlv(der.SET, self.digest_algorithm),
            der.sequence(_DATA, inside),
            self.certificates,
            der.tlv(der.SET, self.signer_info(signed_attributes, signature, timestamp=timestamp)),
        )
        return der.sequence(_SIGNED_DATA, der.tlv(_CONTEXT_0, content))


@lru_cache(maxsize=1024)
def template_for(certificates: tuple[bytes, ...], algorithm: SignatureAlgorithm) -> CMSTemplate:
    """Template for a signer; ``certificates`` (DER) start with the signer's own.

    All of them are embedded, each once.  Raises IntegrityAlarmError when the signer's certificate
    is not DER.
    """
    leaf = certificates[0]
    issuer, serial = _issuer_and_serial(leaf)
    digest = algorithm.digest
    digest_algorithm = der.sequence(der.object_identifier(digest.value))
    # RFC 4055 demands the NULL with RSA, RFC 5758 forbids it with ECDSA.
    parameters = (_NULL,) if algorithm.name.startswith("RSA") else ()
    signature_oid = der.object_identifier(algorithm.value)
    # ESSCertIDv2: hashAlgorithm DEFAULT SHA-256 is left out in DER (RFC 5035, 4).
    hash_algorithm = () if digest is DigestAlgorithm.SHA256 else (digest_algorithm,)
    certificate_id = der.sequence(
        *hash_algorithm,
        der.octet_string(digest.of(leaf)),
        der.sequence(der.sequence(der.tlv(_DIRECTORY_NAME, issuer)), serial),
    )
    protection = der.sequence(digest_algorithm, der.tlv(_CONTEXT_1, signature_oid, *parameters))
    return CMSTemplate(
        digest_algorithm=digest_algorithm,
        signature_algorithm=der.sequence(signature_oid, *parameters),
        signer_identifier=der.sequence(issuer, serial),
        certificates=der.set_of(*dict.fromkeys(certificates), tag=_CONTEXT_0),
        fixed_attributes=(
            attribute(CONTENT_TYPE, _DATA),
            attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(certificate_id))),
            attribute(ALGORITHM_PROTECTION, protection),
        ),
    )


@lru_cache(maxsize=1024)
def without_root(chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The chain (DER, leaf first) without a self-issued last certificate: validators have it."""
    fields = _tbs_fields(chain[-1])
    return chain[:-1] if len(chain) > 1 and fields[2].encoded == fields[4].encoded else chain


def _issuer_and_serial(certificate: bytes) -> tuple[bytes, bytes]:
    fields = _tbs_fields(certificate)
    return fields[2].encoded, fields[0].encoded


def _tbs_fields(certificate: bytes) -> tuple[strict_der.Element, ...]:
    """Fields from the serial number on, exactly as the certificate has them (RFC 5280, 4.1)."""
    tbs = strict_der.parse(certificate).children(strict_der.SEQUENCE)[0]
    fields = tbs.children(strict_der.SEQUENCE)
    return fields[1:] if fields[0].tag == _CONTEXT_0 else fields
