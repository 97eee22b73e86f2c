"""Documents, licence and what must never be in a tracked file."""

import re
import subprocess

import pytest

from api.cli import gates
from api.cli.tree import ROOT

ROOT_DOCUMENTS = [
    "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE",
    "docs/SIGNING-CYCLE.md", "docs/security-model.md", "docs/divergences.md", "docs/glossary.md",
    "docs/configuration.md", "docs/hsm.md", "docs/installing.md",
]  # fmt: skip

# Written so that this file does not match itself.
MACHINE_PATHS = re.compile(r"/(?:work|root|home)/[a-z.]|/tmp/(?!x)[a-z]+[/.]")
REGISTRIES = re.compile(r"pypi\.(?:org|python)|registry\.npmjs|files\.pythonhosted|repo1?\.maven")


@pytest.mark.parametrize("name", ROOT_DOCUMENTS)
def test_the_document_exists(name):
    assert (ROOT / name).read_text().strip()


def test_the_licence_is_the_eupl_1_2():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n")
    for article in range(1, 16):
        assert re.search(rf"^{article}\. ?[A-Z]", text, re.MULTILINE), article
    assert "Compatible Licences" in text
    assert "Licensed under the EUPL" in text


def test_links_lead_somewhere():
    assert list(gates.broken_links()) == []


def test_the_reference_of_settings_is_current():
    assert list(gates.stale_reference()) == []


def test_the_signing_cycle_fits_a_screen():
    assert len((ROOT / "docs" / "SIGNING-CYCLE.md").read_text().splitlines()) < 40


def test_tracked_text_names_no_machine_and_no_registry():
    found = []
    for name in gates.tracked_files():
        if name.parts[0] == "tests" and name.name == "test_documents.py":
            continue
        try:
            text = (ROOT / name).read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}: {match[0]}"
            for pattern in (MACHINE_PATHS, REGISTRIES)
            for match in pattern.finditer(text)
        ]
    assert found == []


def test_every_decision_record_has_its_four_parts():
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text()
        for part in ("## Context", "## Decision", "## Consequences", "Status:"):
            assert part in text, f"{record.name} lacks {part}"


def test_migrations_have_one_head():
    versions = ROOT / "signer" / "adapters" / "store" / "migrations" / "versions"
    revisions, parents = set(), set()
    for file in versions.glob("*.py"):
        text = file.read_text()
        revisions |= set(re.findall(r"^revision\b.*?= ['\"](\w+)['\"]", text, re.MULTILINE))
        parents |= set(re.findall(r"^down_revision\b.*?= ['\"](\w+)['\"]", text, re.MULTILINE))
    assert len(revisions - parents) == 1


def test_scripts_are_executable_in_the_index():
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--stage", "chancela", ".ci/run"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    modes = {line.split()[0] for line in listed.stdout.splitlines()}
    assert modes == {"100755"}
