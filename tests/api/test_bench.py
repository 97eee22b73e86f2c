"""``chancela bench``: every row, the JSON's structure, nothing left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.bench.figures import Measured, compared, measure, tree_cpu

ROOT = Path(__file__).resolve().parents[2]
ROWS = {
    "one hash, PIN + code, over HTTP, P-256",
    "8 clients over HTTP, P-256",
    "100 hashes RSA-3072, one activation",
    "100 hashes RSA-3072, one CMD ValidateOtp in process",
    "hash-only CAdES B-B P-256",
    "hash-only XAdES B-B P-256",
    "PAdES B-T 1 MB",
    "TSA, DER in → DER out",
    "OCSP, DER in → DER out",
}
MEMBERS = ["name", "rate", "p50_ms", "p95_ms", "p99_ms", "cpu_ms", "floor_ms", "ratio", "target"]


@pytest.mark.timeout(300)
def test_every_row_is_measured_and_written(tmp_path):
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "api.cli", "bench",
            "--repetitions", "5", "--seconds", "1", "--json", str(file),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    operations = json.loads(file.read_text())["operations"]
    by_name = {one["name"]: one for one in operations}
    assert by_name.keys() >= ROWS
    for one in operations:
        assert list(one) == MEMBERS
        assert 0 < one["p50_ms"] <= one["p95_ms"] <= one["p99_ms"]
        assert one["rate"] > 0
    for name in ROWS:
        assert by_name[name]["target"]
        assert any(line.startswith(("✓", "✗")) and name in line for line in done.stdout.split("\n"))
    assert by_name["one hash, PIN + code, over HTTP, P-256"]["cpu_ms"] > 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["figures.json"]


def test_percentiles_are_values_that_were_measured():
    measured = Measured(tuple(n / 1000 for n in range(1, 101)), 0.5, 2.0)
    assert measured.median_ms == 51
    assert measured.percentile_ms(0.99) == 100
    assert measured.rate == 50
    assert measured.cpu_ms == 5


@pytest.mark.parametrize(("value", "met"), [(13.0, True), (13.1, False)])
def test_a_target_is_met_up_to_its_limit(value, met):
    row = compared("x", Measured((0.01,), 0.01, 0.01), 10.0, value, 1.3)
    assert row.met is met
    assert row.as_text().startswith("✓" if met else "✗")


def test_warming_up_is_not_counted():
    calls = []
    assert len(measure(lambda: calls.append(1), 4, warm=2).wall) == 4
    assert len(calls) == 6


def test_the_cpu_of_children_counts():
    process = subprocess.Popen(
        [
            sys.executable, "-c",
            ("import subprocess,sys,time;"
            "p=subprocess.Popen([sys.executable,'-c','while True: pass']);"
            "sys.stdin.read();p.kill();p.wait()"),
        ],
        stdin=subprocess.PIPE,
    )  # fmt: skip
    try:
        import time

        until = time.monotonic() + 30
        while tree_cpu(process.pid) < 0.5 and time.monotonic() < until:
            time.sleep(0.05)
        assert tree_cpu(process.pid) >= 0.5
    finally:
        process.stdin.close()
        process.wait(10)
