"""The samples sign PDFs that the service never sees; others and we ourselves verify them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli import verify
from api.client import NativeClient
from api.demo.documents import sample_pdf
from signer.domain.values import Secret, TransactionId

pytestmark = pytest.mark.interop

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "samples"
LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")


def _built(*flags: str) -> bool:
    done = subprocess.run(
        ["mvn", "--quiet", "--batch-mode", *flags, "process-classes"],
        cwd=SAMPLES / "java",
        capture_output=True,
        check=False,
        timeout=600,
    )
    return done.returncode == 0


@pytest.fixture(scope="session")
def java() -> list[str]:
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} not installed")
    assert _built("--offline") or _built()
    target = SAMPLES / "java" / "target"
    return ["java", "-cp", f"{target}/classes:{target}/lib/*", "sample.SignPdf"]


@pytest.fixture(params=["python", "node", "java"])
def sample(request) -> list[str]:
    if request.param == "java":
        return request.getfixturevalue("java")
    if request.param == "node":
        if shutil.which("node") is None:
            pytest.skip("node not installed")
        return ["node", str(SAMPLES / "node" / "sign-pdf.mjs")]
    return [sys.executable, str(SAMPLES / "python" / "sign_pdf.py")]


def _citizen(served, transaction: str) -> None:
    """Authorises what the sample asked for."""
    facts = json.loads((served.var / "demo" / "demo.json").read_text())
    citizen = facts["citizens"]["lawyer"]
    with NativeClient(served.base_url, served.client_id, Secret(served.client_secret)) as client:
        identity = TransactionId(transaction)
        authorising = client.enter_pin(identity, Secret(citizen["signature_pin"]))
        code = client.demo_code(served.phone, identity)
        client.enter_code(identity, authorising.handle, code)


def _signed(served, sample: list[str], source: Path, target: Path, level: str) -> None:
    environment = {
        "PATH": os.defpath,
        "BASE_URL": served.base_url,
        "CLIENT_ID": served.client_id,
        "CLIENT_SECRET": served.client_secret,
    }
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [*sample, served.phone, str(source), str(target), level],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        try:
            word, _, identity = process.stdout.readline().strip().partition(" ")
            if word == "id":
                _citizen(served, identity)
            process.stdout.read()
            code = process.wait(60)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        complaints.seek(0)
        assert code == 0, complaints.read()[-2000:]


def _level(target: Path, served) -> str:
    done = CliRunner().invoke(verify.command, [str(target), "--anchor", str(served.root), "--json"])
    assert done.exit_code == 0, done.output
    (one,) = json.loads(done.stdout)["files"][0]["signatures"]
    return one["level"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_sample_reaches_its_level(served, sample, level, tmp_path, monkeypatch):
    monkeypatch.setenv("CHANCELA_VAR", str(served.var))
    source, target = tmp_path / "contrato.pdf", tmp_path / "assinado.pdf"
    source.write_bytes(sample_pdf())
    _signed(served, sample, source, target, level)
    assert target.read_bytes().startswith(source.read_bytes())
    assert _level(target, served) == level
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig not installed")
    seen = subprocess.run(
        ["pdfsig", "-nocert", target], capture_output=True, check=False, text=True
    )
    assert seen.stdout.count("Signature is Valid") == 1, seen.stdout
