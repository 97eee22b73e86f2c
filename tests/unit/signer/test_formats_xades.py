"""XAdES of every packaging and level: what is made, and that others accept it."""

import base64
import copy
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, utils
from lxml import etree

from signer.domain.attribute import ClaimedAttribute
from signer.domain.errors import (
    DocumentRefusedError,
    InvalidRequestError,
    RevocationUnavailableError,
    TimestampUnavailableError,
)
from signer.domain.signature_options import (
    CommitmentType,
    Packaging,
    ProductionPlace,
    SignatureOptions,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import DTBSR, Digest, DigestAlgorithm, SignatureValue
from signer.formats.port import TrustServices
from signer.formats.xades import XAdESExtender
from signer.formats.xades.references import enveloped_octets
from signer.validation import Indication, RevocationData, TrustPolicy
from signer.validation.xades import XAdESVerifier
from signer.xmldsig.names import NAMESPACES
from tests.fixtures.signers import HASHES, FakeTimestampAuthority, TrustService
from tests.fixtures.xades import DOCUMENT, ThrowAwayValidationData, signed_file, xml_item

PACKAGINGS = pytest.mark.parametrize("packaging", list(Packaging))
LEVELS = pytest.mark.parametrize("level", list(Level))
KINDS = pytest.mark.parametrize("kind", ["rsa", "ec"])
FILES = (signed_file("um contrato.txt", b"first"), signed_file("anexos/ç.txt", b"second"))
EVERYTHING = SignedProperties(
    commitment=CommitmentType.AUTHORSHIP,
    policy=SignaturePolicy(
        oid="2.16.620.2.1.2.2.2",
        digest=Digest.of(DigestAlgorithm.SHA256, b"policy"),
        url="https://exemplo.pt/p?a&b",
    ),
    place=ProductionPlace(city="Évora", state="Alentejo", postal_code="7000", country="PT"),
    claimed_roles=("Gerente",),
    content_timestamp=True,
)


def _packed(packaging, **chosen):
    return SignatureOptions(packaging=packaging, **chosen)


@pytest.fixture
def verifier(trust, clock):
    policy = TrustPolicy(anchors=trust.anchors, data=RevocationData(crls=trust.crls()))
    return XAdESVerifier(policy, clock)


def _tree(signed):
    return etree.fromstring(signed)


def _find(signed, path):
    return _tree(signed).xpath(path, namespaces=dict(NAMESPACES))


@KINDS
@LEVELS
@PACKAGINGS
def test_what_we_sign_passes_at_the_level_asked(
    trust, sign_xml, verifier, lawyer, kind, level, packaging
):
    holder = trust.holder(kind)
    certified = trust.certify(holder, lawyer)
    item = xml_item(DOCUMENT, level=level, options=_packed(packaging))
    made = sign_xml(holder, item, certified)
    report = verifier.verify(made, {"contrato.xml": DOCUMENT})
    assert report.has_passed, report
    (one,) = report.signatures
    assert one.level is level
    assert (one.timestamp_time is None) is (level is Level.B_B)
    assert one.certificate_serial == f"{holder.certificate.serial_number:x}"
    assert one.claimed_attributes == (lawyer.describe(),)
    assert one.certified_attributes[0].startswith("urn:chancela:ordem-exemplo:advogado (")


@KINDS
@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_every_digest_signs(trust, sign_xml, verifier, kind, algorithm):
    item = xml_item(DOCUMENT, algorithm=algorithm, level=Level.B_LTA)
    made = sign_xml(trust.holder(kind), item)
    assert verifier.verify(made, {"": DOCUMENT}).has_passed
    (method,) = _find(made, "//ds:SignatureMethod/@Algorithm")
    assert method.endswith(f"{'rsa' if kind == 'rsa' else 'ecdsa'}-{algorithm.hash_name}")


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_probabilistic_signatures_are_made_where_asked(trust, sign_xml, verifier, algorithm):
    item = xml_item(
        DOCUMENT, algorithm=algorithm, level=Level.B_T, options=SignatureOptions(pss=True)
    )
    prepared = sign_xml.prepare(trust.rsa, item)
    dtbsr = sign_xml.dtbsr(trust.rsa, item, prepared)
    chosen = HASHES[algorithm.name]()
    pss = padding.PSS(padding.MGF1(chosen), salt_length=chosen.digest_size)
    value = trust.rsa.key.sign(dtbsr.value, pss, utils.Prehashed(chosen))
    made = sign_xml.format.complete(prepared, SignatureValue(value), item, sign_xml.services)
    assert verifier.verify(made, {"": DOCUMENT}).has_passed
    (method,) = _find(made, "//ds:SignatureMethod/@Algorithm")
    assert method == f"http://www.w3.org/2007/05/xmldsig-more#{algorithm.hash_name}-rsa-MGF1"
    wrong = sign_xml.format.complete(prepared, trust.rsa.sign(dtbsr), item, sign_xml.services)
    assert not verifier.verify(wrong, {"": DOCUMENT}).has_passed


@pytest.mark.parametrize("level", list(Level))
def test_everything_that_can_be_said_is_said(trust, sign_xml, verifier, lawyer, level):
    options = SignatureOptions(properties=EVERYTHING)
    item = xml_item(files=FILES, level=level, options=options)
    made = sign_xml(trust.ec, item, ClaimedAttribute(lawyer))
    report = verifier.verify(made, {one.name: one.content for one in FILES})
    assert report.has_passed, report
    assert report.signatures[0].level is level
    assert report.signatures[0].claimed_attributes == (lawyer.describe(), "Gerente")
    said = {
        "//xades:SigPolicyId/xades:Identifier": ["urn:oid:2.16.620.2.1.2.2.2"],
        "//xades:SPURI": ["https://exemplo.pt/p?a&b"],
        "//xades:SignatureProductionPlaceV2/*": ["Évora", "Alentejo", "7000", "PT"],
        "//xades:MimeType": ["text/plain", "text/plain"],
    }
    for path, texts in said.items():
        assert [one.text for one in _find(made, path)] == texts
    assert _find(made, "//ds:SignedInfo/ds:Reference/@URI")[:2] == [
        "um%20contrato.txt",
        "anexos/%C3%A7.txt",
    ]
    assert len(_find(made, "//xades:AllDataObjectsTimeStamp")) == 1
    assert sign_xml.tsa.stamped[0] == Digest.of(DigestAlgorithm.SHA256, b"firstsecond")


def test_what_is_signed_stands_in_the_result_as_it_was_signed(trust, sign_xml):
    for packaging in Packaging:
        item = xml_item(DOCUMENT, options=_packed(packaging))
        prepared = sign_xml.prepare(trust.ec, item)
        value = trust.ec.sign(DTBSR.of(DigestAlgorithm.SHA256, prepared.to_be_signed))
        made = sign_xml.format.complete(prepared, value, item, sign_xml.services)
        assert prepared.to_be_signed in made
        assert prepared.signed_properties in made
        (info,) = _find(made, "//ds:SignedInfo")
        assert etree.tostring(info, method="c14n", exclusive=True) == prepared.to_be_signed
        (properties,) = _find(made, "//xades:SignedProperties")
        canonical = etree.tostring(properties, method="c14n", exclusive=True)
        assert canonical == prepared.signed_properties


@PACKAGINGS
def test_a_digest_alone_is_enough_up_to_b_lt(trust, sign_xml, verifier, packaging):
    if packaging is Packaging.ENVELOPING:
        item = xml_item(DOCUMENT, kind=ItemKind.XADES_DIGEST, options=_packed(packaging))
        with pytest.raises(InvalidRequestError, match="content"):
            sign_xml.prepare(trust.ec, item)
        return
    enveloped = packaging is Packaging.ENVELOPED
    data = enveloped_octets(DOCUMENT) if enveloped else DOCUMENT
    digest = Digest.of(DigestAlgorithm.SHA256, data)
    for level in (Level.B_B, Level.B_T, Level.B_LT):
        options = _packed(packaging, properties=SignedProperties(content_timestamp=True))
        item = xml_item(digest=digest, kind=ItemKind.XADES_DIGEST, level=level, options=options)
        made = sign_xml(trust.ec, item)
        if enveloped:
            made = DOCUMENT.replace(b"</c:contrato>", made + b"</c:contrato>")
        report = verifier.verify(made, {} if enveloped else {"contrato.xml": DOCUMENT})
        assert report.has_passed, report
        assert report.signatures[0].level is level


@pytest.mark.parametrize(
    ("item", "field"),
    [
        pytest.param(
            xml_item(DOCUMENT, kind=ItemKind.XADES_DIGEST, level=Level.B_LTA), "level", id="LTA"
        ),
        pytest.param(
            xml_item(
                files=tuple(replace(one, content=None) for one in FILES),
                kind=ItemKind.XADES_DIGEST,
                options=SignatureOptions(properties=EVERYTHING),
            ),
            "content_timestamp",
            id="content time-stamp over several digests",
        ),
        pytest.param(
            xml_item(files=FILES, options=_packed(Packaging.ENVELOPED)), "packaging", id="files"
        ),
        pytest.param(xml_item(files=FILES[:1] * 2), "files", id="same name twice"),
        pytest.param(
            replace(xml_item(DOCUMENT), document=DOCUMENT + b" "), "document", id="other digest"
        ),
        pytest.param(xml_item(DOCUMENT, options=SignatureOptions(pss=True)), "pss", id="PSS, EC"),
        pytest.param(
            xml_item(
                DOCUMENT,
                options=SignatureOptions(
                    properties=SignedProperties(policy=replace(EVERYTHING.policy, oid="1.-2"))
                ),
            ),
            "policy",
            id="malformed OID",
        ),
        pytest.param(
            xml_item(
                DOCUMENT,
                options=SignatureOptions(properties=SignedProperties(claimed_roles=("a\x00",))),
            ),
            None,
            id="control character",
        ),
        pytest.param(xml_item(DOCUMENT, name=""), "name", id="no name"),
        pytest.param(
            xml_item(DOCUMENT, options=SignatureOptions(parallel=True)), "parallel", id="parallel"
        ),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_signed(trust, sign_xml, item, field):
    with pytest.raises(InvalidRequestError) as refused:
        sign_xml.prepare(trust.ec, item)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"text", id="no XML"),
        pytest.param(b"<a><b></a>", id="malformed"),
        pytest.param(b"<!DOCTYPE a><a/>", id="doctype"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', id="entity"
        ),
        pytest.param(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', id="external subset"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
            + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
            + b"]><a>&m;</a>",
            id="billion laughs",
        ),
        pytest.param(b"<a>" * 100_000 + b"</a>" * 100_000, id="deep"),
        pytest.param(b'<a Id="x"><b Id="x"/></a>', id="identifier twice"),
        pytest.param(b'<a Id="x"><b ID="x"/></a>', id="identifier twice by other names"),
        pytest.param(b'<a xmlns:xml="urn:x"/>', id="bad namespace"),
        pytest.param(
            b"<a " + b" ".join(b'a%d=""' % n for n in range(501)) + b"/>", id="many attributes"
        ),
        pytest.param("<a>ç</a>".encode("latin-1"), id="other encoding"),
    ],
)
def test_hostile_xml_is_refused_before_anything_is_signed(trust, sign_xml, document):
    with pytest.raises(DocumentRefusedError):
        sign_xml.prepare(trust.ec, xml_item(document, options=_packed(Packaging.ENVELOPED)))


