"""The attribute authority: short-lived attribute certificates for professional roles (RFC 5755)."""

import secrets
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.authority import Validity, validity_of
from certs.der import bit_string, explicit, generalized_time, implicit
from certs.keys import (
    PrivateKey,
    algorithm_identifier,
    algorithm_of,
    checked_public_key,
    digest_for,
    sign,
)
from signer.domain.attribute import CertifiedAttribute, ProfessionalAttribute, RequiredAttribute
from signer.domain.errors import (
    AttributeNotHeldError,
    CertificateAuthorityUnavailableError,
    InvalidRequestError,
    QSCDUnavailableError,
)
from signer.formats.der import integer, object_identifier, octet_string, sequence, set_of
from signer.ports import Clock

_ROLE: Final = object_identifier("2.5.4.72")
_NO_REV_AVAIL: Final = object_identifier("2.5.29.56")
_AUTHORITY_KEY_IDENTIFIER: Final = object_identifier("2.5.29.35")
_NULL: Final = b"\x05\x00"
_VERSION_2: Final = integer(1)
_BACKDATED: Final = timedelta(minutes=5)
_URN: Final = "urn:chancela:attribute:"


class HostedAttributeAuthority:
    """The port ``AttributeAuthority`` on a key of our own."""

    def __init__(
        self,
        key: PrivateKey,
        certificate: x509.Certificate,
        chain: tuple[x509.Certificate, ...],
        clock: Clock,
        *,
        lifetime: timedelta,
    ) -> None:
        """``chain``: issuing CA(s), without the root."""
        public_key = checked_public_key(certificate.public_key())
        self._key = key
        self._certificate = certificate
        self._clock = clock
        self._lifetime = lifetime
        self._digest = digest_for(public_key)
        self._algorithm = algorithm_identifier(algorithm_of(public_key))
        self._chain = tuple(one.public_bytes(Encoding.DER) for one in (certificate, *chain))
        directory_name = explicit(4, certificate.subject.public_bytes())
        self._issuer = explicit(0, sequence(directory_name))  # v2Form
        self._role_authority = explicit(0, directory_name)
        self._extensions = sequence(
            _extension(_AUTHORITY_KEY_IDENTIFIER, sequence(implicit(0, _subject_key(certificate)))),
            # Short life instead of revocation (RFC 5755, 4.3.6).
            _extension(_NO_REV_AVAIL, _NULL),
        )

    def certify(
        self, holder_certificate_der: bytes, attribute: ProfessionalAttribute
    ) -> CertifiedAttribute:
        """Certificate for ``attribute``, held by the owner of the given certificate.

        Valid from a little before now for the set lifetime, but not longer than the attribute,
        the holder's certificate or our own.  Raises AttributeNotHeldError when nothing of that
        is left, InvalidRequestError for a broken certificate,
        CertificateAuthorityUnavailableError.
        """
        try:
            holder = x509.load_der_x509_certificate(holder_certificate_der)
        except ValueError as error:
            raise InvalidRequestError("not a certificate", field="certificate") from error
        validity = self._validity(holder, attribute)
        content = self._content(holder, attribute, validity)
        try:
            signature = sign(self._key, content, self._digest)
        except QSCDUnavailableError as error:
            raise CertificateAuthorityUnavailableError(retry_after=error.retry_after) from error
        der = sequence(content, self._algorithm, bit_string(signature))
        return CertifiedAttribute(attribute, der, validity.not_after)

    def chain_der(self) -> tuple[bytes, ...]:
        """The authority's certificate, then issuing CA(s), without the root."""
        return self._chain

    def _validity(self, holder: x509.Certificate, attribute: ProfessionalAttribute) -> Validity:
        now = self._clock.now().replace(microsecond=0)
        validity = Validity(not_before=now - _BACKDATED, not_after=now + self._lifetime)
        for outer in (
            Validity(not_before=attribute.valid_from, not_after=attribute.valid_until),
            validity_of(holder),
            validity_of(self._certificate),
        ):
            validity = validity.within(outer)
        if not validity.not_before <= now < validity.not_after:
            raise AttributeNotHeldError
        return Validity(
            not_before=validity.not_before.replace(microsecond=0),
            not_after=validity.not_after.replace(microsecond=0),
        )

    def _content(
        self, holder: x509.Certificate, attribute: ProfessionalAttribute, validity: Validity
    ) -> bytes:
        """``AttributeCertificateInfo`` DER."""
        issuer_serial = explicit(
            0,
            sequence(explicit(4, holder.issuer.public_bytes())),
            integer(holder.serial_number),
        )
        name = implicit(6, role_uri(attribute).encode("ascii"))
        role = sequence(self._role_authority, explicit(1, name))
        return sequence(
            _VERSION_2,
            sequence(issuer_serial),
            self._issuer,
            self._algorithm,
            integer(secrets.randbits(127) | 1),
            sequence(generalized_time(validity.not_before), generalized_time(validity.not_after)),
            sequence(sequence(_ROLE, set_of(role))),
            self._extensions,
        )


def role_uri(attribute: ProfessionalAttribute | RequiredAttribute) -> str:
    """The role name: ``urn:chancela:attribute:<provider>:<role>?=<name>=<value>&…`` (RFC 8141)."""
    name = f"{_URN}{quote(attribute.provider, safe='')}:{quote(attribute.role, safe='')}"
    if not attribute.sub_attributes:
        return name
    return f"{name}?={urlencode(attribute.sub_attributes, quote_via=quote, safe='')}"


def parse_role_uri(uri: str) -> RequiredAttribute:
    """Inverse of :func:`role_uri`; raises InvalidRequestError for other URIs."""
    name, _, component = uri.partition("?=")
    provider, colon, role = name.removeprefix(_URN).partition(":")
    if not name.startswith(_URN) or not (provider and colon and role) or ":" in role:
        raise InvalidRequestError("not a role of this service", field="role")
    pairs = tuple(parse_qsl(component, keep_blank_values=True))
    return RequiredAttribute(unquote(provider), unquote(role), pairs)


def _extension(oid: bytes, value: bytes) -> bytes:
    return sequence(oid, octet_string(value))


def _subject_key(certificate: x509.Certificate) -> bytes:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
