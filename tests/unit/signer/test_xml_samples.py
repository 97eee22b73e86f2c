"""Signatures of other makers: time-stamp imprints recomputed, broken ones noticed.

The samples are EU DSS's (dss-xades/src/test/resources/validation); ``CHANCELA_SAMPLES`` names the
folder that holds them, at any depth.
"""

import hashlib
import os
from pathlib import Path

import pytest

from signer.domain.errors import DocumentRefusedError
from signer.validation.xades_evidence import timestamps_of
from signer.validation.xml_coverage import uncovered
from signer.xmldsig.imprints import (
    ARCHIVE_TIME_STAMP,
    CONTENT_TIME_STAMP,
    archive_octets,
    canonicalisation_of,
    content_octets,
    signature_octets,
)
from signer.xmldsig.parsing import parse
from signer.xmldsig.signature import SIGNATURE, XMLSignature
from signer.xmldsig.tokens import TokenContent
from signer.xmldsig.verification import (
    demand_own_properties,
    reference_fits,
    signing_certificate,
    value_verifies,
)

SAMPLES = os.environ.get("CHANCELA_SAMPLES")
GOOD = (
    "OJ_C_2017_173_FULL.xml",
    "dss-1647_OJ_L_2018_109_FULL.xml",
    "Signature-X-HU_POL-3.xml",
    "doubleSignedTest.xml",
    "data2sign-signed-xades-enveloped-baseline-cts-lta.xml",
    "data2sign-signed-xades-enveloped-baseline-lta.xml",
    "xades-with-multiple-archivetimestamps.xml",
    "xades-with-multiple-alldatatimestamps.xml",
    "xades-attr-authorities-values.xml",
    "xades-extended-short-a.xml",
    "xades-lta-valid.xml",
    "xades-ocsp-before-cert-validity.xml",
    "Signature-X-LTA-5b5edd31-344d-4d66-8e95-79f9acaab566.xml",
)
BROKEN = (
    "xades-lta-copied-atst.xml",
    "xades-lta-corrupted-cert.xml",
    "xades-lta-with-additional-cert-in-keyinfo.xml",
)
WRAPPED = (
    "XSW-enveloped-fake-content-misplaced.xml",
    "XSW-enveloped-fake-content-two-same-id.xml",
    "XSW-enveloped-fake-content.xml",
    "XSW-enveloped-fake-signedProperties.xml",
    "XSW-enveloping-fake-manifest.xml",
    "XSW-enveloping-fake-object.xml",
    "xades-with-dtd-injection.xml",
)

pytestmark = pytest.mark.skipif(not SAMPLES, reason="allowed: CHANCELA_SAMPLES is not set")


def _sample(name):
    found = sorted(Path(SAMPLES or ".").rglob(name))
    if not found:
        pytest.skip(f"allowed: {name} is not among the samples")
    return found[0].read_bytes()


def _nothing(_uri):
    raise DocumentRefusedError("no detached content is given")


def _signatures(name):
    root = parse(_sample(name))
    return [
        XMLSignature.of(one)
        for one in root.iter(SIGNATURE)
        if not any(above.tag == SIGNATURE for above in one.iterancestors())
    ]


def _imprints(signature):
    """(is of an archive time-stamp, agrees) of every time-stamp."""
    for stamp, token in timestamps_of(signature):
        info = TokenContent.of(token).signed_data["encap_content_info"]["content"].parsed
        imprint = info["message_imprint"]
        algorithm = canonicalisation_of(stamp)
        if stamp.tag == ARCHIVE_TIME_STAMP:
            covered = archive_octets(signature, _nothing, before=stamp, algorithm=algorithm)
        elif stamp.tag == CONTENT_TIME_STAMP:
            covered = content_octets(signature, _nothing, algorithm)
        else:
            covered = signature_octets(signature, algorithm)
        digest = hashlib.new(imprint["hash_algorithm"]["algorithm"].native, covered).digest()
        yield stamp.tag == ARCHIVE_TIME_STAMP, digest == imprint["hashed_message"].native


@pytest.mark.parametrize("name", GOOD)
def test_good_samples_agree(name):
    for signature in _signatures(name):
        assert all(reference_fits(signature, one, _nothing) for one in signature.references)
        certificate = signing_certificate(signature)
        assert certificate is not None
        assert value_verifies(signature, certificate)
        imprints = list(_imprints(signature))
        assert imprints
        assert all(agrees for _, agrees in imprints)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_archives_are_noticed(name):
    archives = [
        agrees for one in _signatures(name) for is_archive, agrees in _imprints(one) if is_archive
    ]
    assert archives
    assert not all(archives)


def _is_sound(name):
    """What verification asks of the XML itself, whatever the certificates are."""
    try:
        for signature in _signatures(name):
            demand_own_properties(signature)
            fits = all(reference_fits(signature, one, _nothing) for one in signature.references)
            if not fits or uncovered(signature) is not None:
                return False
    except DocumentRefusedError:
        return False
    return True


@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_samples_are_not_sound(name):
    assert _is_sound("xades-lta-valid.xml")
    assert not _is_sound(name)