def test_a_second_enveloped_signature_is_refused_because_it_breaks_the_first(trust, sign_xml):
    options = _packed(Packaging.ENVELOPED)
    first = sign_xml(trust.ec, xml_item(DOCUMENT, options=options))
    with pytest.raises(DocumentRefusedError, match="already"):
        sign_xml.prepare(trust.ec, xml_item(first, options=options))


def test_content_too_large_for_a_text_is_refused(trust, sign_xml):
    item = xml_item(bytes(7_000_001), options=_packed(Packaging.ENVELOPING))
    with pytest.raises(DocumentRefusedError, match="at most"):
        sign_xml.prepare(trust.ec, item)


def test_the_largest_enveloping_signature_can_be_read(trust, sign_xml, verifier):
    item = xml_item(bytes(7_000_000), level=Level.B_LTA, options=_packed(Packaging.ENVELOPING))
    assert verifier.verify(sign_xml(trust.ec, item)).has_passed


def test_nothing_comes_out_below_the_level_asked(trust, sign_xml):
    item = xml_item(DOCUMENT, level=Level.B_LT)
    prepared = sign_xml.prepare(trust.ec, item)
    value = trust.ec.sign(sign_xml.dtbsr(trust.ec, item, prepared))
    sign_xml.tsa.down = TimestampUnavailableError()
    with pytest.raises(TimestampUnavailableError):
        sign_xml.format.complete(prepared, value, item, sign_xml.services)
    sign_xml.tsa.down = None
    unanswered = ThrowAwayValidationData(trust, RevocationUnavailableError())
    services = replace(sign_xml.services, validation_data=unanswered)
    with pytest.raises(RevocationUnavailableError):
        sign_xml.format.complete(prepared, value, item, services)
    sign_xml.format.complete(prepared, value, item, sign_xml.services)


