"""The shape of the source tree."""

import ast
import re
import subprocess
import sys

import pytest

from api.cli import COMMANDS, gates, main
from api.cli.tree import ROOT

PRODUCT = [
    module
    for package in gates.PACKAGES
    for module in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in module.parts
]
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "data", "info", "misc"}


def test_modules_stay_below_the_wall():
    assert list(gates.long_modules()) == []


def test_import_contracts_hold():
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()",
         "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]


def test_no_module_has_a_name_that_says_nothing():
    names = {path.stem for path in PRODUCT} | {path.parent.name for path in PRODUCT}
    assert names & BANNED_NAMES == set()


def test_the_domain_imports_the_standard_library_only():
    foreign = set()
    for module in (ROOT / "signer" / "domain").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names.append(node.module or "")
            foreign |= {
                (module.name, name)
                for name in names
                if name.partition(".")[0] not in sys.stdlib_module_names
                and not name.startswith("signer.domain")
            }
    assert foreign == set()


def test_adapters_see_ports_and_domain_only():
    seen = set()
    for module in (ROOT / "signer" / "adapters").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("signer"):
                seen.add((module.name, node.module))
    allowed = ("signer.domain", "signer.ports", "signer.adapters")
    assert {(name, seen_) for name, seen_ in seen if not seen_.startswith(allowed)} == set()


def test_settings_are_seen_by_wiring_and_the_command_line_only():
    readers = {
        str(module.relative_to(ROOT))
        for module in PRODUCT
        if re.search(r"^\s*(from|import) api\.settings", module.read_text(), re.MULTILINE)
    }
    installers = ("api/installation.py", "api/demo/setup.py", "api/bench/installation.py")
    allowed = ("api/wiring", "api/cli/", "api/settings/", *installers)
    assert {reader for reader in readers if not reader.startswith(allowed)} == set()


def test_every_package_of_ours_is_typed_and_importable():
    for package in gates.PACKAGES:
        assert (ROOT / package / "py.typed").is_file()
        assert (ROOT / package / "__init__.py").is_file()


def test_every_folder_of_modules_is_a_package():
    lonely = {
        folder
        for folder in (path.parent for path in PRODUCT)
        if not (folder / "__init__.py").is_file()
    }
    assert lonely == set()


def test_tests_are_no_package_and_their_names_are_unique():
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert [file for file in files if file.name == "__init__.py"] == []
    names = [file.name for file in files if file.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("module", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_suppressions_name_their_rule_and_reason(module):
    for number, line in enumerate(module.read_text().splitlines(), 1):
        found = re.search(r"#\s*(noqa|type: ignore)(.*)", line)
        if found:
            reasoned = r"(: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*|\[[a-z, -]+\])\s*(#|-)\s*\S.*"
            assert re.fullmatch(reasoned, found[2].strip() if found[1] != "noqa" else found[2]), (
                f"{module.relative_to(ROOT)}:{number}: {line.strip()}"
            )


def test_every_command_exists():
    for name in COMMANDS:
        command = main.get_command(None, name)
        assert command is not None
        assert command.name == name


def test_every_command_speaks_json():
    silent = []
    for name in COMMANDS:
        command = main.get_command(None, name)
        leaves = getattr(command, "commands", {}).values() or [command]
        silent += [
            f"{name} {leaf.name}"
            for leaf in leaves
            if "--json" not in {option for p in leaf.params for option in p.opts}
        ]
    assert silent == []


def test_help_without_an_installation_names_every_command(tmp_path):
    (tmp_path / "api" / "cli").mkdir(parents=True)
    (tmp_path / "chancela").write_bytes((ROOT / "chancela").read_bytes())
    table = ROOT / "api" / "cli" / "__init__.py"
    (tmp_path / "api" / "cli" / "__init__.py").write_bytes(table.read_bytes())
    run = subprocess.run(
        ["sh", str(tmp_path / "chancela"), "--help"], capture_output=True, text=True, check=True
    )
    for name in COMMANDS:
        assert re.search(rf"^  {name} - \S", run.stdout, re.MULTILINE), run.stdout
    assert not (tmp_path / ".venv").exists()


def test_starting_the_command_line_imports_no_server():
    probe = (
        "import sys; from api.cli import main;"
        "heavy = {'flask', 'sqlalchemy', 'pkcs11', 'pyhanko', 'lxml', 'pydantic'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
