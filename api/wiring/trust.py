"""Certificates and time: the hierarchy on disk, the authorities on its keys."""

from datetime import timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from api.settings import Settings
from api.wiring.device import Device
from api.wiring.stores import Stores
from api.wiring.validation_data import HTTPFetch, anchors_in, own_answers, validation_data
from certs.attributes import HostedAttributeAuthority
from certs.authority import Authority
from certs.crl import CRLIssuer, CRLSource, FixedCRL
from certs.issuing import IssuingPolicy, LocalCertificateAuthority
from certs.ocsp import OCSPResponder
from certs.profiles import Addresses, Organisation, Qualification
from certs.setup import ISSUING, ROOT, Hierarchy, Names, Role
from certs.timestamp_verifier import TokenVerifier
from certs.trusted_list import (
    ListedService,
    ListScheme,
    ServicePurpose,
    ServiceType,
    TrustedListPublisher,
)
from certs.tsa import LocalTimestampAuthority, TimeStampingUnit
from certs.tsa_client import HTTPTimestampAuthority, TimestampSource
from certs.tsa_fallback import OrderedTimestampAuthorities
from certs.validation_data import OnlineValidationData
from hsm.service_keys import ServiceKey
from signer.country import CountryProfile
from signer.ports import TimestampAuthority


