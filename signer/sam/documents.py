"""Checks that what is about to be signed is the document that was granted.

Deliberately apart from :mod:`signer.formats`, which makes what is checked here: one fault cannot
make both agree.  Every refusal is an :class:`~signer.domain.errors.IntegrityAlarmError`, because
the bytes come from our own code.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from signer.domain import strict_der
from signer.domain.attribute import AssertedAttribute, CertifiedAttribute, ProfessionalAttribute
from signer.domain.errors import IntegrityAlarmError
from signer.domain.strict_der import Element
from signer.domain.transaction import ItemKind, SigningItem
from signer.domain.values import DTBSR, Digest, DigestAlgorithm, KeyAlgorithm, SignatureAlgorithm

_ID_DATA: Final = "1.2.840.113549.1.7.1"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_ALGORITHM_PROTECTION: Final = "1.2.840.113549.1.9.52"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
_SIGNER_ATTRIBUTES_V2: Final = "0.4.0.19122.1.1"
_TITLE: Final = "2.5.4.12"

_CONTEXT_0: Final = 0xA0
_CONTEXT_1: Final = 0xA1
_DIRECTORY_NAME: Final = 0xA4

_BYTE_RANGE: Final = re.compile(rb"/ByteRange\s*\[\s*0 +(\d+) +(\d+) +(\d+)\s*\]")
_UNFILLED: Final = re.compile(rb"<0+>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """With what and as whom an item is signed."""

    certificate_der: bytes
    key_algorithm: KeyAlgorithm
    granted: tuple[ProfessionalAttribute, ...]
    """The attributes in the bindings."""
    asserted: tuple[AssertedAttribute, ...]
    """What the signature carries: must be the granted ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEvidence:
    """What the SAM gets beside the granted item, to check the link itself."""

    to_be_signed: bytes = b""
    """DER of the SET OF SignedAttributes (tag 0x31); empty for RAW."""
    prepared_document: bytes | None = field(default=None, repr=False)
    """PADES: the prepared PDF, its /Contents still zero."""


def dtbsr_of(item: SigningItem, evidence: DocumentEvidence, signatory: Signatory) -> DTBSR:
    """The digest to sign for a granted item, computed here.

    Raises IntegrityAlarmError when the bytes to sign say anything that was not granted.
    """
    if item.kind is ItemKind.RAW:
        return DTBSR(item.digest.algorithm, item.digest.value)
    expected = _message_digest(item, evidence)
    try:
        _SignedAttributes(item.digest.algorithm, evidence.to_be_signed, signatory).check(expected)
    except (IndexError, UnicodeDecodeError) as error:
        msg = "document link: a signed attribute is malformed"
        raise IntegrityAlarmError(msg) from error
    return DTBSR(item.digest.algorithm, item.digest.algorithm.of(evidence.to_be_signed))


def _message_digest(item: SigningItem, evidence: DocumentEvidence) -> Digest:
    """What the message-digest attribute must be."""
    if item.kind.is_whole_document:
        if item.document is None:
            _refuse("a whole document was granted, but its bytes are missing")
        if not Digest.of(item.digest.algorithm, item.document).matches(item.digest):
            _refuse("the document is not the one that was granted")
        if item.kind is ItemKind.PADES:
            return _byte_range_digest(
                item.document, evidence.prepared_document, item.digest.algorithm
            )
    return item.digest


def _byte_range_digest(original: bytes, prepared: bytes | None, kind: DigestAlgorithm) -> Digest:
    """Digest of the prepared PDF without its /Contents (ISO 32000-2, 12.8.1)."""
    if prepared is None or not prepared.startswith(original):
        _refuse("the prepared PDF does not begin with the granted one")
    ranges = [match.groups() for match in _BYTE_RANGE.finditer(prepared, len(original))]
    if len(ranges) != 1:
        _refuse("the prepared PDF adds none or several ByteRanges")
    before, resumed, after = (int(number) for number in ranges[0])
    gap_is_contents = (
        len(original) <= before < resumed
        and resumed + after == len(prepared)
        and prepared[len(original) : before].rstrip().endswith(b"/Contents")
        and _UNFILLED.fullmatch(prepared, before, resumed) is not None
    )
    if not gap_is_contents:
        _refuse("the ByteRange leaves out more than the new signature's /Contents")
    hashed = hashlib.new(kind.hash_name, memoryview(prepared)[:before])
    hashed.update(memoryview(prepared)[resumed:])
    return Digest(kind, hashed.digest())


