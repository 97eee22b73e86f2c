"""What goes into each kind of certificate (RFC 5280; ETSI EN 319 412-2, -3 and -5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
)

from signer.country import CountryProfile
from signer.domain.account import IdentityData
from signer.formats.der import object_identifier, sequence, tlv

ORGANIZATION_IDENTIFIER: Final = x509.ObjectIdentifier("2.5.4.97")
TSL_SIGNING: Final = x509.ObjectIdentifier("0.4.0.2231.3.0")
_QC_STATEMENTS: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")

_PKIX_SYNTAX_V2: Final = "1.3.6.1.5.5.7.11.2"
_SEMANTICS_NATURAL: Final = "0.4.0.194121.1.1"
_SEMANTICS_LEGAL: Final = "0.4.0.194121.1.2"
_QC_COMPLIANCE: Final = "0.4.0.1862.1.1"
_QC_SSCD: Final = "0.4.0.1862.1.4"
_QC_PDS: Final = "0.4.0.1862.1.5"
_QC_TYPE: Final = "0.4.0.1862.1.6"
_TYPE_ESIGN: Final = "0.4.0.1862.1.6.1"
_TYPE_ESEAL: Final = "0.4.0.1862.1.6.2"

Extension = tuple[x509.ExtensionType, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where relying parties find things, from the one setting ``pki_url``."""

    pki_url: str
    """Base without a slash at its end, e.g. ``http://127.0.0.1:8080/pki``."""

    def ocsp(self, issuer: str) -> str:
        """Responder for certificates of ``issuer``."""
        return f"{self.pki_url}/ocsp/{issuer}"

    def ca(self, issuer: str) -> str:
        """DER certificate of ``issuer``."""
        return f"{self.pki_url}/ca/{issuer}.der"

    def crl(self, issuer: str) -> str:
        """List of certificates ``issuer`` revoked."""
        return f"{self.pki_url}/crl/{issuer}.crl"

    @property
    def tsa(self) -> str:
        """Time-stamping authority."""
        return f"{self.pki_url}/tsa"

    @property
    def trusted_list(self) -> str:
        """Trusted list."""
        return f"{self.pki_url}/tl.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A legal person in a subject name."""

    name: str
    identifier: str
    """EN 319 412-1, 5.1.4, e.g. ``VATPT-500000000``."""
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualification:
    """Statements about citizens' and seals' certificates; both false unless explicitly set.

    They are legal claims: true only for a supervised service (QcCompliance) whose device is a
    certified QSCD (QcSSCD).
    """

    compliance: bool = False
    device: bool = False
    disclosure: tuple[tuple[str, str], ...] = ()
    """PKI disclosure statements: (https URL, two-letter language); English is required."""

    @property
    def complete(self) -> bool:
        """Qualified certificate with its key in a QSCD: the policy OID may say so."""
        return self.compliance and self.device


def organisation_name(organisation: Organisation, common_name: str) -> x509.Name:
    """Subject of our own services (EN 319 412-3, 4.2.1)."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, organisation.country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation.name),
            x509.NameAttribute(ORGANIZATION_IDENTIFIER, organisation.identifier),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def person_name(
    identity: IdentityData, serial_number: str, country: str, *, mark: str = ""
) -> x509.Name:
    """Subject of a citizen (EN 319 412-2, 4.2.4); ``mark`` (``TESTE``) goes before the name."""
    common = f"{mark} {identity.full_name}".strip()
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.SURNAME, identity.surname[:_UB_NAME]),
            x509.NameAttribute(NameOID.GIVEN_NAME, identity.given_name[:_UB_NAME]),
            x509.NameAttribute(NameOID.COMMON_NAME, common[:_UB_NAME]),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, serial_number),
        ]
    )


_UB_NAME: Final = 64
"""RFC 5280, appendix A.1: upper bound of a common name; the library holds the others to it."""


def key_usage(
    *,
    signature: bool = False,
    commitment: bool = False,
    certificates: bool = False,
) -> Extension:
    """Critical keyUsage; ``certificates`` is keyCertSign with cRLSign."""
    usage = x509.KeyUsage(
        digital_signature=signature,
        content_commitment=commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
    return usage, True


def where_to_ask(addresses: Addresses, issuer: str) -> tuple[Extension, ...]:
    """AIA (OCSP and caIssuers) and CRL distribution point."""
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP,
                x509.UniformResourceIdentifier(addresses.ocsp(issuer)),
            ),
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS,
                x509.UniformResourceIdentifier(addresses.ca(issuer)),
            ),
        ]
    )
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier(addresses.crl(issuer))], None, None, None
    )
    return (access, False), (x509.CRLDistributionPoints([point]), False)


def policies(oids: Iterable[str]) -> Extension:
    """The policies extension, without qualifiers."""
    return (
        x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids]
        ),
        False,
    )


def root_ca() -> tuple[Extension, ...]:
    """Self-signed root."""
    return (x509.BasicConstraints(ca=True, path_length=None), True), key_usage(certificates=True)


def issuing_ca(addresses: Addresses, issuer: str) -> tuple[Extension, ...]:
    """CA for end entities only."""
    return (
        (x509.BasicConstraints(ca=True, path_length=0), True),
        key_usage(certificates=True),
        policies(["2.5.29.32.0"]),
        *where_to_ask(addresses, issuer),
    )


def ocsp_responder() -> tuple[Extension, ...]:
    """Delegated responder (RFC 6960, 4.2.2.2); short-lived instead of asked about itself."""
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        key_usage(signature=True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
        (x509.OCSPNoCheck(), False),
    )


def time_stamping_unit(
    country: CountryProfile, addresses: Addresses, issuer: str
) -> tuple[Extension, ...]:
    """TSU (RFC 3161, 2.3; EN 319 422, 6): EKU timeStamping critical and alone."""
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        key_usage(signature=True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
        policies(country.policies.service),
        *where_to_ask(addresses, issuer),
    )


def attribute_authority(
    country: CountryProfile, addresses: Addresses, issuer: str
) -> tuple[Extension, ...]:
    """Attribute authority (RFC 5755, 4.5): no CA, signs attribute certificates."""
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        key_usage(signature=True, commitment=True),
        policies(country.policies.service),
        *where_to_ask(addresses, issuer),
    )


def trusted_list_signer(addresses: Addresses, issuer: str) -> tuple[Extension, ...]:
    """Signer of the trusted list (TS 119 612, 5.7.1)."""
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        key_usage(signature=True),
        (x509.ExtendedKeyUsage([TSL_SIGNING]), False),
        *where_to_ask(addresses, issuer),
    )


def citizen(
    country: CountryProfile,
    addresses: Addresses,
    issuer: str,
    *,
    semantics: bool,
    qualification: Qualification,
) -> tuple[Extension, ...]:
    """Natural person's signing certificate (EN 319 412-2): nonRepudiation alone."""
    oids = (
        country.policies.citizen_qualified if qualification.complete else country.policies.citizen
    )
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        key_usage(commitment=True),
        policies(oids),
        qc_statements(_TYPE_ESIGN, _SEMANTICS_NATURAL if semantics else "", qualification),
        *where_to_ask(addresses, issuer),
    )


def seal(
    country: CountryProfile, addresses: Addresses, issuer: str, *, qualification: Qualification
) -> tuple[Extension, ...]:
    """Legal person's eSeal certificate (EN 319 412-3)."""
    oids = country.policies.seal_qualified if qualification.complete else country.policies.seal
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        key_usage(commitment=True),
        policies(oids),
        qc_statements(_TYPE_ESEAL, _SEMANTICS_LEGAL, qualification),
        *where_to_ask(addresses, issuer),
    )


def qc_statements(kind: str, semantics: str, qualification: Qualification) -> Extension:
    """QcStatements (EN 319 412-5; RFC 3739, 3.2.6); QcCClegislation never appears.

    ``semantics`` is the dotted OID of EN 319 412-1, 5.1, or empty.
    """
    statements = []
    if semantics:
        statements.append(_statement(_PKIX_SYNTAX_V2, sequence(object_identifier(semantics))))
    if qualification.compliance:
        statements.append(_statement(_QC_COMPLIANCE))
    if qualification.device:
        statements.append(_statement(_QC_SSCD))
    statements.append(_statement(_QC_TYPE, sequence(object_identifier(kind))))
    if qualification.disclosure:
        locations = [
            sequence(tlv(0x16, url.encode("ascii")), tlv(0x13, language.encode("ascii")))
            for url, language in qualification.disclosure
        ]
        statements.append(_statement(_QC_PDS, sequence(*locations)))
    return x509.UnrecognizedExtension(_QC_STATEMENTS, sequence(*statements)), False


def _statement(oid: str, *info: bytes) -> bytes:
    return sequence(object_identifier(oid), *info)
