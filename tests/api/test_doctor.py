"""``chancela doctor`` finds what was broken on purpose, and says how to mend it."""

import json
import time

import pytest


def findings(installation, *options: str, code: int = 0) -> dict[str, dict[str, str]]:
    answer = installation.ask("doctor", *options, code=code)
    assert answer["ok"] is (code == 0)
    return {found["name"]: found for found in answer["findings"]}


def test_a_sound_installation_passes_every_check(installation):
    found = findings(installation)
    assert {one["verdict"] for one in found.values()} == {"ok"}, found
    assert {
        "settings", "disk", "files", "module", "token sam", "token pki", "transcript", "attacks",
        "test key", "database", "audit", "certificates", "CRL", "OCSP", "TSA", "clock", "channels",
    } == found.keys()  # fmt: skip
    assert int(found["attacks"]["detail"].split()[0]) >= 10


def spoil_pin_mode(var):
    (var / "hsm" / "sam.pin").chmod(0o644)


def spoil_pin(var):
    (var / "hsm" / "pki.pin").write_text("0000-wrong")


def spoil_certificate(var):
    (var / "pki" / "tsa.der").unlink()


def spoil_certificate_key(var):
    (var / "pki" / "tsa.der").write_bytes((var / "pki" / "trusted-list.der").read_bytes())


def spoil_transcript(var):
    file = var / "hsm" / "transcript.json"
    body = json.loads(file.read_text())
    body["keys"][0]["id"] = "00"
    file.write_text(json.dumps(body))


def spoil_transcript_file(var):
    (var / "hsm" / "transcript.json").unlink()


def spoil_tokens(var):
    (var / "hsm" / "tokens").rename(var / "hsm" / "elsewhere")


def spoil_database(var):
    (var / "chancela.db").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "name", "words"),
    [
        (spoil_pin_mode, "files", "sam.pin"),
        (spoil_pin, "token pki", "PIN"),
        (spoil_certificate, "certificates", "tsa.der"),
        (spoil_certificate_key, "certificates", "tsa"),
        (spoil_transcript, "transcript", "signed"),
        (spoil_transcript_file, "transcript", "missing"),
        (spoil_tokens, "token sam", ""),
        (spoil_database, "database", "revision"),
    ],
)
def test_each_fault_is_found_and_comes_with_its_fix(installation, spoil, name, words):
    spoil(installation.var)
    found = findings(installation, code=1)
    assert found[name]["verdict"] == "fault", found
    assert words in found[name]["detail"]
    assert found[name]["fix"]
    text = installation.run("doctor", code=1).stdout
    assert f"✗ {name}" in text
    assert "Fix: " in text


def test_checks_that_stand_on_a_fault_are_skipped(installation):
    installation.extra["CHANCELA_PKCS11_MODULE"] = "/nowhere/module.so"
    found = findings(installation, code=1)
    assert found["module"]["verdict"] == "fault"
    assert found["token sam"]["verdict"] == found["transcript"]["verdict"] == "skipped"
    assert found["database"]["verdict"] == "ok"


def test_wrong_settings_are_the_only_finding(installation):
    installation.extra["CHANCELA_NONSENSE"] = "1"
    found = findings(installation, code=1)
    assert list(found) == ["settings"]
    assert "CHANCELA_NONSENSE" in found["settings"]["detail"]


def test_secrets_in_the_environment_are_a_warning(installation):
    installation.extra["CHANCELA_WEB_SECRET_KEY"] = "k" * 43
    found = findings(installation)
    assert found["files"]["verdict"] == "warning"
    assert "CHANCELA_WEB_SECRET_KEY" in found["files"]["detail"]


def test_a_test_message_goes_out_on_request(installation):
    (installation.var / "demo").mkdir()
    findings(installation, "--send-test-to", "+351910000009")
    sent = (installation.var / "demo" / "outbox.jsonl").read_text()
    assert "+351910000009" in sent
    assert "Test of the signature service" in sent


def test_a_forged_log_is_an_audit_fault(installation):
    worker = installation.start("worker", log=installation.var.parent / "worker.log")
    try:
        deadline = time.monotonic() + 60
        while not installation.ask("audit", "verify", "--live")["checkpoints"]:
            assert worker.poll() is None
            assert time.monotonic() < deadline
    finally:
        worker.terminate()
        worker.wait(20)
    assert findings(installation)["audit"]["verdict"] == "ok"
    forge(installation, "UPDATE audit_record SET hash = zeroblob(32) WHERE log_index = 0")
    assert installation.ask("audit", "verify", "--live", code=1)["intact"] is False
    forge(installation, "UPDATE audit_checkpoint SET root = zeroblob(32)")
    assert findings(installation, code=1)["audit"]["verdict"] == "fault"


def forge(installation, statement: str) -> None:
    installation.python(
        "import os, sqlite3, sys; c = sqlite3.connect(os.environ['CHANCELA_VAR'] + '/chancela.db');"
        "c.execute(sys.stdin.read()); c.commit(); c.close()",
        stdin=statement,
    )
