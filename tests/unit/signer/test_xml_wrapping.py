"""Signature wrapping, shadowed identifiers, alterations: nothing of it verifies as valid."""

import copy
from dataclasses import replace

import pytest
from lxml import etree

from signer.domain.signature_options import Packaging, SignatureOptions
from signer.domain.transaction import Level
from signer.domain.values import DTBSR, Digest, DigestAlgorithm
from signer.formats.xades import XAdESExtender
from signer.formats.xades.documents import with_last_child
from signer.formats.xades.references import DataReference
from signer.formats.xades.signing import prepare_xades, written_signature
from signer.validation import Indication, RevocationData, TrustPolicy
from signer.validation.xades import XAdESVerifier
from signer.xmldsig import names
from signer.xmldsig.canonical import canonical
from signer.xmldsig.names import NAMESPACES
from signer.xmldsig.parsing import parse
from tests.fixtures.xades import signed_file, xml_item

PLAIN = (
    b'<c:contrato xmlns:c="urn:exemplo"><c:valor>100</c:valor>'
    b"<c:parte>Maria Exemplo</c:parte></c:contrato>"
)
PACKAGE = (
    b'<p:pacote xmlns:p="urn:pacote"><c:contrato xmlns:c="urn:exemplo" Id="c1">'
    b"<c:valor>100</c:valor></c:contrato></p:pacote>"
)
WHOLE = b'<c:contrato xmlns:c="urn:exemplo" Id="c1"><c:valor>100</c:valor></c:contrato>'
DS = "{http://www.w3.org/2000/09/xmldsig#}"


@pytest.fixture
def verifier(trust, clock):
    policy = TrustPolicy(anchors=trust.anchors, data=RevocationData(crls=trust.crls()))
    return XAdESVerifier(policy, clock)


def _sign_by_id(sign_xml, document, transforms):
    """A signature that names what it signs by Id, as other programs make them."""
    root = parse(document)
    (target,) = root.xpath("//*[@Id = 'c1']")
    holder = sign_xml.trust.ec

    def plan(item, _identifier):
        digest = Digest.of(item.digest.algorithm, canonical(target))
        return (
            DataReference(
                uri="#c1", digest=digest, media_type="application/xml", transforms=transforms
            ),
        )

    item = xml_item(document)
    prepared = prepare_xades(item, holder.identity(), sign_xml.clock.now(), sign_xml.services, plan)
    value = holder.sign(DTBSR.of(DigestAlgorithm.SHA256, prepared.to_be_signed))
    return with_last_child(root, written_signature(prepared, value))


@pytest.fixture
def package(sign_xml):
    """The signed element and its signature lie side by side."""
    return _sign_by_id(sign_xml, PACKAGE, (names.EXCLUSIVE,))


@pytest.fixture
def whole(sign_xml):
    """The document element is signed by its Id, the signature is inside."""
    return _sign_by_id(sign_xml, WHOLE, (names.ENVELOPED, names.EXCLUSIVE))


def _parts(signed):
    """Root, signed element and signature, taken apart; an evil twin of the signed element."""
    root = etree.fromstring(signed)
    (original,) = root.xpath("//*[@Id = 'c1']")
    (signature,) = root.xpath("//ds:Signature", namespaces=dict(NAMESPACES))
    signature.getparent().remove(signature)
    evil = copy.deepcopy(original)
    evil.set("Id", "evil")
    evil[0].text = "999999"
    return root, copy.deepcopy(original), signature, evil


def _object(signature, *inside):
    holder = etree.SubElement(signature, f"{DS}Object")
    holder.extend(inside)
    signature.insert(signature.index(signature.find(f"{DS}Object")), holder)


