"""Options of a signature: nothing chosen is nothing said, everything chosen comes back."""

from dataclasses import fields, replace

import pytest

from signer.domain.signature_options import (
    PLAIN,
    Certification,
    CommitmentType,
    ContainerSignature,
    Corner,
    Packaging,
    PDFOptions,
    ProductionPlace,
    Seal,
    Serialisation,
    SignatureOptions,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.values import Digest, DigestAlgorithm

FULL = SignatureOptions(
    packaging=Packaging.ENVELOPED,
    properties=SignedProperties(
        commitment=CommitmentType.INTERMEDIATE_APPROVAL,
        policy=SignaturePolicy(
            oid="2.16.620.2.1.2.2.1",
            digest=Digest.of(DigestAlgorithm.SHA384, b"policy"),
            url="https://exemplo.test/politica.pdf",
        ),
        place=ProductionPlace(city="Évora", country="PT"),
        claimed_roles=("Gerente", "Sócia"),
        content_timestamp=True,
    ),
    pss=True,
    container=ContainerSignature.CADES,
    serialisation=Serialisation.GENERAL,
    parallel=True,
    pdf=PDFOptions(
        field_name="Assinatura",
        certification=Certification.FORMS,
        reason="Aprovação",
        seal=Seal(page=2, box=(10, 20, 210, 90), corner=Corner.TOP_LEFT, logo=b"\x89PNG"),
    ),
)


def test_a_plain_signature_says_nothing():
    assert PLAIN.encoded() == b""
    assert SignatureOptions.decoded(b"") == PLAIN


def test_everything_chosen_comes_back():
    assert SignatureOptions.decoded(FULL.encoded()) == FULL


@pytest.mark.parametrize("name", [field.name for field in fields(SignatureOptions)])
def test_each_choice_comes_back_alone_and_changes_the_bytes(name):
    chosen = replace(PLAIN, **{name: getattr(FULL, name)})
    assert SignatureOptions.decoded(chosen.encoded()) == chosen
    assert chosen.encoded() not in {PLAIN.encoded(), FULL.encoded()}


def test_a_seal_of_defaults_is_still_a_seal():
    sealed = replace(PLAIN, pdf=PDFOptions(seal=Seal()))
    assert SignatureOptions.decoded(sealed.encoded()).pdf.seal == Seal()


def test_the_same_choice_gives_the_same_bytes_in_any_order():
    assert SignatureOptions.decoded(FULL.encoded()).encoded() == FULL.encoded()
