"""What a device or a transcript may not be: each is refused with its cause, nothing is changed."""

import _ctypes
import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Attribute

from hsm.public_keys import svd_der
from hsm.readback import encode
from hsm.transcript import audit_key_of, read, seal
from signer.domain.errors import ConfigurationError, QSCDUnavailableError
from tests.fixtures.tokens import (
    ROOT,
    Tokens,
    prepare_directory,
    run_ceremony,
    softhsm_module,
    write_description,
)


def described(tokens: Tokens, directory: Path, old: str, new: str) -> Path:
    """The session's tokens as a device whose tokens were made with its own tools."""
    for name in ("root", "pki", "sam"):
        pin = directory / f"{name}.pin"
        pin.touch(0o600)
        pin.write_text((tokens.directory / f"{name}.pin").read_text())
    text = tokens.description.read_text().replace('profile = "softhsm"', 'profile = "utimaco"')
    lines = [line for line in text.splitlines() if not line.startswith("so_pin_file")]
    description = directory / "ceremony.toml"
    description.write_text("\n".join(lines).replace(old, new))
    return description


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("", "", "token test-root has keys already: ", id="in use"),
        pytest.param(
            'label = "test-root"',
            'label = "nobody"',
            "token nobody not found.  Fix: make it with the HSM's own tools",
            id="not made",
        ),
        pytest.param('"root.pin"', '"pki.pin"', "the HSM refused the user PIN", id="wrong PIN"),
        pytest.param(
            f'module = "{softhsm_module()}"',
            f'module = "{_ctypes.__file__}"',
            "does not start",
            id="no PKCS#11 module",
        ),
    ],
)
def test_a_device_with_its_own_tools_is_refused_before_anything_is_made(
    tokens: Tokens, tmp_path: Path, old: str, new: str, said: str
):
    def state() -> dict[str, bytes]:
        files = (tokens.directory / "tokens").rglob("*.object")
        # A token notes in token.object that somebody tried to log in.
        return {str(one): one.read_bytes() for one in files if one.name != "token.object"}

    before, out = state(), tmp_path / "out.json"
    done = run_ceremony(described(tokens, tmp_path, old, new), out, tokens.softhsm_conf)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(canary in done.stderr for canary in tokens.canaries)
    assert not out.exists()
    assert state() == before


def test_a_pin_the_device_does_not_take_ends_the_ceremony(tmp_path: Path):
    conf = prepare_directory(tmp_path)
    description, _ = write_description(tmp_path, softhsm_module())
    (tmp_path / "so.pin").write_text("1")
    done = run_ceremony(description, tmp_path / "out.json", conf)
    assert done.returncode == 1
    assert "token test-root could not be made" in done.stderr
    assert not (tmp_path / "out.json").exists()


# --- transcripts ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def audit() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def sealed(body: dict[str, object], audit: ec.EllipticCurvePrivateKey) -> bytes:
    algorithm = ec.ECDSA(hashes.SHA256())
    return seal(body, svd_der(audit.public_key()), lambda m: audit.sign(m, algorithm))


def test_a_transcript_names_the_key_that_signed_it(audit):
    transcript = sealed({"format": "chancela-ceremony/1"}, audit)
    assert audit_key_of(transcript).public_numbers() == audit.public_key().public_numbers()


@pytest.mark.parametrize("form", ["chancela-ceremony/0", "", None])
def test_a_transcript_of_another_form_is_refused_though_signed(audit, form):
    with pytest.raises(ConfigurationError, match="not of the form"):
        read(sealed({"format": form}, audit), audit.public_key())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"signature": {"svd": "?"}}', b"\xff"])
def test_what_is_no_transcript_names_no_key(content: bytes):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        audit_key_of(content)


def test_a_transcript_signed_by_another_kind_of_key_is_refused():
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    der = other.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    content = json.dumps({"signature": {"svd": base64.b64encode(der).decode()}}).encode()
    with pytest.raises(ConfigurationError, match="not an EC key"):
        audit_key_of(content)


def test_attributes_are_compared_as_the_token_stores_them():
    number = (5).to_bytes(8, sys.byteorder)
    assert [encode(one) for one in (True, 5, b"id", "label", (5, 5))] == [
        b"\x01", number, b"id", b"label", number * 2,
    ]  # fmt: skip
    with pytest.raises(TypeError, match="nested"):
        encode({Attribute.SIGN: True})


# --- keys that CMD clients encrypt to -------------------------------------------------------------


def cipher_key(tokens: Tokens, **changes: str) -> "subprocess.CompletedProcess[str]":
    request = {
        "module": str(tokens.sam.module),
        "profile": "softhsm",
        "label": tokens.sam.label,
        "user_pin": tokens.sam.user_pin.reveal(),
        "action": "make",
        "number": "901",
    }
    return subprocess.run(
        [sys.executable, "-m", "hsm.ceremony.cipher_keys"],
        input=json.dumps(request | changes),
        cwd=ROOT,
        env=os.environ | {"SOFTHSM2_CONF": str(tokens.softhsm_conf)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"label": "nobody"}, "token nobody not found", id="no token"),
        pytest.param({"user_pin": "wrong-pin"}, "the HSM refused the user PIN", id="wrong PIN"),
        pytest.param({"profile": "abacus"}, "unknown HSM profile", id="profile"),
        pytest.param({"action": "destroy"}, "there is no key", id="nothing to destroy"),
    ],
)
def test_a_request_for_a_cipher_key_is_refused_by_name(tokens: Tokens, changes, said: str):
    done = cipher_key(tokens, **changes)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_cipher_key_is_made_once_and_destroyed_once(tokens: Tokens):
    assert cipher_key(tokens).returncode == 0
    try:
        again = cipher_key(tokens)
        assert "exists already" in again.stderr
        assert again.returncode == 1
    finally:
        assert cipher_key(tokens, action="destroy").returncode == 0
    assert "there is no key" in cipher_key(tokens, action="destroy").stderr


def test_a_change_the_device_refuses_is_no_change(sam_token):
    token = sam_token.token
    with pytest.raises(QSCDUnavailableError):
        token.change(lambda session: session.raw.get_key(label="no such key"))
    sam_token.health.check()
