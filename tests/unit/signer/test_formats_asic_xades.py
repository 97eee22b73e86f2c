"""ASiC-E and ASiC-S with XAdES; extension and renewal of XAdES in and out of containers."""

import io
import zipfile
from dataclasses import replace

import pytest
from lxml import etree

from signer.asic import Container, ContainerFile, ContainerKind
from signer.domain.errors import DocumentRefusedError, InvalidRequestError
from signer.domain.signature_options import ContainerSignature, Packaging, SignatureOptions
from signer.domain.transaction import ItemKind, Level
from signer.formats.asic.signing import ASiC
from signer.formats.asic.xades import ASiCWithXAdES, ASiCWithXAdESExtender
from signer.formats.xades import XAdESExtender
from signer.validation import RevocationData, TrustPolicy
from signer.validation.asic import ContainerVerifier
from signer.validation.xades import XAdESVerifier
from signer.xmldsig.names import NAMESPACES
from tests.fixtures.xades import DOCUMENT, signed_file, xml_item

LEVELS = pytest.mark.parametrize("level", list(Level))
KINDS = pytest.mark.parametrize("kind", [ItemKind.ASIC_E, ItemKind.ASIC_S])
FILES = (signed_file("contrato.txt", b"first"), signed_file("anexos/ç & d.txt", b"second"))
PARALLEL = SignatureOptions(parallel=True)


@pytest.fixture
def xades(trust, clock):
    policy = TrustPolicy(anchors=trust.anchors, data=RevocationData(crls=trust.crls()))
    return XAdESVerifier(policy, clock)


@pytest.fixture
def containers(xades):
    return ContainerVerifier(xades)


@pytest.fixture
def sign_asic(sign_xml):
    chosen = ASiC({ContainerSignature.XADES: ASiCWithXAdES()})
    return replace(sign_xml, format=chosen)


def _item(kind, level=Level.B_B, options=None):
    options = options or SignatureOptions()
    if kind is ItemKind.ASIC_E:
        return xml_item(files=FILES, kind=kind, level=level, options=options)
    return xml_item(b"only", name="só este.txt", kind=kind, level=level, options=options)


@KINDS
@LEVELS
def test_containers_pass_at_the_level_asked_and_take_further_signatures(
    trust, sign_asic, containers, lawyer, kind, level
):
    first = sign_asic(trust.ec, _item(kind, level), trust.certify(trust.ec, lawyer))
    report = containers.verify(first)
    assert report.has_passed, report
    assert [one.level for one in report.signatures] == [level]
    both = sign_asic(trust.rsa, xml_item(first, kind=kind, level=level, options=PARALLEL))
    report = containers.verify(both)
    assert report.has_passed, report
    assert [one.level for one in report.signatures] == [level, level]
    assert {one.certificate_serial for one in report.signatures} == {
        f"{one.certificate.serial_number:x}" for one in (trust.ec, trust.rsa)
    }


