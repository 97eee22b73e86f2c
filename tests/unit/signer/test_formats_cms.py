"""The CMS made of cached pieces is the CMS that a full encoder would make."""

import asyncio
from datetime import UTC, datetime

import pytest
from asn1crypto import cms, core
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.sign.ades.api import CAdESSignedAttrSpec, SignerAttrSpec
from pyhanko.sign.signers.pdf_cms import ExternalSigner, PdfCMSSignedAttributes
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signer.domain.attribute import ClaimedAttribute
from signer.domain.errors import IntegrityAlarmError
from signer.domain.strict_der import parse
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import DTBSR, Digest, DigestAlgorithm, SignatureAlgorithm
from signer.formats import der
from signer.formats.cms import (
    ALGORITHM_PROTECTION,
    SIGNING_CERTIFICATE_V2,
    template_for,
    without_root,
)
from signer.formats.signer_attributes import signer_attributes_v2
from tests.fixtures.documents import item_of

HOLDERS = pytest.mark.parametrize("kind", ["rsa", "ec"])
DIGESTS = pytest.mark.parametrize("algorithm", list(DigestAlgorithm))


def _attribute(signed_data, name):
    (signer_info,) = signed_data["signer_infos"]
    (found,) = [
        one["values"][0] for one in signer_info["signed_attrs"] if one["type"].native == name
    ]
    return found


def _walk(element):
    """Everything inside is strict DER, sets in order; raises IntegrityAlarmError otherwise."""
    if element.tag & 0x20:
        members = element.child_set() if element.tag == 0x31 else element.children(element.tag)
        for member in members:
            _walk(member)


@given(st.integers(0, 1 << 160))
def test_integers_are_encoded_as_asn1crypto_does(value):
    assert der.integer(value) == core.Integer(value).dump()


@given(st.integers(0, 1), st.integers(0, 39), st.lists(st.integers(0, 1 << 40), max_size=8))
def test_object_identifiers_survive_encoding_and_strict_decoding(first, second, rest):
    dotted = ".".join(map(str, (first, second, *rest)))
    encoded = der.object_identifier(dotted)
    assert encoded == core.ObjectIdentifier(dotted).dump()
    assert parse(encoded).dotted() == dotted


@given(st.lists(st.binary(max_size=300), max_size=8, unique=True))
def test_sets_are_sorted_and_read_back_strictly(values):
    encoded = der.set_of(*(der.octet_string(value) for value in values))
    assert {one.content for one in parse(encoded).child_set()} == set(values)