def _wrapped(number, signed):
    """The eight known ways to move what is signed out of the reader's sight."""
    _, original, signature, evil = _parts(signed)
    package = etree.Element("{urn:pacote}pacote")
    extension = etree.Element("{urn:pacote}extra")
    if number == 1:  # evil root, the original inside the signature
        _object(signature, original)
        evil.append(signature)
        return evil
    if number == 2:  # evil root, the original beside the signature
        evil.extend([original, signature])
        return evil
    if number == 3:  # evil before the original
        package.extend([evil, original, signature])
    elif number == 4:  # the original in the evil one
        evil.append(original)
        package.extend([evil, signature])
    elif number == 5:  # the signature in the evil one, the original at the end
        evil.append(signature)
        package.extend([evil, original])
    elif number == 6:  # the original in the signature in the evil one
        _object(signature, original)
        evil.append(signature)
        package.append(evil)
    elif number == 7:  # the original where extensions are allowed
        extension.append(original)
        package.extend([extension, evil, signature])
    else:  # the original in an Object of the signature
        _object(signature, original)
        package.extend([evil, signature])
    return package


def test_what_is_wrapped_below_passes_as_it_is(verifier, package, whole):
    assert verifier.verify(package).has_passed
    assert verifier.verify(whole).has_passed


def _first(tree, path):
    return tree.xpath(path, namespaces=dict(NAMESPACES))[0]


def _swap_text(tree, path):
    one, other, *_ = tree.xpath(path, namespaces=dict(NAMESPACES))
    one.text, other.text = other.text, one.text


def _copy_stamp(tree):
    path = "xades:EncapsulatedTimeStamp"
    archive = _first(tree, f"//xades141:ArchiveTimeStamp/{path}")
    archive.text = _first(tree, f"//xades:SignatureTimeStamp/{path}").text


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["package", "whole"])
@pytest.mark.parametrize("shadowed", [False, True])
def test_no_wrapping_passes(verifier, package, whole, number, kind, shadowed):
    attacked = _wrapped(number, {"package": package, "whole": whole}[kind])
    if shadowed:
        (evil,) = attacked.xpath("//*[@Id = 'evil'] | self::*[@Id = 'evil']")
        evil.set("Id", "c1")
    report = verifier.verify(etree.tostring(attacked))
    assert not report.has_passed
    assert all(one.indication is not Indication.TOTAL_PASSED for one in report.signatures)


@pytest.mark.parametrize("attribute", ["ID", "id", "{http://www.w3.org/XML/1998/namespace}id"])
def test_identifiers_are_not_shadowed_under_another_name(verifier, package, attribute):
    root = etree.fromstring(package)
    root.set(attribute, "c1")
    assert not verifier.verify(etree.tostring(root)).has_passed


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: root.set("total", "5"), id="attribute"),
        pytest.param(lambda root: setattr(root, "text", "pago"), id="text"),
        pytest.param(lambda root: setattr(root[0], "tail", "pago"), id="text after"),
        pytest.param(lambda root: root.append(etree.Element("x")), id="element"),
    ],
)
def test_a_wrapper_says_nothing_of_its_own(verifier, package, change):
    root = etree.fromstring(package)
    change(root)
    assert not verifier.verify(etree.tostring(root)).has_passed


def test_properties_of_another_signature_are_not_taken(sign_xml, verifier, trust):
    first, second = (sign_xml(holder, xml_item(b"x")) for holder in (trust.ec, trust.rsa))
    one, other = etree.fromstring(first), etree.fromstring(second)
    for old, new in zip(one.findall(f"{DS}Object"), other.findall(f"{DS}Object"), strict=True):
        one.replace(old, new)
    assert not verifier.verify(etree.tostring(one), {"": b"x"}).has_passed


def test_properties_that_nothing_signed_refers_to_are_not_believed(sign_xml, verifier, trust):
    """A plain XML signature to which somebody adds properties that it never signed."""
    item = xml_item(b"x")
    prepared = sign_xml.prepare(trust.ec, item)
    info = prepared.to_be_signed
    last = info.rindex(b"<ds:Reference ")
    plain = replace(prepared, to_be_signed=info[:last] + b"</ds:SignedInfo>")
    for one, passes in ((prepared, True), (plain, False)):
        value = trust.ec.sign(DTBSR.of(DigestAlgorithm.SHA256, one.to_be_signed))
        made = written_signature(one, value).encode()
        assert verifier.verify(made, {"": b"x"}).has_passed is passes