@KINDS
def test_a_container_is_laid_out_as_the_standard_says(trust, sign_asic, kind):
    made = sign_asic(trust.ec, _item(kind))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        names = archive.namelist()
        assert names[0] == "mimetype"
        extended = kind is ItemKind.ASIC_E
        signatures = "META-INF/signatures001.xml" if extended else "META-INF/signatures.xml"
        assert names[-1] == signatures
        root = etree.fromstring(archive.read(signatures))
        assert root.tag == f"{{{NAMESPACES['asic']}}}XAdESSignatures"
        assert ("META-INF/manifest.xml" in names) is extended
        if extended:
            listed = etree.fromstring(archive.read("META-INF/manifest.xml"))
            space = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
            assert [
                (one.get(f"{space}full-path"), one.get(f"{space}media-type")) for one in listed
            ] == [
                ("/", "application/vnd.etsi.asic-e+zip"),
                ("contrato.txt", "text/plain"),
                ("anexos/ç & d.txt", "text/plain"),
            ]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        pytest.param(xml_item(files=FILES, kind=ItemKind.ASIC_S), "files", id="two in ASiC-S"),
        pytest.param(
            xml_item(files=(replace(FILES[0], content=None),), kind=ItemKind.ASIC_E),
            "files",
            id="digest only",
        ),
        pytest.param(
            _item(ItemKind.ASIC_S, options=SignatureOptions(packaging=Packaging.ENVELOPED)),
            "packaging",
            id="packaging",
        ),
        pytest.param(
            _item(ItemKind.ASIC_E, options=SignatureOptions(container=ContainerSignature.CADES)),
            "container",
            id="not served",
        ),
        pytest.param(
            xml_item(b"PK", kind=ItemKind.ASIC_E, options=PARALLEL), "document", id="no container"
        ),
        pytest.param(
            xml_item(files=FILES, kind=ItemKind.ASIC_E, options=PARALLEL), "document", id="files"
        ),
        pytest.param(
            xml_item(
                Container(ContainerKind.SIMPLE, (ContainerFile("a", b""),)).write(),
                kind=ItemKind.ASIC_E,
                options=PARALLEL,
            ),
            "kind",
            id="other kind",
        ),
        pytest.param(
            xml_item(
                Container(
                    ContainerKind.EXTENDED,
                    (ContainerFile("a", b""),),
                    (ContainerFile("META-INF/signature.p7s", b""),),
                ).write(),
                kind=ItemKind.ASIC_E,
                options=PARALLEL,
            ),
            "container",
            id="signed with CAdES",
        ),
    ],
)
def test_what_is_no_container_is_refused_before_anything_is_signed(trust, sign_asic, item, field):
    with pytest.raises(InvalidRequestError) as refused:
        sign_asic.prepare(trust.ec, item)
    assert refused.value.field == field


def _changed(container, change):
    read = Container.read(container)
    return change(read).write()


def _without_signature(read):
    return replace(read, metadata=())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda read: replace(
                read, files=(ContainerFile("contrato.txt", b"other"), *read.files[1:])
            ),
            id="file altered",
        ),
        pytest.param(
            lambda read: replace(read, files=(*read.files, ContainerFile("more.txt", b"x"))),
            id="file added",
        ),
        pytest.param(lambda read: replace(read, files=read.files[:1]), id="file removed"),
        pytest.param(
            lambda read: replace(
                read,
                files=tuple(
                    ContainerFile(one.name, other.content)
                    for one, other in zip(read.files, read.files[::-1], strict=True)
                ),
            ),
            id="files exchanged",
        ),
        pytest.param(_without_signature, id="signature removed"),
        pytest.param(
            lambda read: read.with_metadata(ContainerFile("META-INF/signatures001.xml", b"<a/>")),
            id="signature replaced",
        ),
        pytest.param(
            lambda read: read.with_metadata(
                ContainerFile(
                    "META-INF/signatures001.xml",
                    read.file("META-INF/signatures001.xml").replace(
                        b"</asic:XAdESSignatures>", b"<x/></asic:XAdESSignatures>"
                    ),
                )
            ),
            id="something beside the signature",
        ),
    ],
)
def test_a_changed_container_never_passes(trust, sign_asic, containers, change):
    made = sign_asic(trust.ec, _item(ItemKind.ASIC_E, Level.B_T))
    assert containers.verify(made).has_passed
    assert not containers.verify(_changed(made, change)).has_passed


def test_what_is_no_container_does_not_pass(containers):
    assert containers.verify(b"PK").problems
    assert containers.verify(b"").problems


