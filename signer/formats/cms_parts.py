"""Takes a CMS SignedData apart and puts it together again, signatures untouched (RFC 5652, 5).

Elements keep the bytes they came with; only the sets that may grow (certificates, revocation
information, signers, unsigned attributes) are encoded anew.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Self

from signer.domain import strict_der
from signer.domain.errors import DocumentRefusedError, IntegrityAlarmError
from signer.domain.strict_der import Element
from signer.formats import der
from signer.formats.ber import definite

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_ID_DATA: Final = "1.2.840.113549.1.7.1"
_OCSP_RESPONSE: Final = der.object_identifier("1.3.6.1.5.5.7.16.2")
"""id-ri-ocsp-response (RFC 5940, 2.1)."""
_CONTEXT_0: Final = 0xA0
_CONTEXT_1: Final = 0xA1
_ATTRIBUTE_CERTIFICATE_V1: Final = 0xA1
_ATTRIBUTE_CERTIFICATE_V2: Final = 0xA2
_OTHER_CERTIFICATE: Final = 0xA3
_MAX_SIGNERS: Final = 32
_UNREADABLE: Final = "this is not a CMS signature that can be read"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute with its values, DER."""

    oid: str
    values: tuple[bytes, ...]
    encoded: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerParts:
    """One SignerInfo."""

    version: bytes
    sid: bytes
    digest_algorithm: bytes
    signed_attributes: bytes
    """With the tag [0] they have inside a SignerInfo; empty when there are none."""
    signature_algorithm: bytes
    signature: bytes
    """The value itself."""
    unsigned: tuple[Attribute, ...] = ()

    @property
    def fixed(self) -> tuple[bytes, ...]:
        """Everything that no later step may change, as encoded."""
        return (
            self.version,
            self.sid,
            self.digest_algorithm,
            self.signed_attributes,
            self.signature_algorithm,
            der.octet_string(self.signature),
        )

    @property
    def digest_oid(self) -> str:
        """Dotted OID of the digest algorithm."""
        return strict_der.parse(self.digest_algorithm).children(strict_der.SEQUENCE)[0].dotted()

    def signed(self, oid: str) -> bytes | None:
        """The single value of a signed attribute (DER), or None."""
        if not self.signed_attributes:
            return None
        found = [
            one
            for one in _attributes(strict_der.parse(self.signed_attributes), _CONTEXT_0)
            if one.oid == oid
        ]
        return found[0].values[0] if len(found) == 1 and len(found[0].values) == 1 else None

    def unsigned_values(self, *oids: str) -> tuple[bytes, ...]:
        """All values of unsigned attributes of these types, DER."""
        return tuple(value for one in self.unsigned if one.oid in oids for value in one.values)

    def with_unsigned(self, oid: str, value: bytes) -> Self:
        """The same with one unsigned attribute more."""
        encoded = der.sequence(der.object_identifier(oid), der.tlv(der.SET, value))
        return replace(self, unsigned=(*self.unsigned, Attribute(oid, (value,), encoded)))

    def encode(self) -> bytes:
        """DER of the SignerInfo."""
        unsigned = [one.encoded for one in self.unsigned]
        return der.sequence(*self.fixed, der.set_of(*unsigned, tag=_CONTEXT_1) if unsigned else b"")

    @classmethod
    def of(cls, element: Element) -> Self:
        """Read a SignerInfo."""
        fields = list(element.children(strict_der.SEQUENCE))
        version, sid, digest_algorithm = (fields.pop(0).encoded for _ in range(3))
        signed_attributes = fields.pop(0).encoded if fields[0].tag == _CONTEXT_0 else b""
        signature_algorithm = fields.pop(0).encoded
        signature = fields.pop(0).expect(strict_der.OCTET_STRING).content
        unsigned = _attributes(fields.pop(0), _CONTEXT_1) if fields else ()
        if fields:
            raise DocumentRefusedError("a SignerInfo has fields unknown here")
        return cls(
            version=version,
            sid=sid,
            digest_algorithm=digest_algorithm,
            signed_attributes=signed_attributes,
            signature_algorithm=signature_algorithm,
            signature=signature,
            unsigned=unsigned,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDataParts:
    """A SignedData; all sets in the order found."""

    digest_algorithms: tuple[bytes, ...]
    content_type: bytes
    """OBJECT IDENTIFIER, DER."""
    content: bytes | None
    """The octets signed, where they are inside."""
    certificates: tuple[bytes, ...]
    """CertificateChoices."""
    revocation: tuple[bytes, ...]
    """RevocationInfoChoices."""
    signers: tuple[SignerParts, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a ContentInfo, DER or BER; raises DocumentRefusedError for anything else."""
        with suppress(DocumentRefusedError):
            return cls.parse_der(data)
        try:
            return cls.parse_der(definite(data))
        except ValueError as error:
            raise DocumentRefusedError(_UNREADABLE, field="document") from error

    @classmethod
    def parse_der(cls, data: bytes) -> Self:
        """Read a ContentInfo in DER alone; raises DocumentRefusedError for anything else."""
        try:
            return cls._read(strict_der.parse(data))
        except (IntegrityAlarmError, ValueError, IndexError) as error:
            raise DocumentRefusedError(_UNREADABLE, field="document") from error

    @classmethod
    def _read(cls, info: Element) -> Self:
        kind, explicit = info.children(strict_der.SEQUENCE)
        if kind.dotted() != _SIGNED_DATA:
            raise ValueError("not SignedData")
        (signed_data,) = explicit.children(_CONTEXT_0)
        fields = list(signed_data.children(strict_der.SEQUENCE))
        fields.pop(0).expect(strict_der.INTEGER)
        digests = fields.pop(0).children(strict_der.SET)
        content_type, *content = fields.pop(0).children(strict_der.SEQUENCE)
        optional: dict[int, tuple[bytes, ...]] = {_CONTEXT_0: (), _CONTEXT_1: ()}
        for tag in optional:
            if fields[0].tag == tag:
                optional[tag] = tuple(one.encoded for one in fields.pop(0).children(tag))
        (signers,) = fields
        members = signers.children(strict_der.SET)
        if not 1 <= len(members) <= _MAX_SIGNERS:
            raise ValueError("none or too many signers")
        inside = None
        if content:
            (octets,) = content[0].children(_CONTEXT_0)
            inside = octets.expect(strict_der.OCTET_STRING).content
        content_type.dotted()
        return cls(
            digest_algorithms=tuple(one.encoded for one in digests),
            content_type=content_type.encoded,
            content=inside,
            certificates=optional[_CONTEXT_0],
            revocation=optional[_CONTEXT_1],
            signers=tuple(SignerParts.of(one) for one in members),
        )

    def encode(self) -> bytes:
        """DER of the ContentInfo, with the version its parts demand (RFC 5652, 5.1)."""
        content = (
            b"" if self.content is None else der.tlv(_CONTEXT_0, der.octet_string(self.content))
        )
        signed_data = der.sequence(
            der.integer(self._version()),
            der.set_of(*dict.fromkeys(self.digest_algorithms)),
            der.sequence(self.content_type, content),
            der.set_of(*dict.fromkeys(self.certificates), tag=_CONTEXT_0)
            if self.certificates
            else b"",
            der.set_of(*dict.fromkeys(self.revocation), tag=_CONTEXT_1) if self.revocation else b"",
            der.set_of(*(one.encode() for one in self.signers)),
        )
        return der.sequence(der.object_identifier(_SIGNED_DATA), der.tlv(_CONTEXT_0, signed_data))

    def with_signer(self, signer: SignerParts, *, replacing: SignerParts | None = None) -> Self:
        """The same with another signer, or with one instead of ``replacing``."""
        kept = tuple(one for one in self.signers if one != replacing)
        return replace(
            self,
            signers=(*kept, signer),
            digest_algorithms=(*self.digest_algorithms, signer.digest_algorithm),
        )

    def with_certificates(self, certificates: tuple[bytes, ...]) -> Self:
        """The same with these certificates too, each once."""
        return replace(self, certificates=tuple(dict.fromkeys((*self.certificates, *certificates))))

    def with_revocation(self, ocsp_responses: tuple[bytes, ...], crls: tuple[bytes, ...]) -> Self:
        """The same with this revocation information too: lists, and answers as other format."""
        answers = (der.tlv(_CONTEXT_1, _OCSP_RESPONSE, one) for one in ocsp_responses)
        return replace(self, revocation=tuple(dict.fromkeys((*self.revocation, *crls, *answers))))

    @property
    def x509_certificates(self) -> tuple[bytes, ...]:
        """The X.509 certificates among the choices."""
        return tuple(one for one in self.certificates if one[0] == der.SEQUENCE)

    def _version(self) -> int:
        kinds = {one[0] for one in self.certificates}
        if _OTHER_CERTIFICATE in kinds or any(one[0] == _CONTEXT_1 for one in self.revocation):
            return 5
        if _ATTRIBUTE_CERTIFICATE_V2 in kinds:
            return 4
        if (
            _ATTRIBUTE_CERTIFICATE_V1 in kinds
            or any(one.version == der.integer(3) for one in self.signers)
            or self.content_type != der.object_identifier(_ID_DATA)
        ):
            return 3
        return 1


def _attributes(element: Element, tag: int) -> tuple[Attribute, ...]:
    found = []
    for one in element.children(tag):
        kind, values = one.children(strict_der.SEQUENCE)
        found.append(
            Attribute(
                kind.dotted(),
                tuple(value.encoded for value in values.children(strict_der.SET)),
                one.encoded,
            )
        )
    return tuple(found)
