"""EU DSS, the Commission's reference validator, judges every format, packaging and level."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from signer.domain.signature_options import SignedFile
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import Digest, DigestAlgorithm, KeyAlgorithm
from signer.formats.asic.cades import ASiCWithCAdESExtender
from signer.formats.asic.xades import ASiCWithXAdESExtender
from signer.formats.assembly import baseline_formats
from signer.formats.cades import CAdESExtender
from signer.formats.jades.signing import JAdESExtender
from signer.formats.pades import PAdES
from signer.formats.xades.extension import XAdESExtender
from tests.fixtures.dss import Case, Verdict
from tests.fixtures.dss_rows import (
    FILE_NAME,
    KEYS,
    POLICIES,
    POLICY_OID,
    ROWS,
    Combination,
    Variant,
    Workshop,
    combinations,
    item_for,
)
from tests.fixtures.online_pki import OnlinePKI

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]


def _is_damaged_too(one: Combination) -> bool:
    """One of each row and level is judged altered and cut, too."""
    return one.variant is Variant.PLAIN and one.key is KeyAlgorithm.P_256


DIVERGENCES = Path(__file__).resolve().parents[2] / "docs" / "divergences.d" / "dss.md"
MATRIX = [pytest.param(one, id=str(one)) for one in combinations()]


@dataclass(frozen=True)
class Judged:
    """Everything signed and judged once; what could not be made says why when asked."""

    verdicts: Mapping[str, tuple[Verdict, ...]]
    failures: Mapping[str, Exception]

    def __getitem__(self, name: str) -> Verdict:
        if name in self.failures:
            raise self.failures[name]
        (verdict,) = self.verdicts[name]
        return verdict


@dataclass(frozen=True)
class Made:
    """Files to judge, and why some could not be made."""

    cases: list[Case]
    failures: dict[str, Exception]


@pytest.fixture(scope="module")
def workshop(online_pki, pades) -> Workshop:
    return Workshop(
        pki=online_pki,
        formats=baseline_formats(pades),
        holders={key: online_pki.citizen(key) for key in KEYS},
    )


@pytest.fixture(scope="module")
def judged(dss, online_pki, workshop, pades) -> Judged:
    """One process of the validator for everything: it takes long to warm up."""
    made = Made([], {})
    _make_matrix(made, workshop)
    _make_extended(made, workshop, pades)
    _make_qualified(made, workshop, online_pki)
    return Judged(dss(made.cases, POLICIES), made.failures)


def _make_matrix(made: Made, workshop: Workshop) -> None:
    for one in combinations():
        try:
            case = workshop.case(one)
        except Exception as error:  # noqa: BLE001 - the test of this file raises it
            made.failures[str(one)] = error
            continue
        made.cases.append(case)
        if _is_damaged_too(one):
            made.cases.extend(_damaged(one, case))


def _damaged(one: Combination, case: Case) -> list[Case]:
    altered = case.content if one.row.detached else one.row.alter(case.content)
    beside = tuple(
        (name, one.row.alter(content) if name == FILE_NAME else content)
        for name, content in case.detached
    )
    cut = case.content[: len(case.content) * 2 // 3]
    return [
        Case(name=f"{one}, altered", content=altered, suffix=case.suffix, detached=beside),
        Case(name=f"{one}, cut", content=cut, suffix=case.suffix, detached=case.detached),
    ]


@pytest.fixture(scope="module")
def explained() -> Callable[[str, str], bool]:
    """Whether the table of divergences explains a warning about a row's files."""
    rows = re.findall(r"^\| EU DSS on ([^:]+): `([^`]+)`", DIVERGENCES.read_text(), re.MULTILINE)
    return lambda name, warning: any(name == row and text in warning for row, text in rows)


@pytest.mark.parametrize("one", MATRIX)
def test_passes_at_the_level_that_was_asked(judged, explained, one: Combination):
    verdict = judged[str(one)]
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL_PASSED", None), verdict
    assert verdict.level == one.row.level_name(one.level)
    assert verdict.container == one.row.container
    assert not verdict.errors
    assert [said for said in verdict.warnings if not explained(one.row.name, said)] == []


@pytest.mark.parametrize("one", [one for one in MATRIX if _is_damaged_too(one.values[0])])
@pytest.mark.parametrize("damage", ["altered", "cut"])
def test_does_not_pass_when_damaged(judged, one: Combination, damage):
    assert judged[str(one)].has_passed
    passed = {said.level for said in judged.verdicts[f"{one}, {damage}"] if said.has_passed}
    # A PDF cut between two of its updates is the file it was before the last of them; so is a
    # container whose archive manifest and token, its last files, are cut off.
    grows = one.row.kind is ItemKind.PADES or one.row.name == "ASiC-E with CAdES"
    earlier = grows and one.level is Level.B_LTA and damage == "cut"
    assert passed <= ({one.row.level_name(Level.B_LT)} if earlier else set())


@pytest.mark.parametrize(
    "one", [one for one in MATRIX if one.values[0].variant is Variant.CERTIFIED]
)
def test_shows_the_professional_attribute(judged, one: Combination):
    verdict = judged[str(one)]
    assert "Advogada 12345L (Ordem dos Exemplos)" in verdict.claimed_roles
    assert bool(verdict.certified_roles) is one.row.shows_certified


