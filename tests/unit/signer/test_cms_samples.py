"""CMS of other makers: archive time-stamp imprints recomputed, broken ones noticed.

The samples are EU DSS's (dss-cades/src/test/resources/validation); ``CHANCELA_SAMPLES`` names the
folder that holds them, at any depth.
"""

import hashlib
import os
from pathlib import Path

import pytest

from signer.validation.cms_archive import archive_imprint, archive_tokens, index_problems
from signer.validation.cms_reading import signed_data_of

SAMPLES = os.environ.get("CHANCELA_SAMPLES")
GOOD = (
    "cades-extended-a.pkcs7",
    "cades-lta-duplicated-atst.p7m",
    "counterSignedLTA.p7s",
    "Signature-C-LTA-d233a2d9-a257-40dc-bcdb-bf4516b6d1da.p7m",
)
BROKEN = (
    "cades-ats-v3-wrong-cert.p7m",
    "cades-ats-v3-wrong-ocsp.p7s",
    "cades-ats-v3-rev-val-ocsp.p7s",
    "cades-broken-sig-tst-and-ats-v3.cms",
)

pytestmark = pytest.mark.skipif(not SAMPLES, reason="allowed: CHANCELA_SAMPLES is not set")


def judged(name):
    """Per archive time-stamp: whether its imprint is right, and what its index misses."""
    found = sorted(Path(SAMPLES or ".").rglob(name))
    if not found:
        pytest.skip(f"allowed: {name} is not among the samples")
    signed = signed_data_of(found[0].read_bytes())
    content = signed["encap_content_info"]["content"].native

    def digest(algorithm):
        return hashlib.new(algorithm, content).digest()

    for signer in signed["signer_infos"]:
        for token in archive_tokens(signer):
            imprint = token["encap_content_info"]["content"].parsed["message_imprint"]
            algorithm = imprint["hash_algorithm"]["algorithm"].native
            made = archive_imprint(signed, signer, token, digest, algorithm)
            missing = list(index_problems(signed, signer, token))
            yield made == imprint["hashed_message"].native, missing


@pytest.mark.parametrize("name", GOOD)
def test_the_imprints_of_other_makers_agree(name):
    results = list(judged(name))
    assert results
    assert all(right and not missing for right, missing in results), results


@pytest.mark.parametrize("name", BROKEN)
def test_what_was_broken_on_purpose_is_noticed(name):
    results = list(judged(name))
    assert results
    assert any(missing or not right for right, missing in results), results
