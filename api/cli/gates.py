"""Checks of the source tree that no outside tool makes: each gives a list of findings."""

import importlib.metadata
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from babel.messages.pofile import read_po
from packaging.requirements import Requirement

from api.cli.config import REFERENCE, reference_text
from api.cli.lock import RUNTIME_LOCK, TEST_LOCK, inputs_digest, locked_digest
from api.cli.tree import ROOT
from signer.domain.errors import ConfigurationError

PACKAGES: Final = ("signer", "hsm", "certs", "api")
MODULE_LINES: Final = 500
LANGUAGES: Final = ("pt", "en")

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_STRONG_COPYLEFT: Final = re.compile(
    r"(?<![A-Za-z])A?GPL|Affero|(?<!Lesser )General Public", re.IGNORECASE
)
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Name every file git tracks, relative to the root; raises ConfigurationError without git."""
    listed = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", "-C", str(root), "ls-files", "-z"],  # noqa: S607 - git comes from PATH
        check=False,
        capture_output=True,
    )
    if listed.returncode:
        raise ConfigurationError("this is not a git checkout, or git is missing.")
    names = listed.stdout.decode().split("\0")
    return [Path(name) for name in names if name and (root / name).is_file()]


def long_modules() -> Iterator[str]:
    """Find product modules over the wall; migrations are exempt."""
    for package in PACKAGES:
        for module in sorted((ROOT / package).rglob("*.py")):
            name = module.relative_to(ROOT)
            if "migrations" in name.parts:
                continue
            lines = len(module.read_text().splitlines())
            if lines > MODULE_LINES:
                yield f"{name}: {lines} lines, the wall is {MODULE_LINES}"


# --- dependencies ------------------------------------------------------------------------------


def pins(lock: str) -> dict[str, str]:
    """Read a lock: normalised name to version."""
    return {normalised(name): version for name, version in _PIN.findall(lock)}


def normalised(name: str) -> str:
    """Write a distribution's name as PEP 503 does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def stale_locks() -> Iterator[str]:
    """Find what pyproject.toml asks for and the locks do not give."""
    pyproject = (ROOT / "pyproject.toml").read_bytes()
    project = tomllib.loads(pyproject.decode())["project"]
    test_requirements = project["optional-dependencies"]["test"]
    runtime = pins(RUNTIME_LOCK.read_text())
    test = pins(TEST_LOCK.read_text())
    for lock, found, requirements in (
        (RUNTIME_LOCK, runtime, project["dependencies"]),
        (TEST_LOCK, test, project["dependencies"] + test_requirements),
    ):
        if locked_digest(lock.read_text()) != inputs_digest(pyproject):
            yield f"{lock.name} was made from another pyproject.toml: run ./chancela lock"
        yield from _unmet(lock.name, found, requirements)
        yield from _loose(lock.name, lock.read_text())
    yield from (
        f"{name} is {version} in one lock and {test.get(name)} in the other"
        for name, version in runtime.items()
        if test.get(name) != version
    )


def _unmet(lock: str, found: dict[str, str], requirements: Iterable[str]) -> Iterator[str]:
    for text in requirements:
        requirement = Requirement(text)
        version = found.get(normalised(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            yield f"{lock} has {version or 'no version'} for {text}"


def _loose(lock: str, text: str) -> Iterator[str]:
    """Find entries without a hash, and addresses, which no lock of ours may name."""
    if "://" in text:
        yield f"{lock} names an address"
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        if _PIN.match(entry) and "--hash=sha256:" not in entry:
            yield f"{lock}: {entry.split()[0]} has no hash"


def refused_licences() -> Iterator[str]:
    """Find runtime packages under strong copyleft, unless pyproject.toml says why it is right."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    exceptions = document["tool"]["chancela"]["licences"]["exceptions"]
    seen = 0
    for name in pins(RUNTIME_LOCK.read_text()):
        try:
            metadata = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        seen += 1
        licence = _licence_of(metadata)
        if not licence:
            yield f"{name} does not say its licence"
        elif is_strong_copyleft(licence) and name not in exceptions:
            yield f"{name} is under {licence}"
    if not seen:
        yield "no runtime package is installed: nothing could be checked"


def is_strong_copyleft(licence: str) -> bool:
    """Tell GPL and AGPL (every spelling) from LGPL and the rest."""
    return _STRONG_COPYLEFT.search(licence) is not None


def _licence_of(metadata: importlib.metadata.PackageMetadata) -> str:
    """Join what the package says of its licence; whole texts are cut to their title."""
    said = [*(metadata.get_all("License-Expression") or [])]
    said += [text[:80] for text in metadata.get_all("License") or []]
    said += [c for c in metadata.get_all("Classifier") or [] if c.startswith("License ::")]
    return "; ".join(part.strip() for part in said if part.strip())


# --- documents ---------------------------------------------------------------------------------


def broken_links(root: Path = ROOT) -> Iterator[str]:
    """Find relative links in tracked Markdown whose file or heading does not exist."""
    for name in tracked_files(root):
        if name.suffix != ".md":
            continue
        page = root / name
        for target in _LINK.findall(_FENCE.sub("", page.read_text())):
            path, _, anchor = unquote(target).partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            goal = (page.parent / path).resolve() if path else page
            if not goal.exists():
                yield f"{name}: {target} does not exist"
            elif anchor and goal.suffix == ".md" and anchor not in _anchors(goal):
                yield f"{name}: {target}: no such heading"


def _anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, made as code hosts make them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def stale_reference() -> Iterator[str]:
    """Tell when docs/configuration.md does not match the settings."""
    if REFERENCE.read_text() != reference_text():
        yield f"{REFERENCE.name} is old: run ./chancela config reference"


def incomplete_texts(folder: Path = ROOT / "signer" / "texts") -> Iterator[str]:
    """Find words for people that exist in one language only, or whose placeholders differ."""
    catalogues = {}
    for language in LANGUAGES:
        file = folder / f"{language}.po"
        if not file.is_file():
            yield f"{file.name} is missing"
            return
        with file.open("rb") as content:
            catalogue = read_po(content, locale=language)
        catalogues[language] = {str(m.id): str(m.string) for m in catalogue if m.id}
    every = set().union(*catalogues.values())
    for identifier in sorted(every):
        said = {language: texts.get(identifier, "") for language, texts in catalogues.items()}
        yield from (f"{language}.po: {identifier}" for language, text in said.items() if not text)
        if all(said.values()) and len({_placeholders(text) for text in said.values()}) > 1:
            yield f"{identifier}: the languages use different placeholders"


def _placeholders(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"%\(\w+\)s|\{\w*\}", text))
