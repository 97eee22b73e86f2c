"""``chancela ceremony``: from a description to an installation that doctor finds sound."""

import hashlib

from tests.fixtures.installations import Installation
from tests.fixtures.tokens import prepare_directory, softhsm_module, write_description


def prepared(var) -> Installation:
    """Tokens are still to be made; their description and PINs exist."""
    (var / "hsm").mkdir(parents=True)
    prepare_directory(var / "hsm")
    write_description(var / "hsm", softhsm_module())
    for pin in (var / "hsm").glob("*.pin"):
        pin.chmod(0o600)
    names = ("root", "pki", "sam")
    labels = {f"CHANCELA_HSM_{name.upper()}_LABEL": f"test-{name}" for name in names}
    return Installation(var=var, extra=labels)


def test_a_ceremony_makes_an_installation_once(tmp_path):
    installation = prepared(tmp_path / "var")
    hsm = installation.var / "hsm"
    arguments = ("ceremony", str(hsm / "ceremony.toml"), "--transcript")
    made = installation.ask(*arguments, str(hsm / "transcript.json"))
    assert len(made["fingerprints"]) == 7
    for role, fingerprint in made["fingerprints"].items():
        der = (installation.var / "pki" / f"{role}.der").read_bytes()
        assert fingerprint == hashlib.sha256(der).digest().hex(":").upper()
    assert installation.ask("doctor")["ok"]
    again = installation.ask(*arguments, str(hsm / "transcript.json"), code=1)
    assert "once" in again["error"]["detail"]
    refused = installation.ask(*arguments, str(hsm / "second.json"), code=3)
    assert refused["ok"] is False
    assert not (hsm / "second.json").exists()


def test_keys_only_makes_neither_certificates_nor_tables(tmp_path):
    installation = prepared(tmp_path / "var")
    hsm = installation.var / "hsm"
    transcript = hsm / "transcript.json"
    installation.run(
        "ceremony", str(hsm / "ceremony.toml"), "--transcript", str(transcript), "--keys-only"
    )
    assert transcript.is_file()
    assert not (installation.var / "pki").exists()
    assert not (installation.var / "chancela.db").exists()
