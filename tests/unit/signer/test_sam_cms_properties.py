"""The SAM lets a CMS say about its signature what was granted, and nothing else."""

from dataclasses import replace

import pytest

from signer.domain.errors import IntegrityAlarmError
from signer.domain.signature_options import (
    CommitmentType,
    Packaging,
    ProductionPlace,
    SignatureOptions,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.strict_der import parse
from signer.domain.transaction import ItemKind
from signer.domain.values import DTBSR, Digest, DigestAlgorithm, KeyAlgorithm
from signer.formats import der
from signer.sam.documents import DocumentEvidence, Signatory, dtbsr_of
from tests.fixtures.long_term import cms_item

CONTENT = b"contrato"
ALL = SignedProperties(
    commitment=CommitmentType.APPROVAL,
    policy=SignaturePolicy(
        oid="2.16.620.2.1.2.2.2",
        digest=Digest.of(DigestAlgorithm.SHA256, b"policy"),
        url="https://policy.example.org/1.pdf",
    ),
    place=ProductionPlace(city="Évora", state="Alentejo", postal_code="7000-001", country="PT"),
    claimed_roles=("Gerente", "Testemunha"),
    content_timestamp=True,
)
OTHERS = {
    "commitment": CommitmentType.WITNESS,
    "policy": replace(ALL.policy, oid="2.16.620.2.1.2.2.3"),
    "policy digest": replace(ALL.policy, digest=Digest.of(DigestAlgorithm.SHA256, b"other")),
    "policy algorithm": replace(ALL.policy, digest=Digest.of(DigestAlgorithm.SHA512, b"policy")),
    "policy url": replace(ALL.policy, url="https://policy.example.org/2.pdf"),
    "policy without url": replace(ALL.policy, url=""),
    "place": replace(ALL.place, city="Beja"),
    "place, country": replace(ALL.place, country="ES"),
    "place, state": replace(ALL.place, state=""),
    "place, postal code": replace(ALL.place, postal_code="7000-002"),
    "claimed_roles": ("Gerente",),
    "claimed_roles, order": ("Testemunha", "Gerente"),
    "claimed_roles, more": (*ALL.claimed_roles, "Advogado"),
}


class Case:
    def __init__(self, long_term, properties=ALL, kind=ItemKind.CADES, document=CONTENT, **options):
        self.holder = long_term.holder()
        self.item = cms_item(
            document, kind=kind, options=SignatureOptions(properties=properties, **options)
        )
        self.to_be_signed = long_term.prepare(self.holder, self.item).to_be_signed

    def granting(self, properties):
        options = replace(self.item.options, properties=properties)
        self.item = replace(self.item, options=options)
        return self

    def check(self):
        signatory = Signatory(
            certificate_der=self.holder.chain_der[0],
            key_algorithm=KeyAlgorithm.P_256,
            granted=(),
            asserted=(),
        )
        return dtbsr_of(self.item, DocumentEvidence(to_be_signed=self.to_be_signed), signatory)

    def refuses(self):
        with pytest.raises(IntegrityAlarmError):
            self.check()


@pytest.mark.parametrize("kind", [ItemKind.CADES, ItemKind.CADES_DIGEST])
def test_everything_granted_passes(long_term, kind):
    case = Case(long_term, kind=kind)
    assert case.check() == DTBSR.of(DigestAlgorithm.SHA256, case.to_be_signed)


@pytest.mark.parametrize("commitment", list(CommitmentType))
def test_every_commitment_passes_and_stands_for_itself(long_term, commitment):
    case = Case(long_term, SignedProperties(commitment=commitment))
    assert case.check()
    for other in CommitmentType:
        if other is not commitment:
            case.granting(SignedProperties(commitment=other)).refuses()


@pytest.mark.parametrize("name", OTHERS)
def test_an_altered_property_is_refused(long_term, name):
    field = name.partition(" ")[0].rstrip(",")
    Case(long_term).granting(replace(ALL, **{field: OTHERS[name]})).refuses()
    Case(long_term, replace(ALL, **{field: OTHERS[name]})).granting(ALL).refuses()


@pytest.mark.parametrize(
    "field", ["commitment", "policy", "place", "claimed_roles", "content_timestamp"]
)
def test_a_property_is_neither_added_nor_left_out(long_term, field):
    plain = replace(ALL, **{field: getattr(SignedProperties(), field)})
    Case(long_term, ALL).granting(plain).refuses()
    Case(long_term, plain).granting(ALL).refuses()


def test_a_content_time_stamp_over_something_else_is_refused(long_term):
    case = Case(long_term, SignedProperties(content_timestamp=True))
    other = Case(long_term, SignedProperties(content_timestamp=True), document=b"other")
    stamp, wrong = (
        _attribute(one.to_be_signed, "1.2.840.113549.1.9.16.2.20") for one in (case, other)
    )
    members = [one.encoded for one in parse(case.to_be_signed).child_set()]
    case.to_be_signed = der.set_of(*(wrong if one == stamp else one for one in members))
    case.refuses()


def _attribute(attributes, oid):
    (found,) = [
        one.encoded
        for one in parse(attributes).child_set()
        if one.children(0x30)[0].dotted() == oid
    ]
    return found


def test_a_parallel_signature_is_over_the_content_of_its_file(long_term):
    for packaging in (None, Packaging.ENVELOPING):
        options = SignatureOptions(packaging=packaging)
        first = long_term.made(long_term.holder(), cms_item(CONTENT, options=options))
        case = Case(long_term, SignedProperties(), document=first, parallel=True)
        assert case.check()
        other = long_term.made(long_term.holder(), cms_item(b"other", options=options))
        wrong = Case(long_term, SignedProperties(), document=other, parallel=True)
        case.to_be_signed = wrong.to_be_signed
        case.refuses()


def test_a_parallel_grant_does_not_sign_the_file_itself(long_term):
    first = long_term.made(long_term.holder(), cms_item(CONTENT))
    case = Case(long_term, SignedProperties(), document=first)
    assert case.check()
    case.item = replace(case.item, options=SignatureOptions(parallel=True))
    case.refuses()