def test_a_second_set_of_qualifying_properties_is_refused(sign_xml, verifier, trust):
    root = etree.fromstring(sign_xml(trust.ec, xml_item(b"x")))
    again = copy.deepcopy(root[-1])
    for one in again.iter():
        one.attrib.pop("Id", None)
    root.append(again)
    assert not verifier.verify(etree.tostring(root), {"": b"x"}).has_passed


def test_an_object_that_is_not_signed_is_noticed(sign_xml, verifier, trust):
    options = SignatureOptions(packaging=Packaging.ENVELOPING)
    root = etree.fromstring(sign_xml(trust.ec, xml_item(b"x", options=options)))
    etree.SubElement(root, f"{DS}Object").text = "unsigned"
    assert not verifier.verify(etree.tostring(root)).has_passed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            b"http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            b"http://www.w3.org/TR/1999/REC-xslt-19991116",
            id="XSLT",
        ),
        pytest.param(b"xml-exc-c14n#", b"xml-exc-c14n##", id="unknown canonicalisation"),
        pytest.param(b"xmlenc#sha256", b"xmldsig#sha1", id="weak digest"),
        pytest.param(b"ecdsa-sha256", b"rsa-sha256", id="other kind of key"),
        pytest.param(b"ecdsa-sha256", b"hmac-sha256", id="secret key"),
        pytest.param(b' URI=""', b"", id="no URI"),
        pytest.param(b' URI=""', b' URI="file:///etc/passwd"', id="file"),
        pytest.param(b' URI=""', b' URI="http://127.0.0.1:9/x"', id="network"),
        pytest.param(b' URI=""', b' URI="#xpointer(//*)"', id="pointer"),
        pytest.param(b"SigningTime>2", b"SigningTime>1", id="time"),
        pytest.param(b"<ds:KeyInfo>", b"<ds:KeyInfo><ds:KeyName>x</ds:KeyName>", id="key name"),
    ],
)
def test_a_changed_signature_does_not_pass(sign_xml, verifier, trust, old, new):
    options = SignatureOptions(packaging=Packaging.ENVELOPED)
    signed = sign_xml(trust.ec, xml_item(PLAIN, options=options))
    assert verifier.verify(signed).has_passed
    if b"KeyName" in new:
        # KeyInfo is not signed: what is in it beside the certificate changes nothing.
        assert verifier.verify(signed.replace(old, new)).has_passed
        return
    assert old in signed
    assert not verifier.verify(signed.replace(old, new)).has_passed


def test_no_altered_byte_passes(sign_xml, verifier, trust):
    options = SignatureOptions(packaging=Packaging.ENVELOPED)
    signed = sign_xml(trust.ec, xml_item(PLAIN, options=options))
    # The Id of SignatureValue is nobody's to sign, and nothing looks at it.
    free = signed.index(b"-value")
    for at in range(0, len(signed), 11):
        if free - 50 < at < free + 10:
            continue
        changed = bytearray(signed)
        changed[at] ^= 1
        passed = verifier.verify(bytes(changed)).has_passed
        # A name that nothing uses, declared again, is no change to the document.
        same = passed and canonical(parse(bytes(changed))) == canonical(parse(signed))
        assert passed is same, (at, signed[at - 20 : at + 20])


