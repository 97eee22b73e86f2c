"""The vault of a real token opens with exactly the right secret, scope and data."""

import os
import re

import pytest

from hsm import SAMToken
from signer.domain.bindings import KeyScope, Stage
from signer.domain.errors import IntegrityAlarmError

SCOPE = KeyScope(Stage.CODE, "tenant", "credential")
OTHER_SCOPES = [
    pytest.param(KeyScope(Stage.PIN, "tenant", "credential"), id="stage"),
    pytest.param(KeyScope(Stage.CODE, "tenan", "tcredential"), id="boundary"),
    pytest.param(KeyScope(Stage.CODE, "other", "credential"), id="tenant"),
    pytest.param(KeyScope(Stage.CODE, "tenant", "other"), id="credential"),
]
VALUE = bytes(range(32))


def test_what_was_sealed_opens(sam_token: SAMToken):
    sealed = sam_token.vault.seal(SCOPE, b"handle|123456", VALUE, aad=b"bindings")
    assert sam_token.vault.open(SCOPE, b"handle|123456", sealed, aad=b"bindings") == VALUE
    assert len(sealed) == 12 + len(VALUE) + 16


def test_sealing_twice_never_gives_the_same_bytes(sam_token: SAMToken):
    assert len({sam_token.vault.seal(SCOPE, b"x", VALUE, aad=b"") for _ in range(5)}) == 5


@pytest.mark.parametrize("other", OTHER_SCOPES)
def test_another_scope_does_not_open(sam_token: SAMToken, other: KeyScope):
    sealed = sam_token.vault.seal(SCOPE, b"secret", VALUE, aad=b"aad")
    with pytest.raises(IntegrityAlarmError):
        sam_token.vault.open(other, b"secret", sealed, aad=b"aad")


@pytest.mark.parametrize(
    ("secret", "aad"),
    [
        pytest.param(b"secre", b"aad", id="shorter secret"),
        pytest.param(b"", b"aad", id="no secret"),
        pytest.param(b"secret", b"aae", id="other aad"),
        pytest.param(b"secret", b"", id="no aad"),
        pytest.param(b"secret", b"aad\0", id="longer aad"),
    ],
)
def test_another_secret_or_aad_does_not_open(sam_token: SAMToken, secret: bytes, aad: bytes):
    sealed = sam_token.vault.seal(SCOPE, b"secret", VALUE, aad=b"aad")
    with pytest.raises(IntegrityAlarmError):
        sam_token.vault.open(SCOPE, secret, sealed, aad=aad)


@pytest.mark.parametrize("position", [0, 11, 12, 43, 44, -1])
def test_a_changed_byte_does_not_open(sam_token: SAMToken, position: int):
    sealed = bytearray(sam_token.vault.seal(SCOPE, b"secret", VALUE, aad=b"aad"))
    sealed[position] ^= 1
    with pytest.raises(IntegrityAlarmError):
        sam_token.vault.open(SCOPE, b"secret", bytes(sealed), aad=b"aad")


@pytest.mark.parametrize("length", [0, 11, 12, 27])
def test_truncated_bytes_do_not_open(sam_token: SAMToken, length: int):
    with pytest.raises(IntegrityAlarmError):
        sam_token.vault.open(SCOPE, b"secret", bytes(length), aad=b"aad")


def test_bad_input_does_not_reinitialise_the_module(sam_token: SAMToken):
    sam_token.health.check()
    generation = sam_token.token.module.generation
    for _ in range(3):
        with pytest.raises(IntegrityAlarmError):
            sam_token.vault.open(SCOPE, b"secret", os.urandom(60), aad=b"")
    assert sam_token.token.module.generation == generation


def test_a_key_check_value_is_the_same_for_the_same_secret(sam_token: SAMToken):
    first = sam_token.vault.key_check_value(SCOPE, b"123456")
    assert first == sam_token.vault.key_check_value(SCOPE, b"123456")
    assert len(first) == 16


@pytest.mark.parametrize("other", OTHER_SCOPES)
def test_a_key_check_value_depends_on_the_scope(sam_token: SAMToken, other: KeyScope):
    vault = sam_token.vault
    assert vault.key_check_value(SCOPE, b"1") != vault.key_check_value(other, b"1")
    assert vault.key_check_value(SCOPE, b"1") != vault.key_check_value(SCOPE, b"2")


def test_a_protected_field_opens_for_its_purpose_only(sam_token: SAMToken):
    protected = sam_token.vault.protect("totp", b"seed", aad=b"account")
    assert sam_token.vault.expose("totp", protected, aad=b"account") == b"seed"
    with pytest.raises(IntegrityAlarmError):
        sam_token.vault.expose("outbox", protected, aad=b"account")
    with pytest.raises(IntegrityAlarmError):
        sam_token.vault.expose("totp", protected, aad=b"other")


def test_a_pseudonym_is_stable_and_per_purpose(sam_token: SAMToken):
    vault = sam_token.vault
    first = vault.pseudonym("phone", "+351910000001")
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first == vault.pseudonym("phone", "+351910000001")
    assert first != vault.pseudonym("phone", "+351910000002")
    assert first != vault.pseudonym("mail", "+351910000001")


def test_the_master_key_id_is_stable(sam_token: SAMToken):
    assert re.fullmatch("[0-9a-f]{16}", sam_token.vault.master_key_id)