@given(st.datetimes(datetime(1950, 1, 1), datetime(2199, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_times_change_form_in_2050(moment):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert (
        der.time(moment)
        == cms.Time(
            {"utc_time": core.UTCTime(moment)}
            if moment.year < 2050
            else {"generalized_time": core.GeneralizedTime(moment)}
        ).dump()
    )


@HOLDERS
@DIGESTS
def test_signed_attributes_equal_pyhankos(trust, kind, algorithm, lawyer):
    holder = trust.holder(kind)
    certified = trust.certify(holder, lawyer)
    chain = [cms.Certificate.load(one) for one in without_root(holder.chain_der)]
    signature_algorithm = SignatureAlgorithm.of(holder.algorithm, algorithm)
    pyhanko = ExternalSigner(
        signing_cert=chain[0],
        cert_registry=SimpleCertificateStore.from_certs(chain[1:]),
        signature_value=bytes(384),
        signature_mechanism=cms.SignedDigestAlgorithm({"algorithm": signature_algorithm.value}),
    )
    digest = algorithm.of(b"content")
    claims = [
        cms.AttCertAttribute({"type": "2.5.4.12", "values": [core.UTF8String(lawyer.describe())]})
    ]
    theirs = asyncio.run(
        pyhanko.signed_attrs(
            digest,
            algorithm.hash_name,
            use_pades=True,
            attr_settings=PdfCMSSignedAttributes(
                cades_signed_attrs=CAdESSignedAttrSpec(
                    signer_attributes=SignerAttrSpec(
                        claimed_attrs=claims,
                        certified_attrs=[
                            cms.AttributeCertificateV2.load(certified.attribute_certificate_der)
                        ],
                    )
                )
            ),
        )
    )
    ours = template_for(without_root(holder.chain_der), signature_algorithm).signed_attributes(
        digest, signer_attributes=signer_attributes_v2((certified,))
    )
    members = {one.encoded for one in parse(ours).child_set()}
    (protection,) = [one for one in members if der.object_identifier(ALGORITHM_PROTECTION) in one]
    differing = members ^ {one.dump() for one in theirs}
    # pyHanko names the certificate by SHA-256 always, we by the signature's own digest.
    expected = {protection}
    if algorithm is not DigestAlgorithm.SHA256:
        expected |= {
            one for one in differing if der.object_identifier(SIGNING_CERTIFICATE_V2) in one
        }
        (named,) = [one for one in expected & members if algorithm.of(holder.chain_der[0]) in one]
        (certificate_id,) = cms.CMSAttribute.load(named)["values"][0]["certs"]
        assert certificate_id["hash_algorithm"]["algorithm"].native == algorithm.hash_name
    assert differing == expected
    value = cms.CMSAttribute.load(protection)["values"][0]
    assert isinstance(value, cms.CMSAlgorithmProtection)
    assert value["digest_algorithm"]["algorithm"].native == algorithm.hash_name
    assert value["signature_algorithm"]["algorithm"].dotted == signature_algorithm.value


@HOLDERS
def test_a_cms_is_canonical_and_embeds_each_certificate_once(trust, sign, kind, lawyer):
    holder = trust.holder(kind)
    item = item_of(ItemKind.CADES_DIGEST, b"content", Level.B_T)
    made = sign(holder, item, trust.certify(holder, lawyer))
    signed_data = cms.ContentInfo.load(made, strict=True)["content"]
    _walk(parse(made))
    embedded = [one.chosen.dump() for one in signed_data["certificates"]]
    assert sorted(embedded) == sorted(
        {*holder.chain_der[:2], trust.authority.chain_der[0], trust.ca.chain_der[0]}
    )
    assert trust.root.chain_der[0] not in embedded


def test_signing_time_is_in_cades_and_not_in_pades(trust, sign, clock):
    for kind, expected in ((ItemKind.CADES_DIGEST, True), (ItemKind.PADES_DIGEST, False)):
        made = sign(trust.ec, item_of(kind, b"content"))
        (signer_info,) = cms.ContentInfo.load(made)["content"]["signer_infos"]
        times = [
            one["values"][0].native
            for one in signer_info["signed_attrs"]
            if one["type"].native == "signing_time"
        ]
        assert times == ([clock.now()] if expected else [])


def test_a_template_is_made_once_per_signer(trust):
    chain = without_root(trust.rsa.chain_der)
    first = template_for(chain, SignatureAlgorithm.RSA_SHA256)
    copied = tuple(bytes(bytearray(one)) for one in chain)
    assert template_for(copied, SignatureAlgorithm.RSA_SHA256) is first


def test_only_a_self_issued_end_of_a_chain_is_left_out(trust):
    assert without_root(trust.rsa.chain_der) == trust.rsa.chain_der[:2]
    assert without_root(trust.rsa.chain_der[:2]) == trust.rsa.chain_der[:2]
    assert without_root(trust.root.chain_der) == trust.root.chain_der


def test_a_claimed_attribute_is_plain_text_without_certificate(trust, sign, lawyer):
    made = sign(trust.ec, item_of(ItemKind.CADES_DIGEST, b"x"), ClaimedAttribute(lawyer))
    value = _attribute(cms.ContentInfo.load(made)["content"], "signer_attributes_v2")
    (claim,) = value["claimed_attributes"]
    assert claim["values"][0].native == "Advogada 12345L (Ordem dos Exemplos)"
    assert value["certified_attributes_v2"].native is None


def test_issuer_and_serial_are_the_certificates_own_bytes(trust, sign):
    made = sign(trust.rsa, item_of(ItemKind.CADES_DIGEST, b"x"))
    (signer_info,) = cms.ContentInfo.load(made)["content"]["signer_infos"]
    certificate = x509.load_der_x509_certificate(trust.rsa.chain_der[0])
    sid = signer_info["sid"].chosen
    assert sid["issuer"].dump() == certificate.issuer.public_bytes()
    assert sid["serial_number"].native == certificate.serial_number


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x04", id="no length"),
        pytest.param(b"\x04\x02a", id="truncated"),
        pytest.param(b"\x04\x01ab", id="trailing byte"),
        pytest.param(b"\x04\x80a\x00\x00", id="indefinite"),
        pytest.param(b"\x04\x81\x01a", id="not the shortest length"),
        pytest.param(b"\x04\x82\x00\x80" + bytes(128), id="leading zero in length"),
        pytest.param(b"\x1f\x01\x00", id="long tag"),
    ],
)
def test_strict_der_refuses(encoded):
    with pytest.raises(IntegrityAlarmError):
        parse(encoded)


@pytest.mark.parametrize("content", [b"\x04\x01b\x04\x01a", b"\x04\x01a\x04\x01a"])
def test_strict_der_refuses_unordered_and_repeated_members(content):
    with pytest.raises(IntegrityAlarmError):
        parse(bytes((0x31, len(content))) + content).child_set()


def test_finish_signs_nothing_twice_and_can_be_repeated(trust, sign):
    """A missing time-stamp leaves a signature value from which the result can still be made."""
    item = item_of(ItemKind.CADES_DIGEST, b"content", Level.B_T)
    prepared = sign.prepare(trust.ec, item)
    value = trust.ec.sign(DTBSR.of(DigestAlgorithm.SHA256, prepared.to_be_signed))
    kept = type(prepared).from_bytes(prepared.to_bytes())
    made = sign.documents.finish(kept, value, item)
    (signer_info,) = cms.ContentInfo.load(made)["content"]["signer_infos"]
    assert signer_info["signature"].native == value
    assert sign.tsa.stamped == [Digest.of(DigestAlgorithm.SHA256, value)]
