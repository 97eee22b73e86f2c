"""The SAM signs only the SignedInfo of what was granted, whatever the formats hand it."""

import base64
import hashlib
import io
import zipfile
from dataclasses import replace

import pytest

from signer.asic import Container, ContainerFile, ContainerKind
from signer.domain import strict_xml
from signer.domain.attribute import ClaimedAttribute
from signer.domain.errors import IntegrityAlarmError
from signer.domain.signature_options import (
    CommitmentType,
    Packaging,
    ProductionPlace,
    SignatureOptions,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.transaction import ItemKind
from signer.domain.values import Digest, DigestAlgorithm, KeyAlgorithm
from signer.formats.asic.xades import ASiCWithXAdES
from signer.formats.xades.references import enveloped_octets
from signer.sam.documents import DocumentEvidence, Signatory, dtbsr_of
from tests.fixtures.xades import DOCUMENT, signed_file, xml_item

POLICY = SignaturePolicy(
    oid="2.16.620.2.1.2.2.2",
    digest=Digest.of(DigestAlgorithm.SHA512, b"policy"),
    url="https://exemplo.pt/política?a=1&b=2",
)
FULL = SignedProperties(
    commitment=CommitmentType.WITNESS,
    policy=POLICY,
    place=ProductionPlace(city="Évora", country="PT", postal_code="7000"),
    claimed_roles=('Gerente <"&', "Testemunha"),
    content_timestamp=True,
)
FILES = (signed_file("a b%20c.txt", b"first"), signed_file("pasta/ç.txt", b"second"))
DIGESTS = tuple(replace(one, content=None) for one in FILES)
CANONICAL = Digest.of(DigestAlgorithm.SHA256, enveloped_octets(DOCUMENT))


def _options(**properties):
    """Everything there is to say, with changes."""
    return SignatureOptions(properties=replace(FULL, **properties))


ITEMS = {
    "detached": xml_item(DOCUMENT, options=_options(content_timestamp=True)),
    "plain": xml_item(DOCUMENT),
    "enveloped": xml_item(
        DOCUMENT, options=SignatureOptions(packaging=Packaging.ENVELOPED, properties=FULL)
    ),
    "enveloping": xml_item(b"\x00\xff", options=SignatureOptions(packaging=Packaging.ENVELOPING)),
    "files": xml_item(files=FILES, options=_options(commitment=CommitmentType.APPROVAL)),
    "digest": xml_item(b"x", kind=ItemKind.XADES_DIGEST, options=_options(policy=None)),
    "digests": xml_item(files=DIGESTS, kind=ItemKind.XADES_DIGEST),
    "enveloped digest": xml_item(
        digest=CANONICAL,
        kind=ItemKind.XADES_DIGEST,
        options=SignatureOptions(packaging=Packaging.ENVELOPED),
    ),
    "absolute": xml_item(b"x", kind=ItemKind.XADES_DIGEST, name="https://exemplo.pt/a%20b"),
}


class Case:
    """A right item with its evidence, to be spoilt by each test."""

    def __init__(self, sign_xml, lawyer, item):
        trust = sign_xml.trust
        self.sign, self.item, self.holder = sign_xml, item, trust.ec
        self.asserted = (trust.certify(trust.ec, lawyer),)
        prepared = sign_xml.prepare(trust.ec, item, *self.asserted)
        self.info, self.properties = prepared.to_be_signed, prepared.signed_properties
        self.signatory = Signatory(
            certificate_der=trust.ec.chain_der[0],
            key_algorithm=trust.ec.algorithm,
            granted=(lawyer,),
            asserted=self.asserted,
        )

    def check(self):
        evidence = DocumentEvidence(to_be_signed=self.info, signed_properties=self.properties)
        return dtbsr_of(self.item, evidence, self.signatory)

    def with_info(self, old: bytes, new: bytes):
        assert old in self.info
        self.info = self.info.replace(old, new, 1)
        return self

    def with_properties(self, old: bytes, new: bytes):
        """Changed, and SignedInfo changed to fit: as a fault of the formats would be."""
        assert old in self.properties
        before = _digest_value(self.properties)
        self.properties = self.properties.replace(old, new, 1)
        return self.with_info(before, _digest_value(self.properties))


def _digest_value(data):
    return base64.b64encode(hashlib.sha256(data).digest())


@pytest.fixture
def case(sign_xml, lawyer):
    return Case(sign_xml, lawyer, ITEMS["detached"])


@pytest.mark.parametrize("name", ITEMS)
def test_what_was_granted_is_signed(sign_xml, lawyer, name):
    made = Case(sign_xml, lawyer, ITEMS[name])
    assert made.check().value == hashlib.sha256(made.info).digest()


@pytest.mark.parametrize("commitment", list(CommitmentType))
def test_every_commitment_passes_and_no_other(sign_xml, lawyer, commitment):
    item = xml_item(DOCUMENT, options=_options(commitment=commitment))
    made = Case(sign_xml, lawyer, item)
    made.check()
    other = next(one for one in CommitmentType if one is not commitment)
    made.item = replace(item, options=_options(commitment=other))
    with pytest.raises(IntegrityAlarmError):
        made.check()


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_every_algorithm_is_checked_for_itself(sign_xml, trust, kind, algorithm):
    holder = trust.holder(kind)
    item = xml_item(DOCUMENT, algorithm=algorithm)
    prepared = sign_xml.prepare(holder, item)
    sign_xml.dtbsr(holder, item, prepared)
    for other in DigestAlgorithm:
        if other is not algorithm:
            with pytest.raises(IntegrityAlarmError):
                sign_xml.dtbsr(holder, xml_item(DOCUMENT, algorithm=other), prepared)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'URI="contrato.xml"', b'URI="outro.xml"', id="other name"),
        pytest.param(b'URI="contrato.xml"', b'URI=""', id="the signature's own document"),
        pytest.param(b'URI="contrato.xml"', b'URI="#contrato.xml"', id="an element"),
        pytest.param(b"<ds:DigestValue>", b"<ds:DigestValue>A", id="digest"),
        pytest.param(b"ecdsa-sha256", b"rsa-sha256", id="signature algorithm"),
        pytest.param(b"ecdsa-sha256", b"ecdsa-sha1", id="weak signature algorithm"),
        pytest.param(b"xmlenc#sha256", b"xmlenc#sha512", id="digest algorithm"),
        pytest.param(
            b'xml-exc-c14n#"></ds:Canon', b'xml-exc-c14n#WithComments"></ds:Canon', id="c14n"
        ),
        pytest.param(
            b"</ds:SignedInfo>",
            b'<ds:Reference Id="x" URI="b"><ds:DigestMethod Algorithm="'
            b'http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>AA=='
            b"</ds:DigestValue></ds:Reference></ds:SignedInfo>",
            id="one reference more",
        ),
        pytest.param(b'Type="http://uri.etsi.org/01903#SignedProperties" ', b"", id="no type"),
        pytest.param(b'-properties"', b'-other"', id="other properties"),
        pytest.param(b"01903#SignedProperties", b"01903#Other", id="other type"),
        pytest.param(b"<ds:DigestValue>", b"<ds:DigestValue>!", id="not base64"),
        pytest.param(
            b'URI="contrato.xml">',
            b'URI="contrato.xml"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/'
            b'1999/REC-xslt-19991116"></ds:Transform></ds:Transforms>',
            id="a transform",
        ),
        pytest.param(b"<ds:SignedInfo ", b"<!-- --><ds:SignedInfo ", id="comment"),
        pytest.param(b"<ds:SignedInfo ", b"<?xml?><ds:SignedInfo ", id="instruction"),
        pytest.param(b"</ds:SignedInfo>", b"</ds:SignedInfo> ", id="trailing space"),
        pytest.param(b"</ds:SignedInfo>", b"", id="truncated"),
        pytest.param(b' Id="', b' Other="" Id="', id="an attribute more"),
        pytest.param(b"09/xmldsig#", b"09/xmldsig", id="other namespace"),
    ],
)
def test_a_changed_signed_info_is_refused(case, old, new):
    with pytest.raises(IntegrityAlarmError):
        case.with_info(old, new).check()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"Gerente", b"Director", id="claimed role"),
        pytest.param(
            b"<xades:ClaimedRole>Testemunha</xades:ClaimedRole>", b"", id="claimed role left out"
        ),
        pytest.param(
            b"</xades:ClaimedRoles>",
            b"<xades:ClaimedRole>Rei</xades:ClaimedRole></xades:ClaimedRoles>",
            id="claimed role more",
        ),
        pytest.param(b"2.16.620.2.1.2.2.2", b"2.16.620.2.1.2.2.3", id="policy"),
        pytest.param(b"exemplo.pt", b"example.pt", id="policy address"),
        pytest.param("Évora".encode(), b"Braga", id="place"),
        pytest.param(b"<xades:CountryName>PT", b"<xades:CountryName>ES", id="country"),
        pytest.param(b"urn:oid:2.25", b"urn:oid:2.26", id="commitment"),
        pytest.param(b"ref-0", b"ref-1", id="format of something else"),
        pytest.param(b"Z</xades:SigningTime>", b"</xades:SigningTime>", id="time"),
        pytest.param(b"<xades:SigningTime>", b"<xades:SigningTime><!---->", id="comment"),
        pytest.param(b"<xades:AllSignedDataObjects></xades:AllSignedDataObjects>", b"", id="scope"),
        pytest.param(
            b"<xades:EncapsulatedTimeStamp>M", b"<xades:EncapsulatedTimeStamp>N", id="token"
        ),
        pytest.param(
            b"</xades:SignedDataObjectProperties>",
            b"</xades:SignedDataObjectProperties><xades:More></xades:More>",
            id="a property more",
        ),
        pytest.param(b"</xades:CertDigest>", b"</xades:CertDigest>x", id="text beside"),
        pytest.param(b"</xades:SignerRoleV2>", b"x</xades:SignerRoleV2>", id="text after"),
        pytest.param(b"<xades:SignerRoleV2>", b"<xades:SignerRoleV2>x", id="text before"),
        pytest.param(
            b"<xades:AllSignedDataObjects>", b"<xades:AllSignedDataObjects>x", id="scope with text"
        ),
        pytest.param(
            b'xml-exc-c14n#"></ds:CanonicalizationMethod><xades:Enc',
            b'xml-c14n11"></ds:CanonicalizationMethod><xades:Enc',
            id="canonicalisation of the time-stamp",
        ),
    ],
)
def test_changed_properties_are_refused_though_the_reference_fits(case, old, new):
    case.check()
    with pytest.raises(IntegrityAlarmError):
        case.with_properties(old, new).check()