class _SignedAttributes:
    """Parsed signed attributes and what each must say."""

    def __init__(self, digest: DigestAlgorithm, encoded: bytes, signatory: Signatory) -> None:
        self._digest = digest
        self._signatory = signatory
        self._values: dict[str, Element] = {}
        for attribute in strict_der.parse(encoded).child_set():
            kind, values = _exactly(attribute.children(strict_der.SEQUENCE), 2)
            (value,) = _exactly(values.child_set(), 1)
            if kind.dotted() in self._values:
                _refuse("a signed attribute comes twice")
            self._values[kind.dotted()] = value

    def check(self, message_digest: Digest) -> None:
        values = self._values
        mandatory = {_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE_V2}
        optional = {_SIGNING_TIME, _ALGORITHM_PROTECTION, _SIGNER_ATTRIBUTES_V2}
        if not mandatory <= values.keys() <= mandatory | optional:
            _refuse("signed attributes are missing or unknown")
        if values[_CONTENT_TYPE].dotted() != _ID_DATA:
            _refuse("the content-type is not id-data")
        if values[_MESSAGE_DIGEST].expect(strict_der.OCTET_STRING).content != message_digest.value:
            _refuse("the message-digest is not the granted one")
        self._check_certificate(values[_SIGNING_CERTIFICATE_V2])
        if _SIGNING_TIME in values and values[_SIGNING_TIME].tag not in {
            strict_der.UTC_TIME,
            strict_der.GENERALIZED_TIME,
        }:
            _refuse("the signing-time is not a time")
        if _ALGORITHM_PROTECTION in values:
            self._check_algorithms(values[_ALGORITHM_PROTECTION])
        self._check_attributes(values.get(_SIGNER_ATTRIBUTES_V2))

    def _check_certificate(self, value: Element) -> None:
        """SigningCertificateV2 (RFC 5035, 3) names the credential's certificate, first and only."""
        (certificates,) = _exactly(value.children(strict_der.SEQUENCE), 1)
        (certificate_id,) = _exactly(certificates.children(strict_der.SEQUENCE), 1)
        fields = list(certificate_id.children(strict_der.SEQUENCE))
        algorithm = DigestAlgorithm.SHA256
        if fields and fields[0].tag == strict_der.SEQUENCE:
            (named,) = _exactly(fields.pop(0).children(strict_der.SEQUENCE), 1)
            algorithm = self._digest
            if named.dotted() != algorithm.value:
                _refuse("the signing certificate is named by an unexpected digest")
        expected = algorithm.of(self._signatory.certificate_der)
        if not fields or fields[0].expect(strict_der.OCTET_STRING).content != expected:
            _refuse("the signing certificate is not the credential's")

    def _check_algorithms(self, value: Element) -> None:
        """CMSAlgorithmProtection (RFC 6211) names the algorithms that will be used."""
        digest, signature = _exactly(value.children(strict_der.SEQUENCE), 2)
        expected = SignatureAlgorithm.of(self._signatory.key_algorithm, self._digest)
        if (
            digest.children(strict_der.SEQUENCE)[0].dotted() != self._digest.value
            or signature.children(_CONTEXT_1)[0].dotted() != expected.value
        ):
            _refuse("the protected algorithms are not the ones in use")

    def _check_attributes(self, value: Element | None) -> None:
        """SignerAttributesV2 (EN 319 122-1, 5.2.6.1) says what the bindings say, in order."""
        asserted = self._signatory.asserted
        if tuple(one.attribute for one in asserted) != self._signatory.granted:
            _refuse("the asserted attributes are not the granted ones")
        if value is None:
            if asserted:
                _refuse("the granted attributes are not in the signature")
            return
        fields = {field.tag: field for field in value.children(strict_der.SEQUENCE)}
        if not asserted or not {_CONTEXT_0} <= fields.keys() <= {_CONTEXT_0, _CONTEXT_1}:
            _refuse("the signature carries attributes that were not granted")
        (claims,) = _exactly(fields[_CONTEXT_0].children(_CONTEXT_0), 1)
        claimed = [_claim(claim) for claim in claims.children(strict_der.SEQUENCE)]
        if claimed != [one.attribute.describe() for one in asserted]:
            _refuse("the claimed attributes are not the granted ones")
        certified: list[bytes] = []
        if _CONTEXT_1 in fields:
            (proofs,) = _exactly(fields[_CONTEXT_1].children(_CONTEXT_1), 1)
            for proof in proofs.children(strict_der.SEQUENCE):
                (certificate,) = _exactly(proof.children(_CONTEXT_0), 1)
                _check_holder(certificate, self._signatory.certificate_der)
                certified.append(certificate.encoded)
        if certified != [
            one.attribute_certificate_der for one in asserted if isinstance(one, CertifiedAttribute)
        ]:
            _refuse("the attribute certificates are not the ones of the granted attributes")


def _claim(claim: Element) -> str:
    kind, values = _exactly(claim.children(strict_der.SEQUENCE), 2)
    (value,) = _exactly(values.child_set(), 1)
    if kind.dotted() != _TITLE:
        _refuse("a claimed attribute is of an unexpected type")
    return value.expect(strict_der.UTF8_STRING).content.decode()


def _check_holder(attribute_certificate: Element, certificate_der: bytes) -> None:
    """The holder's baseCertificateID (RFC 5755, 4.2.2) is the credential's certificate."""
    info = attribute_certificate.children(strict_der.SEQUENCE)[0].children(strict_der.SEQUENCE)
    base = info[1].children(strict_der.SEQUENCE)[0].children(_CONTEXT_0)
    (name,) = _exactly(base[0].children(strict_der.SEQUENCE), 1)
    tbs = strict_der.parse(certificate_der).children(strict_der.SEQUENCE)[0]
    fields = tbs.children(strict_der.SEQUENCE)
    serial = 1 if fields[0].tag == _CONTEXT_0 else 0
    if (
        name.expect(_DIRECTORY_NAME).content != fields[serial + 2].encoded
        or base[1].encoded != fields[serial].encoded
    ):
        _refuse("an attribute certificate belongs to another certificate")


def _exactly(elements: tuple[Element, ...], count: int) -> tuple[Element, ...]:
    if len(elements) != count:
        _refuse("a signed attribute has more or fewer parts than expected")
    return elements


def _refuse(reason: str) -> NoReturn:
    msg = f"document link: {reason}"
    raise IntegrityAlarmError(msg)
