"""XAdES and ASiC through the whole service: real keys, real SAM, our own trust service."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certs.setup import Role
from signer.adapters.system_clock import SystemClock
from signer.domain.transaction import Level
from signer.formats.xades.references import enveloped_octets
from signer.validation import TrustPolicy, Verifier
from tests.fixtures.service import BODY, ROLE, b64
from tests.fixtures.verifying import result
from tests.fixtures.xades import DOCUMENT

ROOT_END = b"</c:contrato>"


@pytest.fixture
def verifier(service):
    root = service.services.trust.hierarchy.certificate(Role.ROOT_CA)
    anchors = (root.public_bytes(Encoding.DER),)
    return Verifier(TrustPolicy(anchors=anchors), SystemClock())


def _item(kind, level="B-LTA", name="contrato.xml", **members):
    return {"kind": kind, "name": name, "level": level, **members}


@pytest.mark.parametrize("packaging", ["detached", "enveloped", "enveloping"])
@pytest.mark.parametrize("algorithm", ["rsa-3072", "p-256"])
def test_xades_at_its_highest_level_with_an_attribute(
    native, maria, verifier, packaging, algorithm
):
    item = _item("xades", document=b64(DOCUMENT), options={"packaging": packaging})
    attributes = [{"provider": BODY, "role": ROLE}]
    signed = native.signed(maria, item, key_algorithm=algorithm, required_attributes=attributes)
    report = verifier.verify_xades(result(signed), {"contrato.xml": DOCUMENT})
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA
    assert report.signatures[0].certified_attributes


def test_a_document_that_stays_with_the_client(native, maria, verifier):
    digest = b64(hashlib.sha256(enveloped_octets(DOCUMENT)).digest())
    item = _item("xades-digest", "B-LT", digest=digest, options={"packaging": "enveloped"})
    signature = result(native.signed(maria, item))
    document = DOCUMENT.replace(ROOT_END, signature + ROOT_END)
    report = verifier.verify_xades(document)
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LT


def test_probabilistic_signatures_of_the_device_verify(native, maria, verifier):
    item = _item("xades", document=b64(DOCUMENT), options={"pss": True})
    signed = native.signed(maria, item, key_algorithm="rsa-3072")
    assert b"sha256-rsa-MGF1" in result(signed)
    assert verifier.verify_xades(result(signed), {"": DOCUMENT}).has_passed


@pytest.mark.parametrize("kind", ["asic-e", "asic-s"])
def test_containers_take_one_signature_after_the_other(native, maria, verifier, kind):
    names = ["um.txt", "dois.txt"] if kind == "asic-e" else ["um.txt"]
    files = [{"name": name, "document": b64(name.encode())} for name in names]
    first = result(native.signed(maria, _item(kind, name="processo", files=files)))
    again = _item(kind, name="processo", document=b64(first), options={"parallel": True})
    both = result(native.signed(maria, again, key_algorithm="p-256"))
    report = verifier.verify_container(both)
    assert report.has_passed, report
    assert [one.level for one in report.signatures] == [Level.B_LTA, Level.B_LTA]


@pytest.mark.parametrize(
    ("item", "status", "field"),
    [
        pytest.param(
            _item(
                "xades",
                document=b64(b"<!DOCTYPE a><a/>"),
                options={"packaging": "enveloped"},
            ),
            422,
            "items[0].document",
            id="doctype",
        ),
        pytest.param(
            _item("asic-e", document=b64(b"PK"), options={"parallel": True}),
            422,
            "items[0].document",
            id="no container",
        ),
        pytest.param(
            _item("xades-digest", digest=base64.b64encode(bytes(32)).decode()),
            400,
            "items[0].level",
            id="archive of a digest",
        ),
    ],
)
def test_what_could_not_be_signed_is_refused_at_the_start(native, maria, item, status, field):
    answer = native.start(maria, item)
    assert (answer.status_code, answer.get_json()["field"]) == (status, field)