def test_properties_that_do_not_fit_the_reference_are_refused(case):
    case.properties = case.properties.replace(b"Gerente", b"Director")
    with pytest.raises(IntegrityAlarmError, match="digest"):
        case.check()


def test_another_credential_is_refused(case, trust):
    case.signatory = replace(
        case.signatory, certificate_der=trust.rsa.chain_der[0], key_algorithm=KeyAlgorithm.P_256
    )
    with pytest.raises(IntegrityAlarmError):
        case.check()


@pytest.mark.parametrize("named", [True, False])
def test_only_the_credentials_own_certificate_may_be_named(sign_xml, trust, named):
    item = ITEMS["plain"]
    prepared = sign_xml.prepare(trust.ec, item)
    holder = trust.ec if named else replace(trust.authority, key=trust.ec.key)
    if named:
        sign_xml.dtbsr(holder, item, prepared)
        return
    with pytest.raises(IntegrityAlarmError, match="digest in the properties"):
        sign_xml.dtbsr(holder, item, prepared)


def test_files_that_are_not_those_of_the_granted_digest_are_refused(sign_xml, lawyer):
    case = Case(sign_xml, lawyer, ITEMS["files"])
    case.item = replace(case.item, digest=Digest.of(DigestAlgorithm.SHA256, b"other"))
    with pytest.raises(IntegrityAlarmError, match="not those that were granted"):
        case.check()


