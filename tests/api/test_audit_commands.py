"""``chancela audit`` and ``evidence`` over a signature that was really made."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli import audit, evidence
from api.wiring.audit_key import HSMAuditSigner
from certs.setup import Role
from signer.adapters.signature_check import verifies
from signer.audit.checkpointing import MakeCheckpoint
from tests.fixtures.service import raw


@pytest.fixture
def run(service):
    def run(group, *arguments, code=0):
        done = CliRunner().invoke(
            group.command, [*map(str, arguments), "--json"], env=service.environment
        )
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    return run


@pytest.fixture
def signed(service, native, rui):
    """Public id of a signed transaction whose records a checkpoint covers."""
    made = native.signed(rui, raw(b"audit commands"))
    checkpoint(service)
    return made["id"]


def checkpoint(service):
    services = service.services
    MakeCheckpoint(
        services.stores.audit_log,
        HSMAuditSigner(services.device.sam.audit_key),
        services.trust.timestamps,
        verifies,
        services.stores.clock,
    )(force=True)


@pytest.fixture
def audit_key(service, tmp_path) -> Path:
    key = tmp_path / "audit.der"
    key.write_bytes(HSMAuditSigner(service.services.device.sam.audit_key).public_key_der)
    return key


def test_an_export_verifies_offline_and_every_change_shows(
    run, service, signed, audit_key, tmp_path
):
    target = tmp_path / "export"
    done = run(audit, "export", target, "--reason", "yearly audit")
    assert done["records"] > 0
    root = tmp_path / "root.pem"
    service.root_pem(tmp_path)
    found = run(audit, "verify", target, "--key", audit_key, "--tsa", root)
    assert found["intact"]
    assert found["keys_trusted"]
    assert found["timestamps_verified"]
    file = next(f for f in target.glob("records/*") if signed in f.read_text())
    file.write_text(file.read_text().replace(signed, signed[::-1], 1))
    assert run(audit, "verify", target, code=1)["problems"]


def test_another_key_another_anchor_or_another_tsa_is_refused(run, service, signed, tmp_path):
    del signed
    target = tmp_path / "export.zip"
    run(audit, "export", target, "--reason", "r")
    wrong = tmp_path / "wrong.der"
    hierarchy = service.services.trust.hierarchy
    wrong.write_bytes(b"0" * 91)
    assert run(audit, "verify", target, "--key", wrong, code=1)["problems"]
    assert run(audit, "verify", target, "--anchor", f"1:{'00' * 32}", code=1)["problems"]
    tsa = tmp_path / "tsa.der"
    tsa.write_bytes(hierarchy.der(Role.OCSP_ISSUING))
    assert run(audit, "verify", target, "--tsa", tsa, code=1)["problems"]
    assert run(audit, "verify", target, "--anchor", "nonsense", code=2)["ok"] is False


def test_the_live_audit_is_verified_with_the_ceremony_s_key_and_that_is_recorded(
    run, service, signed
):
    del signed
    found = run(audit, "verify", "--live")
    assert found["intact"]
    assert found["keys_trusted"]
    (last,) = service.services.stores.audit_log.search(event="audit.verified", limit=1)
    assert json.loads(last.body)["facts"]["signed_size"] == found["signed_size"]


def test_reading_is_recorded_before_it_is_shown(run, service, signed):
    shown = run(audit, "show", "--transaction", signed)["records"]
    events = {record["event"] for record in shown}
    assert {"signature.intended", "signature.made"} <= events
    (read,) = service.services.stores.audit_log.search(event="audit.read", limit=1)
    assert json.loads(read.body)["facts"]["filters"] == [f"transaction={signed}"]
    assert read.subject == signed
    run(audit, "show", "--subject", "nobody-there", code=1)
    run(audit, "show", code=2)


def test_evidence_is_written_once_and_checks_offline(run, signed, audit_key, tmp_path):
    file = tmp_path / "evidence.json"
    made = run(evidence, signed, "-o", file)
    assert made["records"] > 5
    run(evidence, signed, "-o", file, code=1)
    checked = run(evidence, file, "--check", "--key", audit_key)
    assert checked["intact"]
    assert checked["keys_trusted"]
    file.write_text(file.read_text().replace('"outcome\\":\\"ok', '"outcome\\":\\"no', 1))
    assert run(evidence, file, "--check", code=1)["problems"]


def test_evidence_of_nothing_is_refused(run, tmp_path):
    run(evidence, "0d1f6a52-6f6d-4a4e-9a38-1f7f5f0f1234", "-o", tmp_path / "e", code=1)
    run(evidence, tmp_path / "absent", "--check", code=2)


def test_evidence_younger_than_the_last_checkpoint_asks_to_wait(run, service, native, rui):
    made = native.signed(rui, raw(b"too young"))
    refused = run(evidence, made["id"], "-o", service.services.settings.var / "never", code=1)
    assert "not signed yet" in refused["error"]["detail"]