class Trust:
    """Everything X.509, made when first asked for."""

    def __init__(self, settings: Settings, device: Device, stores: Stores) -> None:
        self._settings = settings
        self._device = device
        self._stores = stores

    @property
    def directory(self) -> Path:
        """Where the certificates of our services are."""
        return self._settings.var / "pki"

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """Read from files; raises ConfigurationError naming the one at fault."""
        return Hierarchy.load(self.directory)

    @cached_property
    def country(self) -> CountryProfile:
        """Documents, numbers, policies."""
        return CountryProfile.load(self._settings.country_profile)

    @property
    def addresses(self) -> Addresses:
        """Where OCSP, CRLs and CA certificates are, as frozen into certificates."""
        return Addresses(pki_url=self._settings.pki_url)

    @property
    def names(self) -> Names:
        """Names of our services; the demo's say TESTE."""
        organisation = Organisation(
            name=self._settings.certificate_authority_name,
            identifier=self._settings.certificate_authority_identifier,
            country=self._settings.country_profile.upper(),
        )
        return Names(organisation=organisation, mark=self.mark)

    @property
    def mark(self) -> str:
        """``TESTE`` wherever this is not a production service."""
        return "" if self._settings.is_production else "TESTE"

    @cached_property
    def issuing(self) -> Authority:
        """The CA of citizens' certificates."""
        return Authority(
            ISSUING,
            self.hierarchy.certificate(Role.ISSUING_CA),
            self._device.pki.keys.key(ServiceKey.ISSUING_CA),
        )

    @cached_property
    def authority(self) -> LocalCertificateAuthority:
        """Issues, suspends, revokes."""
        policy = IssuingPolicy(
            country=self.country,
            addresses=self.addresses,
            serial_number_form=self._settings.certificate_serial_number_form,
            mark=self.mark,
            qualification=Qualification(
                compliance=self._settings.certificate_qualified_statements,
                device=self._settings.certificate_qualified_statements,
            ),
        )
        return LocalCertificateAuthority(
            self.issuing,
            (self.hierarchy.der(Role.ROOT_CA),),
            policy,
            self._stores.certificates,
            self._stores.clock,
        )

    @cached_property
    def responders(self) -> dict[str, OCSPResponder]:
        """One per CA level."""
        pairs = (
            (ROOT, Role.ROOT_CA, Role.OCSP_ROOT, ServiceKey.OCSP_ROOT),
            (ISSUING, Role.ISSUING_CA, Role.OCSP_ISSUING, ServiceKey.OCSP_ISSUING),
        )
        return {
            name: OCSPResponder(
                name,
                self.hierarchy.certificate(issuer),
                self.hierarchy.certificate(responder),
                self._device.pki.keys.key(key),
                self._stores.certificates,
                self._stores.clock,
                lifetime=timedelta(seconds=self._settings.ocsp_validity_seconds),
            )
            for name, issuer, responder, key in pairs
        }

    @cached_property
    def crls(self) -> dict[str, CRLSource]:
        """The root's list comes from the ceremony, the issuing CA's is kept current."""
        lifetime = timedelta(hours=self._settings.crl_validity_hours)
        return {
            ROOT: FixedCRL(self.hierarchy.root_crl_der),
            ISSUING: CRLIssuer(
                self.issuing,
                self._stores.certificates,
                self._stores.clock,
                lifetime=lifetime,
                renew_before=lifetime / 4,
            ),
        }

    @cached_property
    def unit(self) -> TimeStampingUnit:
        """Our own TSU."""
        return TimeStampingUnit(
            self._device.pki.keys.key(ServiceKey.TSA),
            self.hierarchy.certificate(Role.TSA),
            (self.hierarchy.certificate(Role.ISSUING_CA),),
            self.country.policies.time_stamp,
            self._stores.clock,
        )

    @cached_property
    def anchors(self) -> tuple[bytes, ...]:
        """Our root (DER), then those put into ``tsa-anchors`` and ``trust-anchors``."""
        var = self._settings.var
        return (
            self.hierarchy.der(Role.ROOT_CA),
            *anchors_in(var / "tsa-anchors"),
            *anchors_in(var / "trust-anchors"),
        )

    @cached_property
    def validation_data(self) -> OnlineValidationData:
        """Where revocation data for B-LT and B-LTA comes from."""
        settings = self._settings
        elsewhere = HTTPFetch(
            timeout_seconds=settings.validation_timeout_seconds,
            private_addresses=settings.validation_private_addresses,
        )
        answers = own_answers(
            self.addresses, self.responders, self.crls, self.hierarchy.ca_ders, elsewhere
        )
        return validation_data(
            self.anchors,
            answers,
            self._stores.clock,
            budget_seconds=3 * settings.validation_timeout_seconds,
        )

    @cached_property
    def timestamps(self) -> TimestampAuthority:
        """The configured authorities in order; ``internal`` is our own, in process."""
        urls = self._settings.tsa_urls
        anchors = [
            x509.load_der_x509_certificate(one)
            for one in anchors_in(self._settings.var / "tsa-anchors")
        ]
        verifier = TokenVerifier(anchors or [self.hierarchy.certificate(Role.ROOT_CA)])
        budget = timedelta(seconds=self._settings.tsa_timeout_seconds / max(len(urls), 1))
        authorities = [
            LocalTimestampAuthority(self.unit)
            if url == "internal"
            else HTTPTimestampAuthority(
                [TimestampSource(url=url, verifier=verifier)], self._stores.clock, budget=budget
            )
            for url in urls
        ]
        if len(authorities) == 1:
            return authorities[0]
        return OrderedTimestampAuthorities.of(authorities, self._stores.clock)

    @cached_property
    def trusted_list(self) -> TrustedListPublisher:
        """Our signed list of our own services."""
        hierarchy, names = self.hierarchy, self.names
        ca, tsa = hierarchy.certificate(Role.ISSUING_CA), hierarchy.certificate(Role.TSA)
        listed = (
            ListedService(
                type=ServiceType.CA_QC,
                name=common_name(ca),
                certificate=ca,
                since=ca.not_valid_before_utc,
                purposes=(ServicePurpose.SIGNATURES, ServicePurpose.SEALS),
            ),
            ListedService(
                type=ServiceType.TSA_QTST,
                name=common_name(tsa),
                certificate=tsa,
                since=tsa.not_valid_before_utc,
            ),
        )
        scheme = ListScheme(
            operator=names.organisation,
            scheme_name=f"{self._settings.service_name} trusted list",
            street="Rua Exemplo 1",
            locality="Lisboa",
            postal_code="1000-001",
            email="trusted-list@example.org",
            information_url=self._settings.base_url,
            notice="Test list: the services on it are not qualified."
            if self.mark
            else "List of the services of this provider.",
        )
        return TrustedListPublisher(
            scheme,
            listed,
            self._device.pki.keys.key(ServiceKey.TRUSTED_LIST),
            hierarchy.certificate(Role.TRUSTED_LIST),
            self._stores.clock,
        )

    @cached_property
    def attribute_authority(self) -> HostedAttributeAuthority:
        """Certifies professional attributes for hours."""
        return HostedAttributeAuthority(
            self._device.pki.keys.key(ServiceKey.ATTRIBUTE_AUTHORITY),
            self.hierarchy.certificate(Role.ATTRIBUTE_AUTHORITY),
            (self.hierarchy.certificate(Role.ISSUING_CA),),
            self._stores.clock,
            lifetime=timedelta(minutes=self._settings.attribute_certificate_lifetime_minutes),
        )


def common_name(certificate: x509.Certificate) -> str:
    """CN of the subject."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
