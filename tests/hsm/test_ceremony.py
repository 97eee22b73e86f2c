"""The ceremony makes what the table says, proves it, and refuses everything else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute

from hsm import SAMToken
from hsm.keys import KEYS, MK_WRAP, UNWRAP_TEMPLATE, TokenName, token_key_template
from hsm.profile import PROFILES, HSMProfile, profile_named
from hsm.public_keys import svd_der
from hsm.readback import expected, refuse_deviations
from hsm.service_keys import ServiceKey
from hsm.tokens import ServiceToken
from hsm.transcript import audit_key_of, read, seal, verify_against_transcript
from signer.domain.errors import ConfigurationError
from tests.fixtures.tokens import (
    ROOT,
    Tokens,
    prepare_directory,
    run_ceremony,
    softhsm_module,
    write_description,
)

SOFTHSM = profile_named("softhsm")


def keys_in(transcript: Path) -> dict[str, dict[str, object]]:
    body = json.loads(transcript.read_text())
    return {f"{key['token']}/{key['label']}": key for key in body["keys"]}


def test_every_key_of_the_table_is_in_the_transcript(tokens: Tokens):
    assert keys_in(tokens.transcript).keys() == {f"{k.token}/{k.label}" for k in KEYS}
    assert {key.value for key in ServiceKey} <= {k.label for k in KEYS}


def test_mk_wrap_demands_nine_attributes(tokens: Tokens):
    recorded = keys_in(tokens.transcript)["sam/mk-wrap"]["attributes"]
    assert isinstance(recorded, dict)
    nested = recorded["UNWRAP_TEMPLATE"]
    assert nested == expected(token_key_template(MK_WRAP, SOFTHSM))["UNWRAP_TEMPLATE"]
    assert nested.keys() == {
        *("CLASS", "PRIVATE", "SENSITIVE", "EXTRACTABLE", "TOKEN"),
        *("SIGN", "DECRYPT", "UNWRAP", "DERIVE"),
    }
    assert {name for name, value in UNWRAP_TEMPLATE.items() if value is False} == {
        *(Attribute.EXTRACTABLE, Attribute.TOKEN),
        *(Attribute.DECRYPT, Attribute.UNWRAP, Attribute.DERIVE),
    }


@pytest.mark.parametrize("spec", KEYS, ids=lambda spec: f"{spec.token}/{spec.label}")
def test_no_key_can_be_read_changed_or_used_otherwise(tokens: Tokens, spec):
    recorded = keys_in(tokens.transcript)[f"{spec.token}/{spec.label}"]["attributes"]
    assert isinstance(recorded, dict)
    assert recorded["SENSITIVE"] == recorded["PRIVATE"] == "01"
    assert recorded["EXTRACTABLE"] == recorded["MODIFIABLE"] == recorded["COPYABLE"] == "00"
    assert len(bytes.fromhex(str(recorded["ALLOWED_MECHANISMS"]))) == 8
    uses = ("SIGN", "DECRYPT", "UNWRAP", "DERIVE")
    assert sum(recorded[use] == "01" for use in uses) == 1


def test_the_master_keys_share_their_id(tokens: Tokens, sam_token: SAMToken):
    keys = keys_in(tokens.transcript)
    ids = {keys[f"sam/{label}"]["id"] for label in ("mk-derive", "mk-wrap", "mk-field")}
    assert ids == {sam_token.vault.master_key_id}


def test_every_attack_failed_and_every_control_worked(tokens: Tokens):
    attacks = json.loads(tokens.transcript.read_text())["attacks"]
    assert len(attacks) == 19
    assert not any(attack["succeeded"] for attack in attacks)
    assert all(attack["control_succeeded"] for attack in attacks)


def test_the_transcript_is_signed_by_the_audit_key(tokens: Tokens, sam_token: SAMToken):
    transcript = tokens.transcript.read_bytes()
    assert read(transcript, sam_token.audit_key.public_key())["profile"] == "softhsm"
    assert audit_key_of(transcript) == sam_token.audit_key.public_key()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"profile_tested": true', '"profile_tested": false', id="value"),
        pytest.param('"SENSITIVE": "01"', '"SENSITIVE": "00"', id="attribute"),
        pytest.param('"label": "mk-wrap"', '"label": "mk-wrop"', id="label"),
        pytest.param('"succeeded": false', '"succeeded": true', id="attack"),
        pytest.param('"value": "M', '"value": "N', id="signature"),
        pytest.param("{", "[", id="no JSON"),
    ],
)
def test_a_changed_transcript_is_found(tokens: Tokens, sam_token: SAMToken, old: str, new: str):
    text = tokens.transcript.read_text()
    assert old in text
    changed = text.replace(old, new, 1).encode()
    with pytest.raises(ConfigurationError, match="transcript"):
        read(changed, sam_token.audit_key.public_key())


def test_tokens_agree_with_their_transcript(
    tokens: Tokens, sam_token: SAMToken, pki_token: ServiceToken
):
    path, audit = tokens.transcript, sam_token.audit_key
    verify_against_transcript(path, sam_token.token, TokenName.SAM, audit)
    verify_against_transcript(path, pki_token.token, TokenName.PKI, audit)


def _other_id(key: dict[str, object]) -> None:
    key["id"] = "00" * 8


def _other_public_key(key: dict[str, object]) -> None:
    key["svd"] = ""


def _other_attribute(key: dict[str, object]) -> None:
    key["attributes"] = {**key["attributes"], "DERIVE": "01"}


def _other_label(key: dict[str, object]) -> None:
    key["label"] = "tsb"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(_other_id, "key tsa is not the one", id="id"),
        pytest.param(_other_public_key, "key tsa is not the one", id="public key"),
        pytest.param(_other_attribute, "key tsa deviates in DERIVE", id="attribute"),
        pytest.param(_other_label, "differ in", id="missing"),
    ],
)
def test_a_token_that_is_not_the_one_of_its_transcript_is_refused(
    tokens: Tokens, sam_token: SAMToken, pki_token: ServiceToken, tmp_path: Path, change, said
):
    audit = sam_token.audit_key
    body = read(tokens.transcript.read_bytes(), audit.public_key())
    (tsa,) = [key for key in body["keys"] if key["label"] == "tsa"]
    change(tsa)
    changed = tmp_path / "transcript.json"
    sealed = seal(
        body, svd_der(audit.public_key()), lambda m: audit.sign(m, ec.ECDSA(hashes.SHA256()))
    )
    changed.write_bytes(sealed)
    with pytest.raises(ConfigurationError, match=said):
        verify_against_transcript(changed, pki_token.token, TokenName.PKI, audit)


def test_a_second_run_refuses_and_changes_nothing(tokens: Tokens, tmp_path: Path):
    def state() -> dict[str, bytes]:
        files = (tokens.directory / "tokens").rglob("*.object")
        return {str(file): file.read_bytes() for file in files}

    before, out = state(), tmp_path / "second.json"
    done = run_ceremony(tokens.description, out, tokens.softhsm_conf)
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert not out.exists()
    assert state() == before


def test_an_existing_transcript_is_not_overwritten(tokens: Tokens):
    before = tokens.transcript.read_bytes()
    done = run_ceremony(tokens.description, tokens.transcript, tokens.softhsm_conf)
    assert done.returncode == 1
    assert tokens.transcript.read_bytes() == before


def test_no_pin_is_in_the_transcript_or_the_tokens_files(tokens: Tokens):
    files = [tokens.transcript, *(tokens.directory / "tokens").rglob("*")]
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    assert not any(canary.encode() in content for canary in tokens.canaries)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param('profile = "softhsm"', 'profile = "abacus"', "known:", id="profile"),
        pytest.param("[tokens.pki]", "[tokens.pky]", "tokens.pki", id="token"),
        pytest.param('label = "test-pki"', 'label = "test-sam"', "differ", id="same labels"),
        pytest.param('label = "test-pki"', "label = 7", "label", id="type"),
        pytest.param("so_pin_file", "so_pin_fill", "so_pin_fill", id="unknown setting"),
        pytest.param("module =", "modul =", "modul", id="unknown top setting"),
        pytest.param("libsofthsm2.so", "nothing.so", "not found", id="module"),
        pytest.param("sam.pin", "gone.pin", "gone.pin", id="PIN file"),
        pytest.param("[tokens.pki]", "[tokens.pki", "ceremony.toml", id="TOML"),
    ],
)
def test_a_wrong_description_is_refused_by_name(tmp_path: Path, old: str, new: str, said: str):
    conf = prepare_directory(tmp_path)
    description, _ = write_description(tmp_path, softhsm_module())
    description.write_text(description.read_text().replace(old, new))
    done = run_ceremony(description, tmp_path / "out.json", conf)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "tokens").iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "content", "said"),
    [
        pytest.param(0o640, None, "chmod 600", id="group"),
        pytest.param(0o604, None, "chmod 600", id="others"),
        pytest.param(0o600, "\n", "empty", id="empty"),
    ],
)
def test_a_careless_pin_file_is_refused(tmp_path: Path, mode: int, content, said: str):
    conf = prepare_directory(tmp_path)
    description, pins = write_description(tmp_path, softhsm_module())
    pin_file = tmp_path / "sam.pin"
    if content is not None:
        pin_file.write_text(content)
    pin_file.chmod(mode)
    done = run_ceremony(description, tmp_path / "out.json", conf)
    assert done.returncode == 1
    assert said in done.stderr
    assert not any(pin.reveal() in done.stderr for pin in pins.values())


def test_a_deviating_token_ends_the_ceremony(tmp_path: Path):
    """A device that makes keys otherwise than asked, played by a changed template."""
    program = (
        "import sys\n"
        "import hsm.ceremony.device as device\n"
        "from pkcs11 import Attribute\n"
        "real = device.token_key_template\n"
        "def careless(spec, profile):\n"
        "    return real(spec, profile) | {Attribute.MODIFIABLE: True}\n"
        "device.token_key_template = careless\n"
        "from hsm.ceremony.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done, out = ceremony_with(program, tmp_path)
    assert done.returncode == 1
    assert "deviates in MODIFIABLE" in done.stderr
    assert not out.exists()


def test_a_bad_template_is_found_by_the_attacks(tmp_path: Path):
    """Somebody weakens the template code itself: read-back agrees, the attack does not."""
    program = (
        "import sys\n"
        "import hsm.keys as keys\n"
        "from pkcs11 import Attribute\n"
        "careless = {k: v for k, v in keys.UNWRAP_TEMPLATE.items() if k != Attribute.SENSITIVE}\n"
        "keys.UNWRAP_TEMPLATE = careless\n"
        "from hsm.ceremony.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done, out = ceremony_with(program, tmp_path)
    assert done.returncode == 1
    assert "attacks" in done.stderr
    assert not out.exists()


def ceremony_with(program: str, directory: Path):
    conf = prepare_directory(directory)
    description, _ = write_description(directory, softhsm_module())
    out = directory / "out.json"
    done = subprocess.run(
        [sys.executable, "-c", program, description, "--transcript", out],
        cwd=ROOT,
        env=os.environ | {"SOFTHSM2_CONF": str(conf)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, out


def test_deviations_name_the_attribute():
    with pytest.raises(ConfigurationError, match="mk-wrap deviates in SENSITIVE, TOKEN"):
        refuse_deviations(
            "mk-wrap", {"SENSITIVE": "01", "TOKEN": "01", "SIGN": "00"}, {"SIGN": "00"}
        )


def test_only_tested_profiles_say_so():
    assert [name for name, profile in PROFILES.items() if profile.tested] == ["softhsm"]
    assert len(PROFILES) >= 3
    assert all(isinstance(profile, HSMProfile) and profile.notes for profile in PROFILES.values())


def test_the_init_script_is_idempotent_and_private(tmp_path: Path):
    conf = prepare_directory(tmp_path / "a b")
    conf.write_text(conf.read_text() + "# mine\n")
    assert prepare_directory(tmp_path / "a b") == conf
    assert conf.read_text().endswith("# mine\n")
    assert f"directories.tokendir = {tmp_path}/a b/tokens" in conf.read_text()
    assert (tmp_path / "a b" / "tokens").stat().st_mode & 0o077 == 0
    assert conf.stat().st_mode & 0o077 == 0