def test_attributes_that_were_not_granted_are_refused(case, trust, lawyer):
    right = case.signatory
    other = replace(lawyer, label="Notária")
    for wrong in (
        replace(right, granted=()),
        replace(right, granted=(other,)),
        replace(right, asserted=(ClaimedAttribute(lawyer),)),
        replace(right, asserted=(trust.certify(trust.ec, lawyer),)),
        replace(right, asserted=(), granted=()),
    ):
        case.signatory = wrong
        with pytest.raises(IntegrityAlarmError):
            case.check()


def test_an_attribute_certificate_of_somebody_else_is_refused(sign_xml, trust, lawyer):
    stolen = trust.certify(trust.rsa, lawyer)
    item = ITEMS["plain"]
    prepared = sign_xml.prepare(trust.ec, item, stolen)
    with pytest.raises(IntegrityAlarmError, match="belongs to another"):
        sign_xml.dtbsr(trust.ec, item, prepared, stolen)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda item: replace(item, document=DOCUMENT + b" "), id="other bytes"),
        pytest.param(lambda item: replace(item, document=None), id="no bytes"),
        pytest.param(lambda item: replace(item, options=SignatureOptions()), id="other options"),
        pytest.param(
            lambda _: xml_item(
                DOCUMENT.replace(b"adeus", b"logo"), options=ITEMS["enveloped"].options
            ),
            id="other document",
        ),
    ],
)
def test_an_enveloped_document_that_was_not_granted_is_refused(sign_xml, lawyer, change):
    case = Case(sign_xml, lawyer, ITEMS["enveloped"])
    case.item = change(case.item)
    with pytest.raises(IntegrityAlarmError):
        case.check()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda files: files[::-1], id="order"),
        pytest.param(lambda files: files[:1], id="one left out"),
        pytest.param(lambda files: (*files, signed_file("c", b"c")), id="one more"),
        pytest.param(lambda files: (files[0], signed_file("d", b"second")), id="name"),
        pytest.param(lambda files: (files[0], replace(files[1], content=b"x")), id="content"),
        pytest.param(lambda files: (files[0], replace(files[1], content=None)), id="no content"),
        pytest.param(lambda files: (files[0], replace(files[1], media_type="a/b")), id="type"),
    ],
)
def test_files_that_were_not_granted_are_refused(sign_xml, lawyer, change):
    case = Case(sign_xml, lawyer, ITEMS["files"])
    case.item = xml_item(files=change(FILES), options=case.item.options)
    with pytest.raises(IntegrityAlarmError):
        case.check()


