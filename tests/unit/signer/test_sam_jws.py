"""The SAM signs only the signing input of what was granted, whatever the formats hand it."""

import json
from dataclasses import replace

import pytest

from signer.domain.attribute import ClaimedAttribute
from signer.domain.errors import IntegrityAlarmError
from signer.domain.signature_options import (
    CommitmentType,
    Packaging,
    ProductionPlace,
    Serialisation,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.strict_json import encode_object, from_base64url, to_base64, to_base64url
from signer.domain.transaction import ItemKind
from signer.domain.values import Digest, DigestAlgorithm, KeyAlgorithm
from signer.sam.documents import DocumentEvidence, Signatory, dtbsr_of
from tests.fixtures.jades import CONTENT, json_item
from tests.fixtures.xades import signed_file

FULL = SignedProperties(
    commitment=CommitmentType.APPROVAL,
    policy=SignaturePolicy(
        oid="2.16.620.2.1.2.2.2",
        digest=Digest.of(DigestAlgorithm.SHA512, b"policy"),
        url="https://exemplo.pt/p",
    ),
    place=ProductionPlace(city="Évora", country="PT"),
    claimed_roles=("Gerente",),
    content_timestamp=True,
)
FILES = (signed_file("a b.txt", b"first"), signed_file("pasta/ç.txt", b"second"))
DETACHED = {"packaging": Packaging.DETACHED}
ITEMS = {
    "inside": json_item(properties=FULL),
    "plain": json_item(),
    "compact": json_item(serialisation=Serialisation.COMPACT),
    "beside": json_item(**DETACHED, properties=FULL),
    "files": json_item(files=FILES, **DETACHED, properties=FULL),
    "digest": json_item(
        kind=ItemKind.JADES_DIGEST, packaging=None, properties=replace(FULL, commitment=None)
    ),
    "digests": json_item(
        kind=ItemKind.JADES_DIGEST,
        packaging=None,
        files=tuple(replace(one, content=None) for one in FILES),
    ),
}
KINDS = pytest.mark.parametrize("kind", ["rsa", "ec"])


@pytest.fixture
def prepared(trust, sign_json, lawyer):
    def make(item, kind="ec", asserted=None):
        holder = trust.holder(kind)
        asserted = asserted if asserted is not None else (trust.certify(holder, lawyer),)
        made = sign_json.prepare(holder, item, *asserted)
        signatory = Signatory(
            certificate_der=holder.chain_der[0],
            key_algorithm=holder.algorithm,
            granted=tuple(one.attribute for one in asserted),
            asserted=asserted,
        )
        return made.to_be_signed, signatory

    return make


def _check(item, to_be_signed, signatory):
    return dtbsr_of(item, DocumentEvidence(to_be_signed=to_be_signed), signatory)


def _same(header):
    del header


def _changed(to_be_signed, change, *, payload=None):
    """The signing input with another header or payload."""
    protected, _, content = to_be_signed.decode().partition(".")
    header = json.loads(from_base64url(protected))
    change(header)
    content = content if payload is None else payload
    return f"{to_base64url(encode_object(header))}.{content}".encode()


@KINDS
@pytest.mark.parametrize("name", ITEMS)
def test_what_was_granted_is_signed(prepared, kind, name):
    item = ITEMS[name]
    to_be_signed, signatory = prepared(item, kind)
    digest = Digest.of(DigestAlgorithm.SHA256, to_be_signed)
    assert _check(item, to_be_signed, signatory).value == digest.value


OTHERS = {
    "another algorithm": lambda h: h.update(alg="RS256"),
    "none": lambda h: h.update(alg="none"),
    "another certificate": lambda h: h.update({"x5t#S256": to_base64url(bytes(32))}),
    "another chain": lambda h: h.update(x5c=[to_base64(b"other")]),
    "no chain": lambda h: h.pop("x5c"),
    "no time": lambda h: h.pop("iat"),
    "a text as time": lambda h: h.update(iat="now"),
    "a truth as time": lambda h: h.update(iat=True),
    "another type": lambda h: h.update(typ="JWT"),
    "one parameter more": lambda h: h.update(kid="me"),
    "a key": lambda h: h.update(jwk={"kty": "EC"}),
    "another commitment": lambda h: h["srCms"][0]["commId"].update(
        id="http://uri.etsi.org/01903/v1.2.2#ProofOfOrigin"
    ),
    "a second commitment": lambda h: h["srCms"].append(h["srCms"][0]),
    "no commitment": lambda h: h.pop("srCms"),
    "another policy": lambda h: h["sigPId"]["id"].update(id="urn:oid:1.2.3"),
    "another policy digest": lambda h: h["sigPId"].update(digVal=to_base64url(bytes(64))),
    "no policy address": lambda h: h["sigPId"].pop("sigPQuals"),
    "another place": lambda h: h["sigPl"].update(addressLocality="Faro"),
    "another role": lambda h: h["srAts"]["claimed"][0]["qVals"].append("Administrador"),
    "no proof": lambda h: h["srAts"].pop("certified"),
    "another proof": lambda h: h["srAts"]["certified"][0]["x509AttrCert"].update(val=""),
    "no content time-stamp": lambda h: h.pop("adoTst"),
    "two content time-stamps": lambda h: h["adoTst"]["tstTokens"].append({"val": ""}),
    "a described time-stamp": lambda h: h["adoTst"].update(canonAlg="urn:x"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_header_that_says_something_else_is_not_signed(prepared, name):
    item = ITEMS["inside"]
    to_be_signed, signatory = prepared(item)
    _check(item, _changed(to_be_signed, _same), signatory)
    with pytest.raises(IntegrityAlarmError):
        _check(item, _changed(to_be_signed, OTHERS[name]), signatory)


REFERENCES = {
    "another name": lambda h: h["sigD"].update(pars=["other.txt", h["sigD"]["pars"][1]]),
    "another digest": lambda h: h["sigD"].update(hashV=h["sigD"]["hashV"][::-1]),
    "one file less": lambda h: h["sigD"].update(
        pars=h["sigD"]["pars"][:1], hashV=h["sigD"]["hashV"][:1]
    ),
    "another way": lambda h: h["sigD"].update(mId="http://uri.etsi.org/19182/ObjectIdByURI"),
    "another type": lambda h: h["sigD"].update(ctys=["text/html", "text/plain"]),
    "encoded digests": lambda h: h.update(b64=True),
    "zero for false": lambda h: h.update(b64=0),
    "not critical": lambda h: h.pop("crit"),
    "no files": lambda h: h.pop("sigD"),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_other_files_are_not_signed(prepared, name):
    item = ITEMS["files"]
    to_be_signed, signatory = prepared(item)
    with pytest.raises(IntegrityAlarmError):
        _check(item, _changed(to_be_signed, REFERENCES[name]), signatory)


@pytest.mark.parametrize("name", ITEMS)
def test_another_payload_is_not_signed(prepared, name):
    item = ITEMS[name]
    to_be_signed, signatory = prepared(item)
    for payload in (to_base64url(b"other"), "", to_base64url(CONTENT)):
        changed = _changed(to_be_signed, _same, payload=payload)
        if changed == to_be_signed:
            continue
        with pytest.raises(IntegrityAlarmError):
            _check(item, changed, signatory)


@pytest.mark.parametrize("name", ITEMS)
def test_what_was_not_granted_is_not_signed(prepared, name):
    """The same octets for every other grant."""
    to_be_signed, signatory = prepared(ITEMS[name])
    for other, item in ITEMS.items():
        if other != name:
            with pytest.raises(IntegrityAlarmError):
                _check(item, to_be_signed, signatory)


def test_the_content_time_stamp_is_over_the_content(prepared):
    item = ITEMS["beside"]
    to_be_signed, signatory = prepared(item)
    foreign, _ = prepared(ITEMS["files"])
    token = json.loads(from_base64url(foreign.split(b".")[0].decode()))["adoTst"]
    with pytest.raises(IntegrityAlarmError):
        _check(item, _changed(to_be_signed, lambda h: h.update(adoTst=token)), signatory)


def test_the_document_is_the_granted_one(prepared):
    for name in ("inside", "beside"):
        item = ITEMS[name]
        to_be_signed, signatory = prepared(item)
        for document in (None, b"another"):
            with pytest.raises(IntegrityAlarmError):
                _check(replace(item, document=document), to_be_signed, signatory)
    item = ITEMS["files"]
    to_be_signed, signatory = prepared(item)
    changed = (replace(FILES[0], content=b"another"), FILES[1])
    for files in (changed, FILES[:1], FILES[::-1]):
        with pytest.raises(IntegrityAlarmError):
            _check(replace(item, files=files), to_be_signed, signatory)


def test_attributes_are_those_granted(prepared, lawyer):
    item = ITEMS["plain"]
    to_be_signed, signatory = prepared(item)
    for changed in (
        replace(signatory, granted=()),
        replace(signatory, asserted=()),
        replace(signatory, granted=(), asserted=()),
        replace(signatory, asserted=(ClaimedAttribute(lawyer),)),
    ):
        with pytest.raises(IntegrityAlarmError):
            _check(item, to_be_signed, changed)
    claimed, claims = prepared(item, asserted=(ClaimedAttribute(lawyer),))
    _check(item, claimed, claims)


def test_a_proof_of_somebody_else_is_not_signed(prepared, trust, lawyer):
    foreign = (trust.certify(trust.rsa, lawyer),)
    to_be_signed, signatory = prepared(ITEMS["plain"], "ec", foreign)
    with pytest.raises(IntegrityAlarmError):
        _check(ITEMS["plain"], to_be_signed, signatory)


def test_another_key_does_not_sign(prepared, trust):
    to_be_signed, signatory = prepared(ITEMS["plain"])
    for changed in (
        replace(signatory, certificate_der=trust.rsa.chain_der[0]),
        replace(signatory, key_algorithm=KeyAlgorithm.RSA_3072),
    ):
        with pytest.raises(IntegrityAlarmError):
            _check(ITEMS["plain"], to_be_signed, changed)


@pytest.mark.parametrize(
    "to_be_signed",
    [b"", b".", b"e30", b"e30.", b"e31.", b"!!.e30", b"\xff.e30", b"W10.", b"bnVsbA.", b"e30=."],
)
def test_octets_that_are_no_signing_input_are_refused(prepared, to_be_signed):
    _, signatory = prepared(ITEMS["plain"])
    with pytest.raises(IntegrityAlarmError):
        _check(ITEMS["plain"], to_be_signed, signatory)


def test_a_name_that_comes_twice_is_refused(prepared):
    item = ITEMS["plain"]
    to_be_signed, signatory = prepared(item)
    protected, _, payload = to_be_signed.decode().partition(".")
    twice = from_base64url(protected)[:-1] + b',"alg":"ES256"}'
    with pytest.raises(IntegrityAlarmError):
        _check(item, f"{to_base64url(twice)}.{payload}".encode(), signatory)


def test_a_further_signature_is_over_the_payload_that_is_there(prepared, trust, sign_json):
    first = sign_json(trust.ec, json_item())
    item = json_item(first, serialisation=Serialisation.GENERAL, parallel=True)
    to_be_signed, signatory = prepared(item)
    _check(item, to_be_signed, signatory)
    for payload in (to_base64url(first), to_base64url(b"other")):
        with pytest.raises(IntegrityAlarmError):
            _check(item, _changed(to_be_signed, _same, payload=payload), signatory)