def test_what_a_signature_carries_is_enough_without_anybody_to_ask(trust, sign_xml, clock):
    made = sign_xml(trust.ec, xml_item(DOCUMENT, level=Level.B_LTA))
    policy = TrustPolicy(anchors=trust.anchors)
    report = XAdESVerifier(policy, clock).verify(made, {"": DOCUMENT})
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA
    b_b = sign_xml(trust.ec, xml_item(DOCUMENT))
    (one,) = XAdESVerifier(policy, clock).verify(b_b, {"": DOCUMENT}).signatures
    assert (one.indication, one.sub_indication) == (Indication.INDETERMINATE, "TRY_LATER")


def _aged(trust, moment):
    """The same keys and certificates; revocation lists of another day."""
    aged = copy.copy(trust)
    aged.moment = moment
    return aged


def test_a_renewed_archive_outlives_every_certificate_it_began_with(trust, sign_xml, clock):
    """A year later signer and first authority have expired; the second authority has not."""
    signed = sign_xml(trust.ec, xml_item(DOCUMENT, level=Level.B_LTA))
    clock.advance(days=360)
    later = TrustService(clock.now())
    services = TrustServices(
        timestamps=FakeTimestampAuthority(later.tsa, clock),
        validation_data=ThrowAwayValidationData(_aged(trust, clock.now())),
    )
    detached = (signed_file("contrato.xml", DOCUMENT),)
    renewed = XAdESExtender().extend(signed, Level.B_LTA, services, detached)
    clock.advance(days=6)
    policy = TrustPolicy(
        anchors=(*trust.anchors, *later.anchors), data=RevocationData(crls=later.crls())
    )
    verifier = XAdESVerifier(policy, clock)
    report = verifier.verify(renewed, {"": DOCUMENT})
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA
    report = verifier.verify(signed, {"": DOCUMENT})
    assert not report.has_passed
    assert report.signatures[0].level is not Level.B_LTA


