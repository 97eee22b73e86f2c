"""Our trusted list, read by pyHanko and checked by signxml."""

import asyncio
from datetime import timedelta

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.qualified.eutl_parse import trust_list_to_registry
from pyhanko.sign.validation.qualified.tsp import CAServiceInformation, TSPTrustManager
from pyhanko_certvalidator import CertificateValidator, ValidationContext

from certs.authority import validity_of
from certs.setup import Role
from certs.trusted_list import (
    ListedService,
    ListScheme,
    ServicePurpose,
    ServiceType,
    TrustedListPublisher,
)
from signer.domain.values import KeyAlgorithm
from tests.fixtures.pki import NAMES, software_key

TSL = "{http://uri.etsi.org/02231/v2#}"
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


@pytest.fixture
def scheme():
    return ListScheme(
        operator=NAMES.organisation,
        scheme_name="TESTE Chancela",
        street="Rua do Exemplo 1",
        locality="Lisboa",
        postal_code="1000-001",
        email="pki@chancela.example",
        information_url="https://chancela.example/tl",
        notice="A test list: nothing on it is a qualified service.",
    )


@pytest.fixture
def publisher(pki, scheme, clock):
    since = clock.now() - timedelta(days=1)
    services = (
        ListedService(
            type=ServiceType.CA_QC,
            name="TESTE Chancela Issuing CA 1",
            certificate=pki.issuing,
            since=since,
            purposes=(ServicePurpose.SIGNATURES,),
        ),
        ListedService(
            type=ServiceType.TSA_QTST,
            name="TESTE Chancela TSU 1",
            certificate=pki.hierarchy.certificate(Role.TSA),
            since=since,
        ),
    )

    def make(role=Role.TRUSTED_LIST, key=None, certificate=None):
        return TrustedListPublisher(
            scheme,
            services,
            key or pki.keys[role],
            certificate or pki.hierarchy.certificate(role),
            clock,
        )

    return make


def asn1(certificate):
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def read(xml, certificate):
    return trust_list_to_registry(xml.decode(), tlso_certs=[asn1(certificate)])


@pytest.mark.parametrize(
    "role",
    [pytest.param(Role.TRUSTED_LIST, id="ecdsa"), pytest.param(Role.TSA, id="rsa")],
)
def test_pyhanko_finds_a_citizens_ca_on_the_list(pki, publisher, holder, role):
    registry, errors = read(publisher(role).current(), pki.hierarchy.certificate(role))
    assert not errors
    assert len(list(registry.known_timestamp_authorities)) == 1
    context = ValidationContext(
        trust_manager=TSPTrustManager(registry), moment=pki.clock.now(), allow_fetching=False
    )
    citizen = asn1_x509.Certificate.load(pki.issue(holder)[1][0])
    validator = CertificateValidator(citizen, validation_context=context)
    path = asyncio.run(validator.async_validate_path())
    (service,) = registry.applicable_tsps_on_path(path, pki.clock.now())
    assert isinstance(service, CAServiceInformation)
    assert service.base_info.service_name == "TESTE Chancela Issuing CA 1"


def test_a_changed_list_is_refused(pki, publisher):
    certificate = pki.hierarchy.certificate(Role.TRUSTED_LIST)
    xml = publisher().current()
    for old, new in (
        (b"TESTE Chancela Issuing", b"REAL Chancela Issuing"),
        (b"granted", b"grantex"),
    ):
        assert old in xml
        with pytest.raises(SignatureValidationError):
            read(xml.replace(old, new), certificate)


def test_the_signature_is_by_the_certificate_named(pki, publisher):
    wrong = publisher(key=software_key(KeyAlgorithm.P_256))
    with pytest.raises(SignatureValidationError):
        read(wrong.current(), pki.hierarchy.certificate(Role.TRUSTED_LIST))


def test_p_384_signs_too(pki, publisher):
    key = software_key(KeyAlgorithm.P_384)
    certificate = pki.authority.issue(
        NAMES.of(Role.TRUSTED_LIST), key.public_key(), validity_of(pki.issuing), ()
    )
    _, errors = read(publisher(key=key, certificate=certificate).current(), certificate)
    assert not errors


def test_the_list_says_until_when_it_stands(publisher, clock):
    root = etree.fromstring(publisher().current(), PARSER)
    issued = root.findtext(f".//{TSL}ListIssueDateTime")
    until = root.findtext(f".//{TSL}NextUpdate/{TSL}dateTime")
    start = clock.now().replace(hour=0, minute=0, second=0)
    assert issued == f"{start:%Y-%m-%dT%H:%M:%SZ}"
    assert until == f"{start + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"


def test_a_new_day_brings_a_list_with_a_higher_number(publisher, clock):
    def number(xml):
        return int(etree.fromstring(xml, PARSER).findtext(f".//{TSL}TSLSequenceNumber"))

    one = publisher()
    first = one.current()
    assert one.current() == first
    clock.advance(days=1)
    assert number(one.current()) > number(first)
    assert number(publisher().current()) == number(one.current())


def test_the_list_has_no_document_type(publisher):
    tree = etree.fromstring(publisher().current(), PARSER).getroottree()
    assert tree.docinfo.doctype == ""
