"""Altered, wrapped, shadowed and hostile JSON signatures never verify as valid."""

import json
from dataclasses import replace

import pytest

from signer.domain.errors import DocumentRefusedError
from signer.domain.jws import JWS, component, decoded_component
from signer.domain.signature_options import Packaging, Serialisation
from signer.domain.strict_json import (
    encode_object,
    from_base64,
    from_base64url,
    parse_object,
    to_base64,
    to_base64url,
)
from signer.domain.transaction import Level
from signer.domain.values import DigestAlgorithm
from signer.validation import Indication, RevocationData
from tests.fixtures.jades import CONTENT, json_item, resigned
from tests.fixtures.xades import signed_file

FILE = signed_file("contrato.txt", CONTENT)
OTHER = to_base64url(b"another content")


def _edited(made, change):
    members = json.loads(made)
    change(members)
    return json.dumps(members).encode()


def _sub(report):
    return [one.sub_indication for one in report.signatures]


@pytest.fixture
def made(trust, sign_json):
    return sign_json(trust.ec, json_item(level=Level.B_LTA))


@pytest.fixture
def beside(trust, sign_json):
    return sign_json(trust.ec, json_item(level=Level.B_LTA, packaging=Packaging.DETACHED))


ALTERED = {
    "payload": lambda m: m.update(payload=OTHER),
    "no payload": lambda m: m.pop("payload"),
    "value": lambda m: m.update(signature=to_base64url(bytes(64))),
    "short value": lambda m: m.update(signature=to_base64url(bytes(32))),
    "padded value": lambda m: m.update(signature=m["signature"] + "=="),
    "header": lambda m: m.update(protected=to_base64url(b'{"alg":"ES256"}')),
    "unprotected header": lambda m: m["header"].update(alg="none"),
    "empty components": lambda m: m["header"].update(etsiU=[]),
    "clear components": lambda m: m["header"].update(etsiU=[{"sigTst": {}}]),
    "a member more": lambda m: m.update(extra=1),
    "both forms": lambda m: m.update(signatures=[]),
    "payload as object": lambda m: m.update(payload={}),
    "component of two": lambda m: m["header"]["etsiU"].append(to_base64url(b'{"a":1,"b":2}')),
    "component without tokens": lambda m: m["header"]["etsiU"].append(
        component("sigTst", {"tstTokens": "x"})
    ),
    "component that is no token": lambda m: m["header"]["etsiU"].append(
        component("arcTst", {"tstTokens": [{"val": to_base64(b"\x30\x00")}]})
    ),
    "certificate that is none": lambda m: m["header"]["etsiU"].append(
        component("xVals", [{"x509Cert": {"val": to_base64(b"\x30\x00")}}])
    ),
    "revocation that is none": lambda m: m["header"]["etsiU"].append(
        component("rVals", {"ocspVals": [{"val": to_base64(b"\x30\x00")}]})
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_signature_does_not_pass(made, json_verifier, name):
    assert json_verifier.verify(made).has_passed
    report = json_verifier.verify(_edited(made, ALTERED[name]))
    assert not report.has_passed
    assert all(one.indication is not Indication.TOTAL_PASSED for one in report.signatures)


def test_every_flipped_character_of_what_is_signed_breaks_it(trust, sign_json, json_verifier):
    made = sign_json(trust.ec, json_item(serialisation=Serialisation.COMPACT))
    assert json_verifier.verify(made).has_passed
    for position in range(0, len(made), 97):
        if made[position : position + 1] == b".":
            continue
        other = b"A" if made[position : position + 1] != b"A" else b"B"
        flipped = made[:position] + other + made[position + 1 :]
        assert not json_verifier.verify(flipped).has_passed, position


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_signature_is_not_read(made, json_verifier, share):
    report = json_verifier.verify(made[: int(len(made) * share)])
    assert report.signatures == ()
    assert not report.has_passed


HOSTILE = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"..",
    b"a.b.c.d",
    b"{" * 100_000,
    b'{"a":' * 100_000,
    b'{"payload":"","protected":"e30","signature":"","signature":""}',
    b'{"payload":"e30","signatures":[]}',
    b'{"payload":"e30","signatures":[1]}',
    b'{"payload":"e30","signatures":{"protected":"e30","signature":""}}',
    b'{"payload":NaN,"protected":"e30","signature":""}',
    b'{"payload":"\\ud800","protected":"e30","signature":""}',
    b'{"payload":"","protected":"e30","signature":"", "header":{"etsiU":["AA"]}}',
    b"\xff\xfe{}",
    b'{"protected":"%s","signature":""}' % (b"A" * 5),
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_files_are_not_read(json_verifier, content):
    report = json_verifier.verify(content)
    assert not report.has_passed
    assert all(one.indication is not Indication.TOTAL_PASSED for one in report.signatures)
    with pytest.raises(DocumentRefusedError):
        JWS.parse(content if content != b".." else b"")


def test_another_signature_beside_spoils_the_whole(made, json_verifier, trust, sign_json):
    """A foreign signature smuggled in, before or behind."""
    other = sign_json(trust.rsa, json_item(b"another content"))
    ours, theirs = JWS.parse(made), JWS.parse(other)
    for signatures in (
        (*ours.signatures, *theirs.signatures),
        (*theirs.signatures, *ours.signatures),
    ):
        wrapped = replace(ours, serialisation=Serialisation.GENERAL, signatures=signatures).encode()
        report = json_verifier.verify(wrapped)
        assert not report.has_passed
        assert "SIG_CRYPTO_FAILURE" in _sub(report)


def test_files_beside_are_demanded_and_compared(beside, json_verifier):
    assert json_verifier.verify(beside, (FILE,)).has_passed
    assert _sub(json_verifier.verify(beside)) == ["SIGNED_DATA_NOT_FOUND"]
    other = signed_file("contrato.txt", b"another")
    assert _sub(json_verifier.verify(beside, (other,))) == ["HASH_FAILURE"]
    two = (signed_file("outro.txt", CONTENT), other)
    assert _sub(json_verifier.verify(beside, two)) == ["HASH_FAILURE"]
    assert _sub(json_verifier.verify(beside, two[:1])) == [None]
    unknown = (two[0], signed_file("b.txt", b"b"))
    assert _sub(json_verifier.verify(beside, unknown)) == ["SIGNED_DATA_NOT_FOUND"]


def test_a_payload_shadows_no_files(beside, json_verifier):
    shadowed = _edited(beside, lambda m: m.update(payload=OTHER))
    assert _sub(json_verifier.verify(shadowed, (FILE,))) == ["FORMAT_FAILURE"]


def test_what_is_inside_is_what_was_given(made, json_verifier):
    assert json_verifier.verify(made, (FILE,)).has_passed
    other = signed_file("contrato.txt", b"another")
    assert _sub(json_verifier.verify(made, (other,))) == ["HASH_FAILURE"]


HEADERS = {
    "unknown critical": lambda h: h.update(crit=["exp"], exp=1),
    "critical that is not there": lambda h: h.update(crit=["sigD"]),
    "critical twice": lambda h: h.update(crit=["iat", "iat"]),
    "critical of the standard": lambda h: h.update(crit=["alg"]),
    "empty critical": lambda h: h.update(crit=[]),
    "critical text": lambda h: h.update(crit="iat"),
    "b64 not critical": lambda h: h.update(b64=True),
    "b64 as text": lambda h: h.update(b64="false", crit=["b64"]),
    "no algorithm": lambda h: h.pop("alg"),
    "none": lambda h: h.update(alg="none"),
    "HMAC": lambda h: h.update(alg="HS256"),
    "SHA-1": lambda h: h.update(alg="RS1"),
    "another curve": lambda h: h.update(alg="ES384"),
    "another kind of key": lambda h: h.update(alg="RS256"),
    "no certificate": lambda h: h.pop("x5c"),
    "no certificate digest": lambda h: h.pop("x5t#S256"),
    "another certificate digest": lambda h: h.update({"x5t#S256": to_base64url(bytes(32))}),
    "two certificate digests": lambda h: h.update(
        {"x5t#o": {"digAlg": "S256", "digVal": h["x5t#S256"]}}
    ),
    "an unknown reference": lambda h: h.update(
        sigD={"mId": "http://uri.etsi.org/19182/HttpHeaders", "pars": ["x"]},
        b64=False,
        crit=["sigD", "b64"],
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_not_understood_does_not_pass(made, trust, json_verifier, name):
    """Signed rightly by the signer's own key, so only the header is at fault."""
    payload = JWS.parse(made).payload
    header = dict(JWS.parse(made).signatures[0].header)
    assert json_verifier.verify(resigned(trust.ec, made, header, payload)).has_passed
    HEADERS[name](header)
    report = json_verifier.verify(resigned(trust.ec, made, header, payload))
    assert not report.has_passed
    assert report.signatures[0].indication is not Indication.TOTAL_PASSED


def test_a_certificate_may_be_named_by_another_digest(made, trust, json_verifier):
    payload = JWS.parse(made).payload
    header = dict(JWS.parse(made).signatures[0].header)
    del header["x5t#S256"]
    digest = DigestAlgorithm.SHA512.of(trust.ec.chain_der[0])
    header["x5t#o"] = {"digAlg": "S512", "digVal": to_base64url(digest)}
    assert json_verifier.verify(resigned(trust.ec, made, header, payload)).has_passed


def test_a_detached_payload_of_others_is_verified(made, json_verifier):
    """RFC 7515, appendix F: the payload is left out and given beside."""
    detached = _edited(made, lambda m: m.pop("payload"))
    assert json_verifier.verify(detached, (FILE,)).has_passed
    assert _sub(json_verifier.verify(detached)) == ["SIGNED_DATA_NOT_FOUND"]
    other = signed_file("contrato.txt", b"another")
    assert _sub(json_verifier.verify(detached, (other,))) == ["SIG_CRYPTO_FAILURE"]


@pytest.mark.parametrize("name", ["sigTst", "xVals", "rVals"])
def test_an_archive_time_stamp_notices_what_changes_before_it(made, json_verifier, name):
    def drop(members):
        kept = [one for one in members["header"]["etsiU"] if decoded_component(one)[0] != name]
        members["header"]["etsiU"] = kept

    report = json_verifier.verify(_edited(made, drop))
    assert any("archive time-stamp" in one for one in report.signatures[0].problems)
    assert report.signatures[0].level is not Level.B_LTA


def test_a_time_stamp_of_another_signature_is_noticed(made, trust, sign_json, json_verifier):
    foreign = sign_json(trust.ec, json_item(b"another", level=Level.B_T))
    taken = json.loads(foreign)["header"]["etsiU"]
    swapped = _edited(made, lambda m: m["header"].update(etsiU=taken))
    (one,) = json_verifier.verify(swapped).signatures
    assert one.level is Level.B_B
    assert "the signature time-stamp is not valid: HASH_FAILURE" in one.problems[0]


def test_a_revoked_signer_does_not_pass(trust, sign_json, json_verifier):
    policy = replace(json_verifier.policy, data=RevocationData(crls=trust.crls(trust.ec)))
    verifier = replace(json_verifier, policy=policy)
    for level in (Level.B_B, Level.B_T):
        made = sign_json(trust.ec, json_item(level=level))
        assert json_verifier.verify(made).has_passed
        (one,) = verifier.verify(made).signatures
        assert one.indication is Indication.INDETERMINATE
        assert one.sub_indication == "REVOKED_NO_POE"


def test_without_anchors_nobody_is_trusted(made, json_verifier):
    verifier = replace(json_verifier, policy=replace(json_verifier.policy, anchors=()))
    (one,) = verifier.verify(made).signatures
    assert one.indication is Indication.INDETERMINATE
    assert one.level is Level.B_B


@pytest.mark.parametrize("text", ["AB", "A", "A=", "A+", "AA ", "AA\n", 1, None])
def test_base64url_has_one_form(text):
    with pytest.raises(DocumentRefusedError):
        from_base64url(text)


@pytest.mark.parametrize("text", ["AA", "AB==", "A===", "AA==\n", "A-==", 1, None])
def test_base64_has_one_form(text):
    with pytest.raises(DocumentRefusedError):
        from_base64(text)


@pytest.mark.parametrize(
    "content", [b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b'{"a":Infinity}', b'"a"', b"{}{}"]
)
def test_json_has_one_meaning(content):
    with pytest.raises(DocumentRefusedError):
        parse_object(content)
    assert parse_object(encode_object({"ç": [1, None]})) == {"ç": [1, None]}
