"""xmlsec1 and signxml accept our XAdES, and refuse them when they are spoilt."""

import shutil

import pytest
from lxml import etree
from signxml import SignatureConfiguration
from signxml.xades import XAdESVerifier as Signxml

from signer.asic import Container
from signer.domain.signature_options import (
    Packaging,
    SignatureOptions,
    SignedProperties,
)
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import DigestAlgorithm
from signer.formats.asic.xades import ASiCWithXAdES
from tests.fixtures.xades import DOCUMENT, XMLSigning, signed_file, xml_item, xmlsec_accepts

CASES = [
    pytest.param(kind, level, packaging, id=f"{kind}, {level}, {packaging}")
    for kind in ("rsa", "ec")
    for level in Level
    for packaging in Packaging
]
HAS_XMLSEC = pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 not installed")
CHOSEN = SignatureOptions(
    properties=SignedProperties(claimed_roles=("Gerente",), content_timestamp=True)
)


def _item(packaging, level=Level.B_B, algorithm=DigestAlgorithm.SHA256):
    options = SignatureOptions(packaging=packaging, properties=CHOSEN.properties)
    return xml_item(DOCUMENT, level=level, options=options, algorithm=algorithm)


@HAS_XMLSEC
@pytest.mark.parametrize(("kind", "level", "packaging"), CASES)
def test_xmlsec1_accepts(trust, sign_xml, lawyer, tmp_path, kind, level, packaging):
    holder = trust.holder(kind)
    signed = sign_xml(holder, _item(packaging, level), trust.certify(holder, lawyer))
    files = {"contrato.xml": DOCUMENT}
    assert xmlsec_accepts(tmp_path, trust, signed, files)
    broken = signed.replace(b"SigningTime>2", b"SigningTime>1")
    assert not xmlsec_accepts(tmp_path, trust, broken, files)
    if packaging is Packaging.DETACHED:
        other = {"contrato.xml": DOCUMENT + b" "}
        assert not xmlsec_accepts(tmp_path, trust, signed, other)
    elif packaging is Packaging.ENVELOPED:
        changed = signed.replace(b"adeus", b"logo")
        assert not xmlsec_accepts(tmp_path, trust, changed)


@HAS_XMLSEC
@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_xmlsec1_accepts_every_digest(trust, sign_xml, tmp_path, kind, algorithm):
    signed = sign_xml(trust.holder(kind), _item(Packaging.ENVELOPED, algorithm=algorithm))
    assert xmlsec_accepts(tmp_path, trust, signed)


@HAS_XMLSEC
def test_xmlsec1_accepts_the_signatures_of_a_container(trust, sign_xml, tmp_path):
    sign = XMLSigning(
        ASiCWithXAdES(), trust, sign_xml.tsa, sign_xml.clock, sign_xml.validation_data
    )
    files = (signed_file("a b.txt", b"first"), signed_file("pasta/ç.txt", b"second"))
    item = xml_item(files=files, kind=ItemKind.ASIC_E, level=Level.B_LTA)
    signatures = Container.read(sign(trust.rsa, item)).file("META-INF/signatures001.xml")
    contents = {one.name: one.content for one in files}
    assert xmlsec_accepts(tmp_path, trust, signatures, contents)
    assert not xmlsec_accepts(tmp_path, trust, signatures, contents | {"a b.txt": b"other"})


@pytest.mark.parametrize(("kind", "level", "packaging"), CASES)
def test_signxml_accepts(trust, sign_xml, kind, level, packaging):
    holder = trust.holder(kind)
    # It digests the document element where XML-DSig means the document (XMLDSIG, 4.4.3.3).
    document = DOCUMENT.replace(b"<?style none?>", b"").replace(b"<?after this?>", b"")
    options = SignatureOptions(packaging=packaging, properties=CHOSEN.properties)
    signed = sign_xml(holder, xml_item(document, level=level, options=options))
    verified = Signxml().verify(
        etree.fromstring(signed),
        # Its own check of the chain wants digitalSignature, which signers' certificates lack.
        x509_cert=holder.certificate,
        expect_config=SignatureConfiguration(expect_references=2),
        uri_resolver={"contrato.xml": document}.__getitem__,
    )
    assert len(verified) == 2
