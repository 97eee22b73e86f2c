"""``chancela sign`` against a served installation, ``chancela verify`` on what comes back."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from api.cli import sign, verify
from api.client import NativeClient, Wanted
from signer.domain.errors import (
    ClientAuthenticationError,
    IncorrectCodeError,
    IncorrectPINError,
    InvalidRequestError,
    UnavailableError,
)
from signer.domain.values import Secret

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(served, monkeypatch, tmp_path):
    monkeypatch.setenv("CHANCELA_VAR", str(served.var))
    monkeypatch.chdir(tmp_path)

    def run(command, *arguments, code=0):
        done = CliRunner().invoke(command.command, [*map(str, arguments), "--json"])
        assert done.exit_code == code, (done.output, done.exception)
        return json.loads(done.stdout)

    return run


@pytest.fixture
def document(tmp_path, pdf) -> Path:
    file = tmp_path / "contrato.pdf"
    file.write_bytes(pdf)
    return file


@pytest.mark.parametrize("level", ["B-B", "B-T"])
@pytest.mark.parametrize("detached", [False, True], ids=["whole", "digest"])
@pytest.mark.parametrize(
    ("kind", "key"), [("pades", "rsa-3072"), ("cades", "p-256")], ids=["pades", "cades"]
)
def test_what_is_signed_in_the_demo_is_valid(run, served, document, kind, key, level, detached):
    out = document.with_suffix(".out")
    flags = ["--detached-digest"] if detached else []
    options = ["--format", kind, "--level", level, "--key", key, "--user", "lawyer", "--demo"]
    signed = run(sign, document, "-o", out, *options, "--attribute", "ordem/advogado", *flags)
    assert signed["ok"]
    content = ["--content", document] if kind == "cades" else []
    judged = run(verify, out, "--anchor", served.root, *content)
    (one,) = judged["files"][0]["signatures"]
    assert one["level"] == level
    assert "advogado" in one["certified_attributes"][0].lower()
    assert any(line.endswith("answered") for line in judged["asked"])


def test_the_default_anchor_is_this_installations_root(run, document):
    out = document.with_suffix(".out")
    run(sign, document, "-o", out, "--format", "pades", "--user", "lawyer", "--demo")
    assert run(verify, out)["ok"]


def test_a_changed_file_is_not_valid_and_says_so_in_the_report(run, document, tmp_path):
    out, report = document.with_suffix(".out"), tmp_path / "report.json"
    run(sign, document, "-o", out, "--format", "cades", "--user", "lawyer", "--demo")
    document.write_bytes(document.read_bytes() + b"x")
    judged = run(verify, out, "--content", document, "--report", report, code=1)
    assert not judged["ok"]
    assert judged["files"][0]["signatures"][0]["indication"] == "TOTAL-FAILED"
    kept = json.loads(report.read_text())
    assert kept["valid"] is False
    assert kept["files"] == judged["files"]


def test_offline_asks_nobody_and_says_so(run, document):
    out = document.with_suffix(".out")
    run(sign, document, "-o", out, "--format", "pades", "--user", "lawyer", "--demo")
    judged = run(verify, out, "--offline")
    assert judged["ok"]
    assert judged["asked"] == []
    assert judged["revocation"].startswith("offline")


def test_another_anchor_trusts_nobody_here(run, document, trust, tmp_path):
    out, anchor = document.with_suffix(".out"), tmp_path / "other.der"
    anchor.write_bytes(trust.anchors[0])
    run(sign, document, "-o", out, "--format", "pades", "--user", "lawyer", "--demo")
    judged = run(verify, out, "--anchor", anchor, "--offline", code=1)
    assert judged["files"][0]["signatures"][0]["indication"] != "TOTAL-PASSED"


def test_a_file_without_signature_is_not_valid(run, document):
    assert not run(verify, document, code=1)["files"][0]["valid"]


def test_a_citizen_the_demo_does_not_have_is_refused(run, document):
    out = document.with_suffix(".out")
    answer = run(
        sign, document, "-o", out, "--format", "pades", "--user", "nobody", "--demo", code=2
    )
    assert answer["error"]["code"] == "request.invalid"
    assert not out.exists()


def test_without_the_demo_a_client_must_be_named(run, document):
    out = document.with_suffix(".out")
    run(sign, document, "-o", out, "--format", "pades", "--user", "+351910000000", code=2)


def test_an_attribute_the_citizen_lacks_ends_without_a_file(run, document):
    out = document.with_suffix(".out")
    options = ["--format", "pades", "--user", "lawyer", "--demo", "--attribute", "ordem/juiz"]
    answer = run(sign, document, "-o", out, *options, code=1)
    assert answer["error"]["code"] == "attribute_not_held"
    assert not out.exists()


def _waiting(served, document, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(served.client_secret)
    command = [
        sys.executable, "-m", "api.cli", "sign", document, "-o", tmp_path / "out.pdf",
        "--format", "pades", "--user", served.phone, "--server", served.base_url,
        "--client-id", served.client_id, "--client-secret-file", secret,
    ]  # fmt: skip
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore it, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads yet
    )
    return process, process.stderr.readline().removeprefix("Authorise at: ").strip()


def test_without_the_demo_it_prints_the_address_and_waits_for_the_citizen(
    served, document, tmp_path
):
    process, url = _waiting(served, document, tmp_path)
    with httpx2.Client(trust_env=False) as browser:
        assert browser.get(url).status_code == 200
    assert "Verification code" in process.stderr.readline()
    assert process.stderr.readline() == "… created\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_ctrl_c_cancels_the_transaction(served, document, tmp_path):
    process, url = _waiting(served, document, tmp_path)
    for _ in range(2):
        process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "cancelled" in errors
    assert not (tmp_path / "out.pdf").exists()
    with httpx2.Client(trust_env=False) as browser:
        assert 'name="pin"' not in browser.get(url).text


ITEM = Wanted(kind="raw", name="x", content=bytes(32), digest_only=True)


def client_of(served, secret=None):
    return NativeClient(served.base_url, served.client_id, Secret(secret or served.client_secret))


def test_the_client_gives_back_the_errors_the_service_meant(served):
    with client_of(served) as client:
        with pytest.raises(InvalidRequestError) as refused:
            client.start("not a phone", [ITEM])
        assert refused.value.field
        started = client.start(served.phone, [ITEM])
        with pytest.raises(IncorrectPINError):
            client.enter_pin(started.id, Secret("000000"))
        client.cancel(started.id)
        assert client.look(started.id)["state"] == "cancelled"
    with client_of(served, "wrong") as client, pytest.raises(ClientAuthenticationError):
        client.start(served.phone, [ITEM])


def test_a_wrong_code_is_refused_and_a_resent_one_signs(served):
    pin = Secret(
        json.loads((served.var / "demo" / "demo.json").read_text())["citizens"]["lawyer"][
            "signature_pin"
        ]
    )
    with client_of(served) as client:
        started = client.start(served.phone, [ITEM], idempotency_key="k1")
        assert client.start(served.phone, [ITEM], idempotency_key="k1").id == started.id
        entered = client.enter_pin(started.id, pin)
        first = client.demo_code(served.phone, started.id)
        wrong = Secret(f"{(int(first.reveal()) + 1) % 10**6:06d}")
        with pytest.raises(IncorrectCodeError):
            client.enter_code(started.id, entered.handle, wrong)
        client.resend(started.id, entered.handle)
        until = time.monotonic() + 20
        second = first
        while second == first and time.monotonic() < until:
            second = client.demo_code(served.phone, started.id)
            time.sleep(0.05)
        (value,) = client.enter_code(started.id, entered.handle, second)
        assert client.enter_code(started.id, entered.handle, second) == (value,)


def test_a_service_that_is_not_there_is_unavailable():
    with (
        NativeClient("http://127.0.0.1:9", "x", Secret("y")) as client,
        pytest.raises(UnavailableError),
    ):
        client.start("+351910000000", [ITEM])
