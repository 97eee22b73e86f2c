"""XAdES and ASiC with the trust service's own answers: OCSP for everybody, nobody asked later."""

from dataclasses import replace

import pytest

from signer.domain.signature_options import Packaging, SignatureOptions
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import KeyAlgorithm
from signer.formats.asic.xades import ASiCWithXAdES
from signer.formats.xades import XAdES, XAdESExtender
from signer.validation import FileKind, TrustPolicy, Verifier
from signer.validation.verifier import kind_of
from tests.fixtures.xades import DOCUMENT, signed_file, xml_item

FILES = (signed_file("a.txt", b"first"), signed_file("b.txt", b"second"))


@pytest.fixture
def signing(long_term):
    formats = {ItemKind.XADES: XAdES(), ItemKind.ASIC_E: ASiCWithXAdES()}
    return replace(long_term, formats=formats)


@pytest.fixture
def offline(long_term, clock):
    return Verifier(TrustPolicy(anchors=(long_term.anchor,)), clock)


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256])
@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
@pytest.mark.parametrize("packaging", list(Packaging))
def test_everything_needed_is_inside(signing, offline, lawyer, algorithm, level, packaging):
    options = SignatureOptions(packaging=packaging)
    item = xml_item(DOCUMENT, level=level, options=options)
    made = signing.made(signing.holder(algorithm), item, lawyer)
    report = offline.verify_xades(made, {"contrato.xml": DOCUMENT})
    assert report.has_passed, report
    (one,) = report.signatures
    assert one.level is level
    assert one.certified_attributes


def test_a_container_has_everything_inside(signing, offline):
    item = xml_item(files=FILES, kind=ItemKind.ASIC_E, level=Level.B_LTA)
    report = offline.verify_container(signing.made(signing.holder(), item))
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA


def test_kinds_are_told_from_content(signing):
    xml = signing.made(signing.holder(), xml_item(DOCUMENT))
    packed = signing.made(signing.holder(), xml_item(files=FILES, kind=ItemKind.ASIC_E))
    assert kind_of(xml) is FileKind.XML
    assert kind_of(b"\xef\xbb\xbf\n " + xml) is FileKind.XML
    assert kind_of(packed) is FileKind.CONTAINER
    assert kind_of(packed[:20]) is FileKind.UNKNOWN


def test_below_b_lt_nobody_vouches_offline(signing, offline):
    for level in (Level.B_B, Level.B_T):
        made = signing.made(signing.holder(), xml_item(DOCUMENT, level=level))
        assert not offline.verify_xades(made, {"": DOCUMENT}).has_passed


def test_levels_are_added_later(signing, offline, clock):
    signed = signing.made(signing.holder(), xml_item(DOCUMENT))
    contents = (signed_file("contrato.xml", DOCUMENT),)
    for level in (Level.B_T, Level.B_LT, Level.B_LTA, Level.B_LTA):
        clock.advance(seconds=30)
        signed = XAdESExtender().extend(signed, level, signing.services, contents)
    report = offline.verify_xades(signed, {"": DOCUMENT})
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA
