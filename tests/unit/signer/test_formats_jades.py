"""JAdES of every form and level: what is made, what it says, and what is refused."""

import json
from base64 import b64decode
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from joserfc import jwk, jws

from signer.domain.errors import (
    DocumentRefusedError,
    IntegrityAlarmError,
    InvalidRequestError,
    RevocationUnavailableError,
    TimestampUnavailableError,
)
from signer.domain.jws import JWS, decoded_component
from signer.domain.signature_options import (
    CommitmentType,
    Packaging,
    ProductionPlace,
    Serialisation,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.strict_json import from_base64url, to_base64url
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import DTBSR, Digest, DigestAlgorithm, KeyAlgorithm, SignatureValue
from signer.formats.jades.levels import archive_input, level_of
from signer.formats.jades.signing import JAdESExtender
from tests.fixtures.jades import CONTENT, json_item
from tests.fixtures.xades import signed_file

KINDS = pytest.mark.parametrize("kind", ["rsa", "ec"])
JSON_FORMS = pytest.mark.parametrize(
    "serialisation", [Serialisation.FLATTENED, Serialisation.GENERAL]
)
LEVELS = pytest.mark.parametrize("level", list(Level))
FILES = (signed_file("um contrato.txt", b"first"), signed_file("anexos/ç.txt", b"second"))
EVERYTHING = SignedProperties(
    commitment=CommitmentType.AUTHORSHIP,
    policy=SignaturePolicy(
        oid="2.16.620.2.1.2.2.2",
        digest=Digest.of(DigestAlgorithm.SHA384, b"policy"),
        url="https://exemplo.pt/p",
    ),
    place=ProductionPlace(city="Évora", state="Alentejo", postal_code="7000", country="PT"),
    claimed_roles=("Gerente",),
    content_timestamp=True,
)


def _header(made):
    return dict(JWS.parse(made).signatures[0].header)


def _components(made):
    return [decoded_component(one)[0] for one in JWS.parse(made).signatures[0].components]


@KINDS
@LEVELS
@JSON_FORMS
@pytest.mark.parametrize("packaging", [Packaging.ENVELOPING, Packaging.DETACHED, None])
def test_what_we_sign_passes_at_the_level_asked(
    trust, sign_json, json_verifier, lawyer, kind, level, serialisation, packaging
):
    holder = trust.holder(kind)
    item = json_item(level=level, serialisation=serialisation, packaging=packaging)
    made = sign_json(holder, item, trust.certify(holder, lawyer))
    report = json_verifier.verify(made, (signed_file("contrato.txt", CONTENT),))
    assert report.has_passed, report
    (one,) = report.signatures
    assert one.level is level
    assert (one.timestamp_time is None) is (level is Level.B_B)
    assert one.certificate_serial == f"{holder.certificate.serial_number:x}"
    assert one.claimed_attributes == (lawyer.describe(),)
    assert one.certified_attributes[0].startswith("urn:chancela:ordem-exemplo:advogado (")
    assert ("payload" in json.loads(made)) is (packaging is Packaging.ENVELOPING)


@KINDS
def test_the_compact_form_is_three_parts(trust, sign_json, json_verifier, kind):
    made = sign_json(trust.holder(kind), json_item(serialisation=Serialisation.COMPACT))
    protected, payload, value = made.decode().split(".")
    assert from_base64url(payload) == CONTENT
    assert json.loads(from_base64url(protected))["typ"] == "jose"
    assert len(from_base64url(value)) == (384 if kind == "rsa" else 64)
    assert json_verifier.verify(made).has_passed


def test_an_independent_library_verifies_the_compact_form(trust, sign_json):
    made = sign_json(trust.ec, json_item(serialisation=Serialisation.COMPACT))
    key = jwk.ECKey.import_key(trust.ec.certificate.public_key())
    registry = jws.JWSRegistry(strict_check_header=False)
    registry.max_header_length = len(made)
    read = jws.deserialize_compact(made, key, algorithms=["ES256"], registry=registry)
    assert read.payload == CONTENT
    spoilt = made[:-4] + (b"AAAA" if made[-4:] != b"AAAA" else b"BBBB")
    with pytest.raises(Exception, match=r"[Bb]ad"):
        jws.deserialize_compact(spoilt, key, algorithms=["ES256"], registry=registry)


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_every_digest_signs_with_rsa(trust, sign_json, json_verifier, algorithm):
    item = json_item(algorithm=algorithm, level=Level.B_LTA, packaging=Packaging.DETACHED)
    made = sign_json(trust.rsa, item)
    size = algorithm.name.removeprefix("SHA")
    assert (_header(made)["alg"], _header(made)["sigD"]["hashM"]) == (f"RS{size}", f"S{size}")
    assert {one.algorithm for one in sign_json.tsa.stamped} == {algorithm}
    file = signed_file("contrato.txt", CONTENT, algorithm=algorithm)
    assert json_verifier.verify(made, (file,)).signatures[0].level is Level.B_LTA


@pytest.mark.parametrize(
    ("curve", "key", "algorithm", "name"),
    [
        (ec.SECP256R1(), KeyAlgorithm.P_256, DigestAlgorithm.SHA256, "ES256"),
        (ec.SECP384R1(), KeyAlgorithm.P_384, DigestAlgorithm.SHA384, "ES384"),
    ],
)
def test_numbers_of_the_curves_size_stand_side_by_side(
    trust, sign_json, curve, key, algorithm, name
):
    """Small numbers keep their leading zeros."""
    identity = replace(trust.ec.identity(), key_algorithm=key)
    item = json_item(algorithm=algorithm)
    services = sign_json.services
    prepared = sign_json.format.prepare(item, identity, sign_json.clock.now(), services)
    value = SignatureValue(utils.encode_dss_signature(1, 2))
    made = sign_json.format.complete(prepared, value, item, services)
    size = (curve.key_size + 7) // 8
    written = from_base64url(JWS.parse(made).signatures[0].value)
    assert written == (1).to_bytes(size, "big") + (2).to_bytes(size, "big")
    assert _header(made)["alg"] == name


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (KeyAlgorithm.P_256, DigestAlgorithm.SHA384),
        (KeyAlgorithm.P_384, DigestAlgorithm.SHA256),
        (KeyAlgorithm.P_384, DigestAlgorithm.SHA512),
    ],
)
def test_a_curve_with_another_digest_has_no_name(trust, sign_json, key, algorithm):
    identity = replace(trust.ec.identity(), key_algorithm=key)
    with pytest.raises(InvalidRequestError) as refused:
        sign_json.format.prepare(
            json_item(algorithm=algorithm), identity, sign_json.clock.now(), sign_json.services
        )
    assert refused.value.field == "digest"


def test_pss_is_asked_by_option(trust, sign_json, json_verifier):
    item = json_item(pss=True)
    prepared = sign_json.prepare(trust.rsa, item)
    dtbsr = sign_json.dtbsr(trust.rsa, item, prepared)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
    value = trust.rsa.key.sign(dtbsr.value, pss, utils.Prehashed(hashes.SHA256()))
    made = sign_json.format.complete(prepared, SignatureValue(value), item, sign_json.services)
    assert _header(made)["alg"] == "PS256"
    assert json_verifier.verify(made).has_passed
    with pytest.raises(InvalidRequestError):
        sign_json.prepare(trust.ec, item)


@pytest.mark.parametrize("packaging", [Packaging.ENVELOPING, Packaging.DETACHED])
def test_everything_that_can_be_said_is_said(trust, sign_json, json_verifier, lawyer, packaging):
    item = json_item(properties=EVERYTHING, packaging=packaging, level=Level.B_T)
    made = sign_json(trust.ec, item, trust.certify(trust.ec, lawyer))
    header = _header(made)
    assert header["srCms"][0]["commId"]["id"].startswith("urn:oid:2.25.")
    assert header["sigPl"] == {
        "addressCountry": "PT",
        "addressLocality": "Évora",
        "addressRegion": "Alentejo",
        "postalCode": "7000",
    }
    assert header["sigPId"] == {
        "id": {"id": "urn:oid:2.16.620.2.1.2.2.2"},
        "digAlg": "S384",
        "digVal": to_base64url(DigestAlgorithm.SHA384.of(b"policy")),
        "sigPQuals": [{"spURI": "https://exemplo.pt/p"}],
    }
    assert header["srAts"]["claimed"][0]["qVals"] == [lawyer.describe(), "Gerente"]
    assert header["iat"] == int(sign_json.clock.now().timestamp())
    inside = packaging is Packaging.ENVELOPING
    covered = to_base64url(CONTENT).encode() if inside else CONTENT
    assert sign_json.tsa.stamped[0] == Digest.of(DigestAlgorithm.SHA256, covered)
    report = json_verifier.verify(made, (signed_file("contrato.txt", CONTENT),))
    assert report.has_passed, report
    assert report.signatures[0].claimed_attributes == (lawyer.describe(), "Gerente")


def test_files_beside_are_named_and_digested(trust, sign_json, json_verifier):
    item = json_item(files=FILES, packaging=Packaging.DETACHED, level=Level.B_LTA)
    made = sign_json(trust.ec, item)
    described = _header(made)["sigD"]
    assert described["mId"] == "http://uri.etsi.org/19182/ObjectIdByURIHash"
    assert described["pars"] == ["um%20contrato.txt", "anexos/%C3%A7.txt"]
    assert described["hashV"] == [to_base64url(one.digest.value) for one in FILES]
    assert described["ctys"] == ["text/plain", "text/plain"]
    assert _header(made)["b64"] is False
    assert _header(made)["crit"] == ["sigD", "b64"]
    assert json_verifier.verify(made, FILES).signatures[0].level is Level.B_LTA
    assert json_verifier.verify(made, FILES[::-1]).has_passed
    assert not json_verifier.verify(made, FILES[:1]).has_passed


@LEVELS
def test_digests_alone_are_signed_up_to_b_lt(trust, sign_json, json_verifier, level):
    item = json_item(kind=ItemKind.JADES_DIGEST, packaging=None, level=level)
    if level is Level.B_LTA:
        with pytest.raises(InvalidRequestError):
            sign_json(trust.ec, item)
        return
    made = sign_json(trust.ec, item)
    only_digest = signed_file("contrato.txt", CONTENT, digest_only=True)
    (one,) = json_verifier.verify(made, (only_digest,)).signatures
    assert (one.level, one.sub_indication) == (level, None)
    assert json_verifier.verify(made).signatures[0].sub_indication == "SIGNED_DATA_NOT_FOUND"


def test_an_archive_time_stamp_covers_everything_before_it(trust, sign_json):
    made = sign_json(trust.ec, json_item(level=Level.B_LTA))
    (signature,) = JWS.parse(made).signatures
    assert _components(made) == ["sigTst", "xVals", "rVals", "arcTst"]
    before = replace(signature, components=signature.components[:-1])
    covered = archive_input(before, to_base64url(CONTENT).encode())
    assert sign_json.tsa.stamped[-1] == Digest.of(DigestAlgorithm.SHA256, covered)
    assert covered.startswith(to_base64url(CONTENT).encode() + b"." + signature.protected.encode())


@JSON_FORMS
def test_extension_goes_up_step_by_step_and_renews(trust, sign_json, json_verifier, serialisation):
    made = sign_json(trust.ec, json_item(serialisation=serialisation))
    for level in (Level.B_T, Level.B_LT, Level.B_LTA, Level.B_LTA):
        made = JAdESExtender().extend(made, level, sign_json.services)
        report = json_verifier.verify(made)
        assert report.has_passed, report
        assert report.signatures[0].level is level
    assert _components(made) == ["sigTst", "xVals", "rVals", "arcTst", "tstVD", "arcTst"]


def test_a_compact_signature_becomes_flattened_when_extended(trust, sign_json, json_verifier):
    made = sign_json(trust.ec, json_item(serialisation=Serialisation.COMPACT))
    extended = JAdESExtender().extend(made, Level.B_LTA, sign_json.services)
    assert JWS.parse(extended).serialisation is Serialisation.FLATTENED
    assert json_verifier.verify(extended).signatures[0].level is Level.B_LTA


def test_a_detached_signature_is_archived_with_its_files_only(trust, sign_json, json_verifier):
    made = sign_json(trust.ec, json_item(packaging=Packaging.DETACHED, level=Level.B_LT))
    extend = JAdESExtender().extend
    with pytest.raises(DocumentRefusedError):
        extend(made, Level.B_LTA, sign_json.services)
    with pytest.raises(DocumentRefusedError):
        extend(made, Level.B_LTA, sign_json.services, (signed_file("contrato.txt", b"other"),))
    file = signed_file("contrato.txt", CONTENT)
    extended = extend(made, Level.B_LTA, sign_json.services, (file,))
    assert json_verifier.verify(extended, (file,)).signatures[0].level is Level.B_LTA


def test_a_signature_is_not_lowered(trust, sign_json):
    made = sign_json(trust.ec, json_item(level=Level.B_LT))
    for level in (Level.B_B, Level.B_T, Level.B_LT):
        with pytest.raises(InvalidRequestError):
            JAdESExtender().extend(made, level, sign_json.services)


def test_a_second_signature_stands_beside_the_first(trust, sign_json, json_verifier):
    first = sign_json(trust.ec, json_item(level=Level.B_LT))
    item = json_item(first, serialisation=Serialisation.GENERAL, parallel=True, level=Level.B_LTA)
    both = sign_json(trust.rsa, item)
    report = json_verifier.verify(both)
    assert report.has_passed, report
    assert [one.level for one in report.signatures] == [Level.B_LT, Level.B_LTA]
    assert from_base64url(JWS.parse(both).payload) == CONTENT


def test_a_second_signature_needs_content_and_the_general_form(trust, sign_json):
    first = sign_json(trust.ec, json_item())
    detached = sign_json(trust.ec, json_item(packaging=Packaging.DETACHED))
    general = {"serialisation": Serialisation.GENERAL, "parallel": True}
    for item in (
        json_item(first, parallel=True),
        json_item(detached, **general),
        json_item(first, **general, packaging=Packaging.DETACHED),
        json_item(b"no signature", **general),
    ):
        with pytest.raises(InvalidRequestError):
            sign_json.prepare(trust.ec, item)


@pytest.mark.parametrize("level", [Level.B_T, Level.B_LT, Level.B_LTA])
def test_the_compact_form_has_no_place_for_time_stamps(trust, sign_json, level):
    with pytest.raises(InvalidRequestError) as refused:
        sign_json.prepare(trust.ec, json_item(serialisation=Serialisation.COMPACT, level=level))
    assert refused.value.field == "serialisation"


def test_what_cannot_be_made_is_refused_before_signing(trust, sign_json):
    whole = json_item()
    for item in (
        json_item(packaging=Packaging.ENVELOPED),
        json_item(files=FILES),
        json_item(kind=ItemKind.JADES_DIGEST),
        replace(whole, document=b"another"),
        replace(json_item(packaging=Packaging.DETACHED), document=None),
        json_item(files=(FILES[0], FILES[0]), packaging=Packaging.DETACHED),
        json_item(properties=replace(EVERYTHING, place=ProductionPlace())),
        json_item(
            properties=replace(
                EVERYTHING, policy=replace(EVERYTHING.policy, oid="not an identifier")
            )
        ),
        json_item(
            kind=ItemKind.JADES_DIGEST,
            packaging=None,
            files=tuple(replace(one, content=None) for one in FILES),
            properties=EVERYTHING,
        ),
    ):
        with pytest.raises(InvalidRequestError):
            sign_json.prepare(trust.ec, item)


def test_a_level_is_reached_or_an_error_says_why(trust, sign_json):
    no_data = replace(
        sign_json,
        validation_data=replace(sign_json.validation_data, down=RevocationUnavailableError()),
    )
    with pytest.raises(RevocationUnavailableError):
        no_data(trust.ec, json_item(level=Level.B_LT))
    sign_json.tsa.down = TimestampUnavailableError()
    with pytest.raises(TimestampUnavailableError):
        sign_json(trust.ec, json_item(level=Level.B_T))


def test_a_value_that_is_no_pair_of_numbers_is_an_alarm(trust, sign_json):
    item = json_item()
    prepared = sign_json.prepare(trust.ec, item)
    huge = utils.encode_dss_signature(1 << 300, 1)
    for value in (b"", b"\x30\x00", huge):
        with pytest.raises(IntegrityAlarmError):
            sign_json.format.complete(prepared, SignatureValue(value), item, sign_json.services)


def test_levels_are_told_by_their_components(trust, sign_json):
    for level in Level:
        made = sign_json(trust.ec, json_item(level=level))
        assert level_of(JWS.parse(made).signatures[0]) is level


def test_the_signed_digest_is_that_of_the_signing_input(trust, sign_json):
    item = json_item()
    prepared = sign_json.prepare(trust.ec, item)
    dtbsr = sign_json.dtbsr(trust.ec, item, prepared)
    assert dtbsr == DTBSR.of(DigestAlgorithm.SHA256, prepared.to_be_signed)
    chain = _chain(prepared)
    assert x509.load_der_x509_certificate(chain[0]) == trust.ec.certificate
    assert len(chain) == 2


def _chain(prepared):
    protected = prepared.to_be_signed.partition(b".")[0].decode()
    return [b64decode(one) for one in json.loads(from_base64url(protected))["x5c"]]