def test_a_timestamp_nobody_trusts_proves_nothing(trust, sign_xml, verifier, clock):
    stranger = TrustService(clock.now())
    sign = replace(sign_xml, tsa=FakeTimestampAuthority(stranger.tsa, clock))
    report = verifier.verify(sign(trust.ec, xml_item(DOCUMENT, level=Level.B_T)), {"": DOCUMENT})
    assert not report.has_passed
    assert report.signatures[0].level is Level.B_B
    assert report.signatures[0].timestamp_time is None


def test_a_timestamp_later_than_the_archive_that_covers_it_proves_nothing(
    trust, sign_xml, verifier, clock
):
    signed = sign_xml(trust.ec, xml_item(DOCUMENT, level=Level.B_LT))
    clock.advance(minutes=-10)
    detached = (signed_file("contrato.xml", DOCUMENT),)
    extended = XAdESExtender().extend(signed, Level.B_LTA, sign_xml.services, detached)
    clock.advance(minutes=20)
    report = verifier.verify(extended, {"": DOCUMENT})
    assert not report.has_passed
    assert any("TIMESTAMP_ORDER_FAILURE" in one for one in report.signatures[0].problems)


@pytest.mark.parametrize(
    ("minutes", "level", "passes"),
    [
        pytest.param(30, Level.B_B, False, id="after, without time-stamp"),
        pytest.param(30, Level.B_T, True, id="after the time-stamp"),
        pytest.param(30, Level.B_LTA, True, id="after the archive"),
        pytest.param(0, Level.B_T, False, id="before the time-stamp"),
    ],
)
def test_a_revocation_counts_from_its_day_on(trust, sign_xml, clock, minutes, level, passes):
    signed = sign_xml(trust.ec, xml_item(DOCUMENT, level=level))
    clock.advance(minutes=30)
    # Its list says ten minutes before its own moment.
    aged = _aged(trust, clock.now() - timedelta(minutes=30 - minutes))
    data = RevocationData(crls=aged.crls(trust.ec))
    verifier = XAdESVerifier(TrustPolicy(anchors=trust.anchors, data=data), clock)
    report = verifier.verify(signed, {"": DOCUMENT})
    assert report.has_passed is passes, report
    if not passes:
        assert report.signatures[0].sub_indication == "REVOKED_NO_POE"


def test_base64_of_certificates_is_the_signers_chain_without_root(trust, sign_xml):
    made = sign_xml(trust.rsa, xml_item(DOCUMENT))
    embedded = [base64.b64decode(one.text) for one in _find(made, "//ds:X509Certificate")]
    assert embedded == list(trust.rsa.chain_der[:2])
