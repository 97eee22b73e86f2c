"""Checks CMS signed attributes: they say what was granted and nothing else.

Deliberately apart from :mod:`signer.formats`, which makes what is checked here.
"""

from typing import Final

from signer.domain import strict_der
from signer.domain.attribute import CertifiedAttribute
from signer.domain.signature_options import SignedProperties
from signer.domain.strict_der import Element
from signer.domain.values import Digest, DigestAlgorithm, SignatureAlgorithm
from signer.sam.cms_properties import check_properties, expected_attributes
from signer.sam.refusal import Signatory, refuse

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


class SignedAttributes:
    """Parsed signed attributes and what each must say."""

    def __init__(
        self,
        digest: DigestAlgorithm,
        encoded: bytes,
        signatory: Signatory,
        properties: SignedProperties,
        *,
        with_place: bool,
    ) -> None:
        """``with_place``: whether a granted production place is said here."""
        self._digest = digest
        self._signatory = signatory
        self._properties = properties
        self._chosen = expected_attributes(properties, with_place=with_place)
        self._values: dict[str, Element] = {}
        for attribute in strict_der.parse(encoded).child_set():
            kind, values = _exactly(attribute.children(strict_der.SEQUENCE), 2)
            (value,) = _exactly(values.child_set(), 1)
            if kind.dotted() in self._values:
                refuse("a signed attribute comes twice")
            self._values[kind.dotted()] = value

    def check(self, message_digest: Digest) -> None:
        """Raises IntegrityAlarmError for anything that was not granted, or is missing."""
        values = self._values
        mandatory = {_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE_V2} | self._chosen
        optional = {_SIGNING_TIME, _ALGORITHM_PROTECTION, _SIGNER_ATTRIBUTES_V2}
        if not mandatory <= values.keys() <= mandatory | optional:
            refuse("signed attributes are missing or unknown")
        if values[_CONTENT_TYPE].dotted() != _ID_DATA:
            refuse("the content-type is not id-data")
        if values[_MESSAGE_DIGEST].expect(strict_der.OCTET_STRING).content != message_digest.value:
            refuse("the message-digest is not the granted one")
        self._check_certificate(values[_SIGNING_CERTIFICATE_V2])
        if _SIGNING_TIME in values and values[_SIGNING_TIME].tag not in {
            strict_der.UTC_TIME,
            strict_der.GENERALIZED_TIME,
        }:
            refuse("the signing-time is not a time")
        if _ALGORITHM_PROTECTION in values:
            self._check_algorithms(values[_ALGORITHM_PROTECTION])
        self._check_attributes(values.get(_SIGNER_ATTRIBUTES_V2))
        check_properties(values, self._properties, message_digest)

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
                refuse("the signing certificate is named by an unexpected digest")
        expected = algorithm.of(self._signatory.certificate_der)
        if not fields or fields[0].expect(strict_der.OCTET_STRING).content != expected:
            refuse("the signing certificate is not the credential's")

    def _check_algorithms(self, value: Element) -> None:
        """CMSAlgorithmProtection (RFC 6211) names the algorithms that will be used."""
        digest, signature = _exactly(value.children(strict_der.SEQUENCE), 2)
        expected = SignatureAlgorithm.of(self._signatory.key_algorithm, self._digest)
        if (
            digest.children(strict_der.SEQUENCE)[0].dotted() != self._digest.value
            or signature.children(_CONTEXT_1)[0].dotted() != expected.value
        ):
            refuse("the protected algorithms are not the ones in use")

    def _check_attributes(self, value: Element | None) -> None:
        """SignerAttributesV2 (EN 319 122-1, 5.2.6.1) says what the bindings say, in order."""
        asserted = self._signatory.asserted
        if tuple(one.attribute for one in asserted) != self._signatory.granted:
            refuse("the asserted attributes are not the granted ones")
        texts = [one.attribute.describe() for one in asserted]
        texts += self._properties.claimed_roles
        if value is None:
            if texts:
                refuse("the granted attributes are not in the signature")
            return
        fields = {field.tag: field for field in value.children(strict_der.SEQUENCE)}
        if not texts or not {_CONTEXT_0} <= fields.keys() <= {_CONTEXT_0, _CONTEXT_1}:
            refuse("the signature carries attributes that were not granted")
        (claims,) = _exactly(fields[_CONTEXT_0].children(_CONTEXT_0), 1)
        claimed = [_claim(claim) for claim in claims.children(strict_der.SEQUENCE)]
        if claimed != texts:
            refuse("the claimed attributes are not the granted ones")
        certified: list[bytes] = []
        if _CONTEXT_1 in fields:
            (proofs,) = _exactly(fields[_CONTEXT_1].children(_CONTEXT_1), 1)
            for proof in proofs.children(strict_der.SEQUENCE):
                (certificate,) = _exactly(proof.children(_CONTEXT_0), 1)
                check_holder(certificate, self._signatory.certificate_der)
                certified.append(certificate.encoded)
        if certified != [
            one.attribute_certificate_der for one in asserted if isinstance(one, CertifiedAttribute)
        ]:
            refuse("the attribute certificates are not the ones of the granted attributes")


def _claim(claim: Element) -> str:
    kind, values = _exactly(claim.children(strict_der.SEQUENCE), 2)
    (value,) = _exactly(values.child_set(), 1)
    if kind.dotted() != _TITLE:
        refuse("a claimed attribute is of an unexpected type")
    return value.expect(strict_der.UTF8_STRING).content.decode()


def check_holder(attribute_certificate: Element, certificate_der: bytes) -> None:
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
        refuse("an attribute certificate belongs to another certificate")


def _exactly(elements: tuple[Element, ...], count: int) -> tuple[Element, ...]:
    if len(elements) != count:
        refuse("a signed attribute has more or fewer parts than expected")
    return elements
