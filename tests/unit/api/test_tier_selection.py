"""Which tests ``chancela test`` runs, and what its plugin makes of skips."""

import json
import subprocess
import sys
import tomllib

import pytest

from api.cli.test import Selection, pytest_arguments
from api.cli.tree import ROOT

LIMITED = "@pytest.mark.timeout(60)"
GATE = {"minimum": 95, "packages": ["signer/sam", "hsm"], "enforce": True}


@pytest.mark.parametrize(
    ("selection", "left_out"),
    [
        pytest.param(Selection(), {"interop", "soak"}, id="default"),
        pytest.param(Selection(interop=True), {"soak"}, id="interop"),
        pytest.param(Selection(soak=True), {"interop"}, id="soak"),
        pytest.param(Selection(interop=True, soak=True), set(), id="everything"),
        pytest.param(
            Selection(quick=True, interop=True),
            {"api", "browser", "hsm", "interop", "pki", "soak"},
            id="quick",
        ),
    ],
)
def test_tiers_are_chosen_by_option(selection, left_out):
    arguments = pytest_arguments(selection, strict=False, gate=GATE)
    (option,) = (a for a in arguments if a.startswith("--tiers-without="))
    assert {name for name in option.partition("=")[2].split(",") if name} == left_out


@pytest.mark.parametrize(
    ("selection", "measured"),
    [
        pytest.param(Selection(), True, id="full"),
        pytest.param(Selection(quick=True), False, id="quick"),
        pytest.param(Selection(hsm=True), False, id="hsm only"),
        pytest.param(Selection(soak=True), False, id="soak"),
        pytest.param(Selection(arguments=("-k", "x")), False, id="some tests"),
    ],
)
def test_coverage_is_judged_by_full_runs_only(selection, measured):
    arguments = pytest_arguments(selection, strict=False, gate=GATE)
    assert ("--cov-each-at-least=95" in arguments) is measured
    assert (f"--cov={ROOT}/signer/sam" in arguments) is measured


def test_a_soak_run_keeps_tests_whose_figures_grow_and_shows_what_they_print():
    arguments = pytest_arguments(Selection(soak=True), strict=False, gate=GATE)
    assert {"--figures-only", "-rP"} <= set(arguments)
    assert "--figures-only" not in pytest_arguments(Selection(), strict=False, gate=GATE)


def test_the_coverage_gate_can_be_off():
    arguments = pytest_arguments(Selection(), strict=False, gate={**GATE, "enforce": False})
    assert f"--cov={ROOT}/hsm" in arguments
    assert not any(a.startswith("--cov-each") for a in arguments)


@pytest.fixture
def suite(tmp_path):
    """Run a small suite of its own with the plugin; give exit code and output."""
    for tier, body in {
        "unit": "def test_a(): pass",
        "soak": f"import pytest\n{LIMITED}\ndef test_b(): assert False",
        "contract": (
            "import pytest\n@pytest.fixture\ndef rounds(): return 1\n"
            f"{LIMITED}\ndef test_d(rounds): pass"
        ),
        "hsm": "import pytest\n@pytest.mark.skipif(True, reason='REASON')\ndef test_c(): pass",
    }.items():
        folder = tmp_path / "tests" / tier
        folder.mkdir(parents=True)
        (folder / f"test_of_{tier}.py").write_text(body + "\n")

    def run(reason, *arguments):
        file = tmp_path / "tests" / "hsm" / "test_of_hsm.py"
        file.write_text(file.read_text().replace("REASON", reason))
        outcome = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "tests.plugins.tiers", "-p", "no:cacheprovider",
             "--import-mode=importlib", "--rootdir", str(tmp_path), "--tiers-without=soak",
             *arguments, str(tmp_path / "tests")],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return outcome.returncode, outcome.stdout + outcome.stderr

    return run


def test_the_table_comes_before_the_last_line(suite):
    code, output = suite("no device")
    lines = output.strip().splitlines()
    assert code == 0
    assert "2 passed, 1 skipped, 1 deselected" in lines[-1]
    assert any(line.split() == ["unit", "1", "0", "0"] for line in lines[:-1])
    assert any("skipped 1 x: no device" in line for line in lines[:-1])


def test_a_skip_is_a_failure_when_strict(suite):
    code, output = suite("no device", "--strict-skips")
    assert code == 1
    assert "FORBIDDEN SKIP tests/hsm/test_of_hsm.py" in output


def test_an_allowed_skip_passes_when_strict(suite):
    code, output = suite("allowed: no client program is distributed", "--strict-skips")
    assert code == 0
    assert "FORBIDDEN" not in output


def test_only_tests_with_figures_are_kept_when_asked(suite):
    code, output = suite("no device", "--figures-only")
    assert code == 0
    assert "1 passed, 3 deselected" in output.strip().splitlines()[-1]


@pytest.mark.parametrize("tier", ["soak", "contract"])
def test_a_test_with_figures_and_no_time_limit_of_its_own_is_refused(suite, tmp_path, tier):
    file = tmp_path / "tests" / tier / f"test_of_{tier}.py"
    file.write_text(file.read_text().replace(LIMITED, ""))
    code, output = suite("no device")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert f"need pytest.mark.timeout: tests/{tier}/test_of_{tier}.py" in output


BRANCHES = "def f(x):\n    if x:\n        return 1\n    return 2\n"
IN_ANOTHER_PROCESS = """
import subprocess, sys
from pathlib import Path
def test_f():
    code = "import whole; whole.f(0); whole.f(1)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent / "whole", check=True)
    sys.path.insert(0, str(Path(__file__).parent / "half"))
    import half
    half.f(1)
"""


@pytest.mark.parametrize(
    ("minimum", "code"), [(50, pytest.ExitCode.OK), (95, pytest.ExitCode.TESTS_FAILED)]
)
def test_each_folder_must_reach_its_share_of_branches(tmp_path, minimum, code):
    """The whole one is covered by a process that a test starts, elsewhere."""
    for name in ("half", "whole"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text(BRANCHES)
    (tmp_path / "test_f.py").write_text(IN_ANOTHER_PROCESS)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]
    (tmp_path / "coverage.toml").write_text(
        f"[run]\nbranch = true\nparallel = true\npatch = {json.dumps(settings['patch'])}\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.coverage_gate",
         "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--cov-config=coverage.toml",
         f"--cov={tmp_path}/half", f"--cov={tmp_path}/whole", "--cov-branch",
         f"--cov-each-at-least={minimum}", "test_f.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert outcome.returncode == code, outcome.stdout + outcome.stderr
    assert f"\n{tmp_path}/whole: 100.00 %" in outcome.stdout
    low = f"TOO LOW  {tmp_path}/half: 66.67 %"
    assert (low in outcome.stdout) == (minimum == 95)
