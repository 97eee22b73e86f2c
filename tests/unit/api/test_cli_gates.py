"""The gates of ``chancela check`` find what they are for."""

import subprocess

import pytest

from api.cli import check, gates, tree
from api.cli.check import GATES, tool
from api.cli.lock import inputs_digest, locked_digest
from signer.domain.errors import ConfigurationError


@pytest.mark.parametrize(
    ("licence", "strong"),
    [
        pytest.param("GPL-2.0-or-later", True, id="GPL"),
        pytest.param("AGPL-3.0-only", True, id="AGPL"),
        pytest.param("License :: OSI Approved :: GNU General Public License v3", True, id="words"),
        pytest.param("GNU Affero General Public License", True, id="Affero"),
        pytest.param("LGPL-3.0-only", False, id="LGPL"),
        pytest.param("GNU Lesser General Public License v3", False, id="lesser"),
        pytest.param("MPL-2.0", False, id="MPL"),
        pytest.param("MIT OR Apache-2.0", False, id="permissive"),
    ],
)
def test_strong_copyleft_is_told_from_the_rest(licence, strong):
    assert gates.is_strong_copyleft(licence) is strong


def test_a_package_under_the_gpl_is_refused_without_its_exception(monkeypatch, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.chancela.licences.exceptions]\n")
    monkeypatch.setattr(gates, "ROOT", tmp_path)
    assert any(fault.startswith("pykcs11 is under GPL") for fault in gates.refused_licences())


def test_the_lock_belongs_to_this_pyproject():
    assert list(gates.stale_locks()) == []


def test_a_new_dependency_makes_the_lock_stale(monkeypatch, tmp_path):
    text = (gates.ROOT / "pyproject.toml").read_text()
    text = text.replace("dependencies = [", 'dependencies = [\n    "left-pad>=1",', 1)
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.setattr(gates, "ROOT", tmp_path)
    faults = list(gates.stale_locks())
    assert any("made from another pyproject.toml" in fault for fault in faults)
    assert any("no version for left-pad>=1" in fault for fault in faults)


def test_a_lock_without_hash_or_with_an_address_is_refused(monkeypatch, tmp_path):
    loose = tmp_path / "requirements.lock"
    text = gates.RUNTIME_LOCK.read_text().replace("--hash=sha256:", "--hash=md5:", 1)
    loose.write_text(f"--index-url https://index.example.org\nloose==1.0\n{text}")
    monkeypatch.setattr(gates, "RUNTIME_LOCK", loose)
    faults = list(gates.stale_locks())
    assert "requirements.lock names an address" in faults
    assert "requirements.lock: loose==1.0 has no hash" in faults


def test_the_digest_of_inputs_is_read_back():
    digest = inputs_digest(b'[project]\ndependencies = ["a>=1"]\n[project.optional-dependencies]\n')
    assert locked_digest(f"# inputs: sha256:{digest}\n") == digest
    assert locked_digest("# none\n") is None


@pytest.fixture
def checkout(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)

    def track(name, text):
        (tmp_path / name).write_text(text)
        subprocess.run(["git", "-C", str(tmp_path), "add", name], check=True)
        return tmp_path

    return track


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        pytest.param("[a](b.md)", ["a.md: b.md does not exist"], id="no file"),
        pytest.param("[a](#here)", ["a.md: #here: no such heading"], id="no heading"),
        pytest.param("# Über *uns* now\n[a](a.md#über-uns-now)", [], id="heading"),
        pytest.param("```\n[a](b.md)\n```\n[b](https://example.org/x)", [], id="code and web"),
    ],
)
def test_broken_links_are_found(checkout, text, faults):
    assert list(gates.broken_links(checkout("a.md", text))) == faults


@pytest.mark.parametrize(
    ("pt", "en", "faults"),
    [
        pytest.param("Olá", "Hello", [], id="complete"),
        pytest.param("Olá", "", ["en.po: hi"], id="missing"),
        pytest.param("{a}", "{b}", ["hi: the languages use different placeholders"], id="names"),
    ],
)
def test_texts_must_be_complete(tmp_path, pt, en, faults):
    for language, text in (("pt", pt), ("en", en)):
        (tmp_path / f"{language}.po").write_text(
            f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
            f'msgid "hi"\nmsgstr "{text}"\n'
        )
    assert list(gates.incomplete_texts(tmp_path)) == faults


def test_a_missing_language_is_a_fault(tmp_path):
    assert list(gates.incomplete_texts(tmp_path)) == ["pt.po is missing"]


def test_a_tool_that_is_not_installed_is_a_fault():
    assert list(tool("no-such-program")()) == [
        "no-such-program is not installed: nothing could be checked"
    ]


def test_a_failing_tool_gives_its_output():
    assert "ThisFails" in "\n".join(tool("python", "-c", "raise SystemExit('ThisFails')")())
    assert list(tool("python", "-c", "print('fine')")()) == []


def test_a_committed_secret_is_found_and_the_baseline_stays(checkout, monkeypatch):
    root = checkout("settings.txt", "harmless\n")
    (root / ".secrets.baseline").write_bytes((gates.ROOT / ".secrets.baseline").read_bytes())
    baseline = (root / ".secrets.baseline").read_bytes()
    monkeypatch.setattr(check, "ROOT", root)
    monkeypatch.setattr(gates, "tracked_files", lambda: ["settings.txt"])
    assert list(check.secrets()) == []
    (root / "settings.txt").write_text("url = https://user:" + "hunter2seven@example.org/\n")
    assert any("settings.txt:1" in fault for fault in check.secrets())
    assert (root / ".secrets.baseline").read_bytes() == baseline


def test_commands_of_the_checkout_refuse_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    with pytest.raises(ConfigurationError, match="source checkout only"):
        tree.require_checkout()


def test_gate_names_are_unique():
    names = [gate.name for gate in GATES]
    assert sorted(names) == sorted(set(names))