@pytest.mark.parametrize("one", [one for one in MATRIX if one.values[0].variant is Variant.POLICY])
def test_shows_what_was_said_about_the_act(judged, one: Combination):
    verdict = judged[str(one)]
    assert verdict.policy is not None
    assert verdict.policy.removeprefix("urn:oid:") == POLICY_OID
    assert verdict.policy_matches
    assert len(verdict.commitments) == 1
    expected_place = ("Évora", "PT") if one.row.shows_place else (None, None)
    assert (verdict.city, verdict.country) == expected_place
    assert verdict.claimed_roles == ("Representante legal",)
    assert verdict.timestamps[0] in {"CONTENT_TIMESTAMP", "ALL_DATA_OBJECTS_TIMESTAMP"}


EXTENDED = [row for row in ROWS if row.kind.is_whole_document]
STEPS = ((Level.B_T, "B-T"), (Level.B_LT, "B-LT"), (Level.B_LTA, "B-LTA"), (Level.B_LTA, "renewed"))


def _make_extended(made: Made, workshop: Workshop, pades: PAdES) -> None:
    """Made at B-B, then raised step by step as signatures made elsewhere are, and renewed."""
    extenders = {
        "PAdES": pades,
        "CAdES": CAdESExtender(),
        "XAdES": XAdESExtender(),
        "JAdES": JAdESExtender(),
        "ASiC_S CAdES": ASiCWithCAdESExtender(),
        "ASiC_E CAdES": ASiCWithCAdESExtender(),
        "ASiC_S XAdES": ASiCWithXAdESExtender(),
        "ASiC_E XAdES": ASiCWithXAdESExtender(),
    }
    for row in EXTENDED:
        extender = extenders[f"{row.container or ''} {row.prefix}".strip()]
        beside = row.beside(row.content)
        files = tuple(
            SignedFile(
                name=name,
                media_type="",
                digest=Digest.of(DigestAlgorithm.SHA256, content),
                content=content,
            )
            for name, content in beside
        )
        signed = workshop.sign(
            workshop.holders[KeyAlgorithm.P_256], item_for(row, Level.B_B, row.options)
        )
        for level, step in STEPS:
            try:
                signed = extender.extend(signed, level, workshop.pki.services, files)
            except Exception as error:  # noqa: BLE001 - the test of this step raises it
                made.failures[f"{row.name}, {step}"] = error
                continue
            made.cases.append(
                Case(
                    name=f"{row.name}, {step}",
                    content=signed,
                    suffix=row.suffix,
                    detached=beside,
                )
            )


@pytest.mark.parametrize("row", EXTENDED, ids=lambda row: row.name)
@pytest.mark.parametrize(("level", "step"), STEPS, ids=[step for _, step in STEPS])
def test_what_was_raised_later_passes_at_its_level(judged, explained, row, level, step):
    verdict = judged[f"{row.name}, {step}"]
    assert verdict.has_passed, verdict
    assert verdict.level == row.level_name(level)
    assert not verdict.errors
    assert [said for said in verdict.warnings if not explained(row.name, said)] == []


@pytest.mark.parametrize("row", EXTENDED, ids=lambda row: row.name)
def test_every_step_adds_the_time_stamp_it_needs(judged, row):
    counts = [len(judged[f"{row.name}, {step}"].timestamps) for _, step in STEPS]
    assert counts == [1, 1, 2, 3]


QUALIFIED = ("PAdES", "CAdES detached", "XAdES enveloped", "JAdES general detached")


def _make_qualified(made: Made, workshop: Workshop, online_pki: OnlinePKI) -> None:
    """Signatures and seals with certificates that state what only a supervised service may."""
    holders = {
        "signature": online_pki.citizen(KeyAlgorithm.P_256, qualified=True),
        "seal": online_pki.seal(KeyAlgorithm.RSA_3072, qualified=True),
        "signature that states nothing": workshop.holders[KeyAlgorithm.P_256],
    }
    for row in ROWS:
        if row.name not in QUALIFIED:
            continue
        for what, holder in holders.items():
            signed = workshop.sign(holder, item_for(row, Level.B_LT, row.options))
            made.cases.append(
                Case(
                    name=f"{row.name}, {what}",
                    content=signed,
                    suffix=row.suffix,
                    detached=row.beside(row.content),
                    listed=True,
                )
            )


@pytest.mark.parametrize(
    ("what", "qualification"),
    [
        ("signature", "QESIG"),
        ("seal", "QESEAL"),
        ("signature that states nothing", "ADESIG"),
    ],
)
@pytest.mark.parametrize("name", QUALIFIED)
def test_our_trusted_list_makes_what_certificates_state_qualified(
    judged, name, what, qualification
):
    verdict = judged[f"{name}, {what}"]
    assert verdict.has_passed, verdict
    assert verdict.qualification == qualification, verdict.qualification_messages


def test_every_row_is_in_the_matrix():
    assert {one.values[0].row.name for one in MATRIX} == {row.name for row in ROWS}
