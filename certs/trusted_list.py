"""Our own signed trusted list (ETSI TS 119 612, 2.3.1): which CA and which TSU to trust."""

import base64
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree  # type: ignore[import-untyped] # the library has no types

from certs.keys import PrivateKey
from certs.profiles import Organisation
from certs.xml_signature import sign_enveloped
from signer.ports import Clock

_TSL: Final = "http://uri.etsi.org/02231/v2#"
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_BASE: Final = "http://uri.etsi.org/TrstSvc/"
_GRANTED: Final = f"{_BASE}TrustedList/Svcstatus/granted"


@unique
class ServiceType(StrEnum):
    """Types of service we list (TS 119 612, 5.5.1)."""

    CA_QC = f"{_BASE}Svctype/CA/QC"
    TSA_QTST = f"{_BASE}Svctype/TSA/QTST"


@unique
class ServicePurpose(StrEnum):
    """What certificates of a CA are for (TS 119 612, 5.5.9.4)."""

    SIGNATURES = f"{_BASE}TrustedList/SvcInfoExt/ForeSignatures"
    SEALS = f"{_BASE}TrustedList/SvcInfoExt/ForeSeals"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedService:
    """One service with the certificate that identifies it."""

    type: ServiceType
    name: str
    certificate: x509.Certificate
    since: datetime
    purposes: tuple[ServicePurpose, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListScheme:
    """Who publishes the list, and where to write to."""

    operator: Organisation
    scheme_name: str
    """Without the country code before it."""
    street: str
    locality: str
    postal_code: str
    email: str
    information_url: str
    notice: str
    """Legal notice, e.g. that this is a test list."""
    validity: timedelta = timedelta(days=30)


class TrustedListPublisher:
    """Gives today's signed list; made once a day, and alike in every process."""

    def __init__(
        self,
        scheme: ListScheme,
        services: Sequence[ListedService],
        key: PrivateKey,
        certificate: x509.Certificate,
        clock: Clock,
    ) -> None:
        self._scheme = scheme
        self._services = tuple(services)
        self._key = key
        self._certificate = certificate
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[datetime, bytes] | None = None

    def current(self) -> bytes:
        """UTF-8 XML; raises QSCDUnavailableError when a new list is due and cannot be signed."""
        issued_at = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        with self._lock:
            if self._kept is None or self._kept[0] != issued_at:
                self._kept = issued_at, self._made(issued_at)
            return self._kept[1]

    def _made(self, issued_at: datetime) -> bytes:
        document = _document(self._scheme, self._services, issued_at)
        sign_enveloped(document, self._key, self._certificate, self._clock.now())
        return bytes(etree.tostring(document, xml_declaration=True, encoding="UTF-8"))


def _document(
    scheme: ListScheme, services: Iterable[ListedService], issued_at: datetime
) -> etree._Element:
    root = etree.Element(
        f"{{{_TSL}}}TrustServiceStatusList",
        nsmap={None: _TSL},
        attrib={"Id": "list", "TSLTag": "http://uri.etsi.org/19612/TSLTag"},
    )
    _scheme_information(root, scheme, issued_at)
    provider = _add(_add(root, "TrustServiceProviderList"), "TrustServiceProvider")
    _provider_information(provider, scheme)
    listed = _add(provider, "TSPServices")
    for service in services:
        _service(_add(_add(listed, "TSPService"), "ServiceInformation"), service)
    return root


def _scheme_information(root: etree._Element, scheme: ListScheme, issued_at: datetime) -> None:
    territory = scheme.operator.country
    kind = f"{_BASE}TrustedList"
    information = _add(root, "SchemeInformation")
    _add(information, "TSLVersionIdentifier", "6")
    # Days since year 1: higher with every issue without a counter to keep.
    _add(information, "TSLSequenceNumber", str(issued_at.toordinal()))
    _add(information, "TSLType", f"{kind}/TSLType/EUgeneric")
    _named(information, "SchemeOperatorName", scheme.operator.name)
    _address(_add(information, "SchemeOperatorAddress"), scheme)
    _named(information, "SchemeName", f"{territory}:{scheme.scheme_name}")
    _text(_add(information, "SchemeInformationURI"), "URI", scheme.information_url)
    _add(information, "StatusDeterminationApproach", f"{kind}/StatusDetn/EUappropriate")
    rules = _add(information, "SchemeTypeCommunityRules")
    _text(rules, "URI", f"{kind}/schemerules/EUcommon")
    _text(rules, "URI", f"{kind}/schemerules/{territory}")
    _add(information, "SchemeTerritory", territory)
    _text(_add(information, "PolicyOrLegalNotice"), "TSLLegalNotice", scheme.notice)
    _add(information, "HistoricalInformationPeriod", "65535")
    _add(information, "ListIssueDateTime", _moment(issued_at))
    _add(_add(information, "NextUpdate"), "dateTime", _moment(issued_at + scheme.validity))


def _provider_information(provider: etree._Element, scheme: ListScheme) -> None:
    information = _add(provider, "TSPInformation")
    _named(information, "TSPName", scheme.operator.name)
    _named(information, "TSPTradeName", scheme.operator.identifier)
    _address(_add(information, "TSPAddress"), scheme)
    _text(_add(information, "TSPInformationURI"), "URI", scheme.information_url)


def _service(information: etree._Element, service: ListedService) -> None:
    _add(information, "ServiceTypeIdentifier", service.type.value)
    _named(information, "ServiceName", service.name)
    identity = _add(information, "ServiceDigitalIdentity")
    der = service.certificate.public_bytes(Encoding.DER)
    certificate = base64.b64encode(der).decode()
    _add(_add(identity, "DigitalId"), "X509Certificate", certificate)
    _add(information, "ServiceStatus", _GRANTED)
    _add(information, "StatusStartingTime", _moment(service.since))
    if service.purposes:
        extensions = _add(information, "ServiceInformationExtensions")
        for purpose in service.purposes:
            extension = _add(extensions, "Extension")
            extension.set("Critical", "true")
            _text(_add(extension, "AdditionalServiceInformation"), "URI", purpose.value)


def _address(parent: etree._Element, scheme: ListScheme) -> None:
    postal = _text(_add(parent, "PostalAddresses"), "PostalAddress", None)
    _add(postal, "StreetAddress", scheme.street)
    _add(postal, "Locality", scheme.locality)
    _add(postal, "PostalCode", scheme.postal_code)
    _add(postal, "CountryName", scheme.operator.country)
    electronic = _add(parent, "ElectronicAddress")
    _text(electronic, "URI", f"mailto:{scheme.email}")
    _text(electronic, "URI", scheme.information_url)


def _named(parent: etree._Element, name: str, text: str) -> None:
    _text(_add(parent, name), "Name", text)


def _text(parent: etree._Element, name: str, text: str | None) -> etree._Element:
    """A child in English, the language every list must have (TS 119 612, 5.1.4)."""
    element = _add(parent, name, text)
    element.set(_XML_LANG, "en")
    return element


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{_TSL}}}{name}")
    element.text = text
    return element


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