def test_no_truncated_document_passes(sign_xml, verifier, trust):
    signed = sign_xml(trust.ec, xml_item(PLAIN))
    for length in range(0, len(signed), 97):
        assert not verifier.verify(signed[:length], {"": PLAIN}).has_passed


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda tree: _swap_text(tree, "//xades:EncapsulatedCRLValue"), id="CRLs"),
        pytest.param(
            lambda tree: _first(tree, "//xades:EncapsulatedX509Certificate").getparent().clear(),
            id="certificates removed",
        ),
        pytest.param(
            lambda tree: _first(tree, "//ds:X509Data").append(
                copy.deepcopy(_first(tree, "//ds:X509Certificate"))
            ),
            id="certificate added to KeyInfo",
        ),
        pytest.param(_copy_stamp, id="time-stamp of another kind"),
        pytest.param(
            lambda tree: _first(tree, "//xades141:ArchiveTimeStamp").set("Id", "other"), id="none"
        ),
    ],
)
def test_an_archive_time_stamp_notices_what_was_changed_before_it(
    sign_xml, verifier, trust, change, request
):
    signed = sign_xml(trust.ec, xml_item(PLAIN, level=Level.B_LTA))
    tree = etree.fromstring(signed)
    change(tree)
    report = verifier.verify(etree.tostring(tree), {"": PLAIN})
    untouched = request.node.callspec.id == "none"
    assert report.has_passed is untouched
    if not untouched and report.signatures:
        assert report.signatures[0].level is not Level.B_LTA


def test_a_renewal_does_not_heal_a_broken_archive(sign_xml, verifier, trust):
    tree = etree.fromstring(sign_xml(trust.ec, xml_item(PLAIN, level=Level.B_LTA)))
    _copy_stamp(tree)
    detached = (signed_file("contrato.xml", PLAIN),)
    renewed = XAdESExtender().extend(etree.tostring(tree), Level.B_LTA, sign_xml.services, detached)
    report = verifier.verify(renewed, {"": PLAIN})
    assert not report.has_passed
    assert report.signatures[0].level is Level.B_LT


def test_a_timestamp_over_something_else_gives_no_level_t(sign_xml, verifier, trust):
    signed = sign_xml(trust.ec, xml_item(PLAIN, level=Level.B_T))
    other = sign_xml(trust.ec, xml_item(b"other", level=Level.B_T))
    path = "//xades:EncapsulatedTimeStamp"
    tree = etree.fromstring(signed)
    _first(tree, path).text = _first(etree.fromstring(other), path).text
    (one,) = verifier.verify(etree.tostring(tree), {"": PLAIN}).signatures
    assert one.level is Level.B_B
    assert one.timestamp_time is None
    assert one.problems


def test_no_anchors_trust_nobody(sign_xml, verifier, trust):
    signed = sign_xml(trust.ec, xml_item(PLAIN))
    nobody = replace(verifier, policy=replace(verifier.policy, anchors=()))
    assert not nobody.verify(signed, {"": PLAIN}).has_passed


def test_the_content_is_needed_and_has_to_be_the_right_one(sign_xml, verifier, trust):
    signed = sign_xml(trust.ec, xml_item(PLAIN))
    (one,) = verifier.verify(signed).signatures
    assert (one.indication, one.sub_indication) == (
        Indication.INDETERMINATE,
        "SIGNED_DATA_NOT_FOUND",
    )
    (one,) = verifier.verify(signed, {"contrato.xml": PLAIN + b" "}).signatures
    assert (one.indication, one.sub_indication) == (Indication.TOTAL_FAILED, "HASH_FAILURE")
    assert not verifier.verify(PLAIN).has_passed
    assert not verifier.verify(b"").has_passed


def test_too_many_signatures_or_time_stamps_are_not_judged(sign_xml, verifier, trust):
    signed = etree.fromstring(sign_xml(trust.ec, xml_item(PLAIN, level=Level.B_T)))
    stamp = _first(signed, "//xades:SignatureTimeStamp")
    stamp.attrib.pop("Id")
    for _ in range(50):
        stamp.addnext(copy.deepcopy(stamp))
    (one,) = verifier.verify(etree.tostring(signed), {"": PLAIN}).signatures
    assert (one.indication, one.sub_indication) == (Indication.TOTAL_FAILED, "FORMAT_FAILURE")
    many = etree.Element("many")
    many.extend(etree.Element(f"{DS}Signature") for _ in range(51))
    assert verifier.verify(etree.tostring(many)).problems
