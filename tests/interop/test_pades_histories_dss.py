"""EU DSS judges PDFs with a past: several signatures, renewal, extension, certification."""

from collections.abc import Mapping

import pytest

from signer.domain.signature_options import Certification, PDFOptions, Seal, SignatureOptions
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import KeyAlgorithm
from signer.formats.assembly import baseline_formats
from tests.fixtures.dss import Case, Verdict
from tests.fixtures.dss_rows import Workshop
from tests.fixtures.long_term import cms_item
from tests.fixtures.pdfs import write_pdf

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]

HISTORIES = {
    "two archived": ("PAdES-BASELINE-LTA", "PAdES-BASELINE-LTA"),
    "two at once": ("PAdES-BASELINE-LTA", "PAdES-BASELINE-LTA"),
    "renewed": ("PAdES-BASELINE-LTA",),
    "extended to B-T": ("PAdES-BASELINE-T",),
    "extended to B-LT": ("PAdES-BASELINE-LT",),
    "extended to B-LTA": ("PAdES-BASELINE-LTA",),
    **{f"certified {one.name}": ("PAdES-BASELINE-LTA",) for one in Certification},
}


@pytest.fixture(scope="module")
def verdicts(dss, online_pki, pades) -> Mapping[str, tuple[Verdict, ...]]:
    holder = online_pki.citizen(KeyAlgorithm.P_256)
    workshop = Workshop(
        pki=online_pki, formats=baseline_formats(pades), holders={KeyAlgorithm.P_256: holder}
    )

    def signed(document: bytes, level: Level = Level.B_B, **pdf: object) -> bytes:
        options = SignatureOptions(pdf=PDFOptions(**pdf))
        return workshop.sign(holder, cms_item(document, level, ItemKind.PADES, options=options))

    def raised(document: bytes, level: Level) -> bytes:
        return pades.extend(document, level, online_pki.services)

    page = write_pdf()
    archived = signed(page, Level.B_LTA, seal=Seal())
    made = {
        "two archived": signed(archived, Level.B_LTA, seal=Seal()),
        "two at once": raised(signed(signed(page, Level.B_T), Level.B_T), Level.B_LTA),
        "renewed": raised(archived, Level.B_LTA),
    }
    for level in (Level.B_T, Level.B_LT, Level.B_LTA):
        made[f"extended to {level}"] = raised(signed(page), level)
    for one in Certification:
        made[f"certified {one.name}"] = signed(page, Level.B_LTA, certification=one)
    return dss(Case(name=name, content=content, suffix=".pdf") for name, content in made.items())


@pytest.mark.parametrize("history", HISTORIES)
def test_a_pdf_with_a_past_passes_at_its_levels(verdicts, history):
    found = verdicts[history]
    assert all(one.has_passed for one in found), found
    levels = tuple(one.level.replace("_", "-") for one in found)
    if history == "two archived":
        # How the validator classes the later of two archived signatures varies with the seconds
        # between them; that both pass is certain, and the archive is the first one's.
        assert levels[0] == HISTORIES[history][0], found
        assert levels[1] in {HISTORIES[history][1], "PAdES-BASELINE-T"}, found
    else:
        assert levels == HISTORIES[history], found
    assert not any(one.errors for one in found), found
