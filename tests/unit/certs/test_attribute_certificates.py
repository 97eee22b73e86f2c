"""The attribute authority's certificates."""

import asyncio
from datetime import timedelta

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.validate import async_validate_ac

from certs.attributes import parse_role_uri, role_uri
from certs.setup import Role
from signer.domain.attribute import ProfessionalAttribute, RequiredAttribute
from signer.domain.errors import (
    AttributeNotHeldError,
    CertificateAuthorityUnavailableError,
    InvalidRequestError,
    QSCDUnavailableError,
)


@pytest.fixture
def attribute(clock):
    return ProfessionalAttribute(
        id="a1",
        provider="ordem-dos-advogados",
        provider_name="Ordem dos Advogados",
        role="advogado",
        label="Advogado",
        sub_attributes=(("cedula", "12345L"), ("conselho", "Lisboa & Açores")),
        valid_from=clock.now() - timedelta(days=10),
        valid_until=clock.now() + timedelta(days=300),
    )


@pytest.fixture
def holder_der(pki, holder):
    return pki.issue(holder)[1][0]


def certificate_of(certified):
    return cms.AttributeCertificateV2.load(certified.attribute_certificate_der, strict=True)


def info_of(certified):
    return certificate_of(certified)["ac_info"]


def test_pyhanko_accepts_it_for_its_holder(pki, attribute, holder_der):
    certified = pki.aa.certify(holder_der, attribute)
    roots = [asn1_x509.Certificate.load(pki.hierarchy.der(Role.ROOT_CA))]
    others = [asn1_x509.Certificate.load(der) for der in pki.aa.chain_der()]
    context = ValidationContext(
        trust_roots=roots,
        other_certs=others,
        allow_fetching=False,
        moment=pki.clock.now(),
        acceptable_ac_targets=None,
    )
    result = asyncio.run(
        async_validate_ac(
            certificate_of(certified),
            context,
            holder_cert=asn1_x509.Certificate.load(holder_der),
        )
    )
    assert "role" in result.approved_attributes


def test_it_names_role_holder_and_authority(pki, attribute, holder_der):
    info = info_of(pki.aa.certify(holder_der, attribute))
    holder = x509.load_der_x509_certificate(holder_der)
    reference = info["holder"]["base_certificate_id"]
    assert reference["serial"].native == holder.serial_number
    assert reference["issuer"][0].chosen.untag().dump() == holder.issuer.public_bytes()
    role = info["attributes"][0]["values"][0]
    assert info["attributes"][0]["type"].dotted == "2.5.4.72"
    assert parse_role_uri(role["role_name"].native) == RequiredAttribute(
        "ordem-dos-advogados", "advogado", attribute.sub_attributes
    )
    extensions = {one["extn_id"].native for one in info["extensions"]}
    assert extensions == {"authority_key_identifier", "no_rev_avail"}


def test_its_signature_is_the_authoritys(pki, attribute, holder_der):
    certificate = certificate_of(pki.aa.certify(holder_der, attribute))
    key = pki.hierarchy.certificate(Role.ATTRIBUTE_AUTHORITY).public_key()
    signed = certificate["ac_info"].dump()
    key.verify(certificate["signature"].native, signed, ec.ECDSA(hashes.SHA256()))


def test_it_lives_shortly(pki, attribute, holder_der, clock):
    certified = pki.aa.certify(holder_der, attribute)
    assert certified.expires_at == clock.now() + timedelta(hours=1)
    period = info_of(certified)["att_cert_validity_period"]
    assert period["not_after_time"].native == certified.expires_at
    assert period["not_before_time"].native <= clock.now()


def test_it_never_outlives_the_attribute(pki, attribute, holder_der, clock):
    clock.advance(days=299, hours=23, minutes=50)
    certified = pki.aa.certify(holder_der, attribute)
    assert certified.expires_at == attribute.valid_until


@pytest.mark.parametrize("days", [-11, 301])
def test_an_attribute_outside_its_time_is_not_certified(pki, attribute, holder_der, clock, days):
    clock.advance(days=days)
    with pytest.raises(AttributeNotHeldError):
        pki.aa.certify(holder_der, attribute)


def test_a_broken_holder_certificate_is_refused(pki, attribute):
    with pytest.raises(InvalidRequestError):
        pki.aa.certify(b"garbage", attribute)


def test_a_silent_hsm_is_unavailable(pki, attribute, holder_der, monkeypatch):
    def silent(*_):
        raise QSCDUnavailableError

    monkeypatch.setattr("certs.attributes.sign", silent)
    with pytest.raises(CertificateAuthorityUnavailableError):
        pki.aa.certify(holder_der, attribute)


def test_serial_numbers_differ(pki, attribute, holder_der):
    serials = {
        info_of(pki.aa.certify(holder_der, attribute))["serial_number"].native for _ in range(20)
    }
    assert len(serials) == 20


@pytest.mark.parametrize(
    "attribute_asked",
    [
        pytest.param(RequiredAttribute("p", "r"), id="bare"),
        pytest.param(RequiredAttribute("a:b", "c?=d", (("&", "="), ("x", ""))), id="delimiters"),
        pytest.param(RequiredAttribute("ção", "é", (("nº", "1/2"),)), id="accents"),
    ],
)
def test_role_names_are_unambiguous(attribute_asked):
    uri = role_uri(attribute_asked)
    assert uri.isascii()
    assert parse_role_uri(uri) == attribute_asked


@pytest.mark.parametrize(
    "uri", ["", "urn:other:a:b", "urn:chancela:attribute:a", "urn:chancela:attribute:a:b:c"]
)
def test_other_names_are_no_roles_of_ours(uri):
    with pytest.raises(InvalidRequestError):
        parse_role_uri(uri)
