"""``./chancela``: what it does on machines that lack something, and that it does nothing twice."""

import shutil
import subprocess
import sys

import pytest

from api.cli.tree import ROOT

TOOLS = ("sh", "cat", "cksum", "date", "dirname", "grep", "id", "mktemp", "rm", "sed", "tail")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A small checkout whose packages are installed already and whose CLI prints what it got."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copy2(ROOT / "chancela", root / "chancela")
    (root / "api" / "cli").mkdir(parents=True)
    (root / "api" / "cli" / "__init__.py").touch()
    (root / "api" / "cli" / "__main__.py").write_text(
        "import os, sys\n"
        "of = os.environ.get\n"
        "print(sys.argv[1:], of('CHANCELA_PKCS11_MODULE'), of('CHANCELA_VAR'))\n"
    )
    (root / "requirements.lock").write_text("one==1\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    checksum = subprocess.run(
        ["cksum"], input=b"one==1\n", capture_output=True, check=True
    ).stdout.decode()
    stamp = root / ".venv" / ".stamp-requirements.lock"
    stamp.write_text(f"{checksum.strip()} {sys.version}\n")
    return root


@pytest.fixture
def start(tree, tmp_path):
    """Start it with a PATH that has no package manager, no sudo and no uv."""
    path = tmp_path / "bin"
    path.mkdir()
    for name in TOOLS:
        (path / name).symlink_to(shutil.which(name))

    def run(*arguments, **environment):
        return subprocess.run(
            [tree / "chancela", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={"PATH": str(path), "CHANCELA_SOFTHSM_PATHS": "", **environment},
        )

    return run


def test_a_start_with_all_in_place_says_nothing_and_passes_arguments_on(start, tmp_path):
    module = tmp_path / "module.so"
    module.touch()
    outcome = start("demo", "--once", CHANCELA_SOFTHSM_PATHS=f"/nowhere.so {module}")
    assert outcome.stderr == ""
    assert outcome.stdout.startswith(f"['demo', '--once'] {module} ")


def test_the_var_folder_is_absolute_and_beside_the_script(start, tree, tmp_path):
    assert start("config").stdout.split()[-1] == str(tree / "var")
    assert start("config", CHANCELA_VAR="here").stdout.split()[-1] == str(tmp_path / "here")


def test_a_module_of_the_operator_is_taken(start, tmp_path):
    module = tmp_path / "vendor.so"
    module.touch()
    outcome = start("demo", CHANCELA_PKCS11_MODULE=str(module))
    assert outcome.returncode == 0
    assert str(module) in outcome.stdout


def test_a_module_that_does_not_exist_stops_it(start):
    outcome = start("demo", CHANCELA_PKCS11_MODULE="/nowhere/vendor.so")
    assert outcome.returncode == 3
    assert "/nowhere/vendor.so, which does not exist. Fix: " in outcome.stderr
    assert "Details: docs/hsm.md" in outcome.stderr


def test_without_any_module_it_stops_with_cause_and_fix(start):
    outcome = start("demo")
    assert outcome.returncode == 3
    assert "No PKCS#11 module was found" in outcome.stderr
    assert "apt-get install softhsm2" in outcome.stderr
    assert "CHANCELA_PKCS11_MODULE" in outcome.stderr
    assert outcome.stdout == ""


def test_commands_that_need_no_device_start_without_one(start):
    assert start("config", "show").stdout.startswith("['config', 'show'] None")


def test_an_unpacked_softhsm_is_found_again(start, tmp_path):
    folder = tmp_path / "state" / "softhsm" / "usr" / "lib" / "softhsm"
    folder.mkdir(parents=True)
    (folder / "libsofthsm2.so").touch()
    outcome = start("demo", CHANCELA_VAR=str(tmp_path / "state"))
    assert outcome.returncode == 0
    assert str(folder / "libsofthsm2.so") in outcome.stdout


def test_a_changed_lock_is_installed_before_anything_runs(start, tree):
    lock = tree / "requirements.lock"
    text = lock.read_text()
    try:
        lock.write_text("one==2\n")
        outcome = start("config", CHANCELA_INSTALLER="uv")
    finally:
        lock.write_text(text)
    assert outcome.returncode == 3
    assert "packages of requirements.lock could not be installed" in outcome.stderr
    assert outcome.stdout == ""
    # A failed installation leaves no stamp: the next start tries again.
    stamps = list((tree / ".venv").glob(".stamp-*"))
    assert stamps == []
    checksum = subprocess.run(["cksum"], input=text.encode(), capture_output=True, check=True)
    (tree / ".venv" / ".stamp-requirements.lock").write_text(
        f"{checksum.stdout.decode().strip()} {sys.version}\n"
    )


def test_a_copy_in_another_place_imports_its_own_packages(start, tree):
    start("config")
    (link,) = (tree / ".venv").rglob("chancela.pth")
    assert link.read_text() == f"{tree}\n"
    link.write_text("/elsewhere\n")
    start("config")
    assert link.read_text() == f"{tree}\n"