def test_two_references_do_not_share_an_identifier(sign_xml, lawyer):
    case = Case(sign_xml, lawyer, ITEMS["files"])
    with pytest.raises(IntegrityAlarmError, match="same identifier"):
        case.with_info(b"-ref-1", b"-ref-0").check()


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(
            xml_item(b"<!DOCTYPE a><a/>", options=ITEMS["enveloped"].options), id="doctype"
        ),
        pytest.param(xml_item(b"text", options=ITEMS["enveloped"].options), id="no XML"),
        pytest.param(
            xml_item(
                b"x",
                kind=ItemKind.XADES_DIGEST,
                options=SignatureOptions(packaging=Packaging.ENVELOPING),
            ),
            id="enveloping a digest",
        ),
    ],
)
def test_what_formats_would_never_prepare_is_refused_here_too(case, item):
    case.item = item
    with pytest.raises(IntegrityAlarmError):
        case.check()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_container_with_one_name_twice_is_refused(case):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("mimetype", "a.txt", "a.txt"):
            archive.writestr(name, name)
    options = SignatureOptions(parallel=True)
    case.item = xml_item(packed.getvalue(), kind=ItemKind.ASIC_E, options=options)
    with pytest.raises(IntegrityAlarmError, match="same name"):
        case.check()


def _container(*contents):
    files = (ContainerFile(f"{n}.txt", content) for n, content in enumerate(contents))
    return Container(ContainerKind.EXTENDED, tuple(files)).write()


@pytest.mark.parametrize(
    "granted",
    [
        pytest.param(_container(b"a", b"other"), id="a file altered"),
        pytest.param(_container(b"b", b"a"), id="files exchanged"),
        pytest.param(_container(b"a", b"b", b"c"), id="a file more"),
        pytest.param(_container(b"a"), id="a file less"),
        pytest.param(b"PK", id="no container"),
    ],
)
def test_a_container_that_was_not_granted_is_refused(sign_xml, trust, granted):
    sign = replace(sign_xml, format=ASiCWithXAdES())
    options = SignatureOptions(parallel=True)
    item = xml_item(_container(b"a", b"b"), kind=ItemKind.ASIC_E, options=options)
    prepared = sign.prepare(trust.ec, item)
    sign.dtbsr(trust.ec, item, prepared)
    other = xml_item(granted, kind=ItemKind.ASIC_E, options=options)
    with pytest.raises(IntegrityAlarmError):
        sign.dtbsr(trust.ec, other, prepared)


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<a></a>", id="no namespace"),
        pytest.param(b'<a xmlns="u"></a>', id="default namespace"),
        pytest.param(b'<x:a xmlns:x="u"/>', id="empty tag"),
        pytest.param(b'<x:a xmlns:x="u"><y:b></y:b></x:a>', id="undeclared prefix"),
        pytest.param(b'<x:a xmlns:x="u"></x:b>', id="other end"),
        pytest.param(b"<x:a xmlns:x='u'></x:a>", id="apostrophes"),
        pytest.param(b'<x:a xmlns:x="u"><![CDATA[a]]></x:a>', id="character data section"),
        pytest.param(b'<x:a xmlns:x="u">&other;</x:a>', id="entity"),
        pytest.param(b'<x:a xmlns:x="u">a & b</x:a>', id="bare ampersand"),
        pytest.param(b'<x:a xmlns:x="u">t<x:b></x:b></x:a>', id="mixed content"),
        pytest.param(b'<x:a xmlns:x="u"><x:b></x:b>t</x:a>', id="text after"),
        pytest.param(b'<x:a xmlns:x="u" c="1" c="2"></x:a>', id="attribute twice"),
        pytest.param(b'<x:a xmlns:x="u" x:c="1"></x:a>', id="qualified attribute"),
        pytest.param(b'<x:a xmlns:x="u">\xff</x:a>', id="not UTF-8"),
        pytest.param(b'<x:a xmlns:x="u">' + b"<x:a>" * 30 + b"</x:a>" * 31, id="deep"),
        pytest.param(b'<!DOCTYPE a><x:a xmlns:x="u"></x:a>', id="doctype"),
    ],
)
def test_strict_xml_refuses(octets):
    with pytest.raises(IntegrityAlarmError):
        strict_xml.parse(octets)