@pytest.mark.parametrize("packaging", list(Packaging))
def test_xades_is_extended_step_by_step_and_renewed(trust, sign_xml, xades, clock, packaging):
    options = SignatureOptions(packaging=packaging)
    signed = sign_xml(trust.rsa, xml_item(DOCUMENT, options=options))
    contents = {"contrato.xml": DOCUMENT}
    detached = (signed_file("contrato.xml", DOCUMENT),) if packaging is Packaging.DETACHED else ()
    for level in (Level.B_T, Level.B_LT, Level.B_LTA, Level.B_LTA):
        clock.advance(seconds=5)
        signed = XAdESExtender().extend(signed, level, sign_xml.services, detached)
        report = xades.verify(signed, contents)
        assert report.has_passed, report
        assert report.signatures[0].level is level
    tree = etree.fromstring(signed)
    assert len(tree.xpath("//xades141:ArchiveTimeStamp", namespaces=dict(NAMESPACES))) == 2
    with pytest.raises(InvalidRequestError) as refused:
        XAdESExtender().extend(signed, Level.B_T, sign_xml.services, detached)
    assert refused.value.field == "level"


def test_an_archive_needs_the_detached_content_and_the_levels_below_do_not(trust, sign_xml):
    signed = sign_xml(trust.ec, xml_item(DOCUMENT))
    extended = XAdESExtender().extend(signed, Level.B_LT, sign_xml.services)
    with pytest.raises(InvalidRequestError) as refused:
        XAdESExtender().extend(extended, Level.B_LTA, sign_xml.services)
    assert refused.value.field == "document"
    other = (signed_file("contrato.xml", b"other"),)
    for level in (Level.B_LTA, Level.B_LT):
        with pytest.raises(DocumentRefusedError, match="changed"):
            XAdESExtender().extend(signed, level, sign_xml.services, other)


def test_a_broken_signature_gains_nothing(trust, sign_xml):
    options = SignatureOptions(packaging=Packaging.ENVELOPED)
    signed = sign_xml(trust.ec, xml_item(DOCUMENT, options=options))
    value = etree.fromstring(signed).findtext(
        ".//{http://www.w3.org/2000/09/xmldsig#}SignatureValue"
    )
    other = ("A" if value[0] != "A" else "B") + value[1:]
    for old, new in (
        (b"adeus", b"logo"),
        (b"SigningTime>2", b"SigningTime>1"),
        (b"-ref-0", b"-r"),
        (value.encode(), other.encode()),
    ):
        assert old in signed
        with pytest.raises(DocumentRefusedError):
            XAdESExtender().extend(signed.replace(old, new), Level.B_T, sign_xml.services)
    with pytest.raises(DocumentRefusedError):
        XAdESExtender().extend(DOCUMENT, Level.B_T, sign_xml.services)


@KINDS
def test_containers_are_extended_and_renewed(trust, sign_asic, containers, kind):
    signed = sign_asic(trust.ec, _item(kind))
    signed = sign_asic(trust.rsa, xml_item(signed, kind=kind, options=PARALLEL))
    for level in (Level.B_T, Level.B_LT, Level.B_LTA, Level.B_LTA):
        signed = ASiCWithXAdESExtender().extend(signed, level, sign_asic.services)
        report = containers.verify(signed)
        assert report.has_passed, report
        assert [one.level for one in report.signatures] == [level, level]
    with pytest.raises(InvalidRequestError):
        ASiCWithXAdESExtender().extend(signed, Level.B_LT, sign_asic.services)
    with pytest.raises(DocumentRefusedError):
        ASiCWithXAdESExtender().extend(
            _changed(signed, _without_signature), Level.B_LT, sign_asic.services
        )


def test_a_signature_below_is_extended_beside_one_that_is_not(trust, sign_asic, containers):
    first = sign_asic(trust.ec, _item(ItemKind.ASIC_E, Level.B_LT))
    both = sign_asic(trust.rsa, xml_item(first, kind=ItemKind.ASIC_E, options=PARALLEL))
    report = containers.verify(ASiCWithXAdESExtender().extend(both, Level.B_T, sign_asic.services))
    assert [one.level for one in report.signatures] == [Level.B_LT, Level.B_T]
