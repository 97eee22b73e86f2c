"""Every KeyVault must pass these, in software and in an HSM."""

import re

import pytest

from signer.domain.bindings import KeyScope, Stage
from signer.domain.errors import IntegrityAlarmError

SCOPE = KeyScope(Stage.CODE, "default", "credential-1")
OTHERS = [
    pytest.param(KeyScope(Stage.SAD, "default", "credential-1"), id="stage"),
    pytest.param(KeyScope(Stage.CODE, "other", "credential-1"), id="tenant"),
    pytest.param(KeyScope(Stage.CODE, "default", "credential-2"), id="credential"),
]


@pytest.fixture(params=["fake", "hsm"])
def vault(request):
    if request.param == "fake":
        return request.getfixturevalue("fake_vault")
    return request.getfixturevalue("sam_token").vault


def test_sealed_opens_with_the_same_secret_and_aad(vault):
    sealed = vault.seal(SCOPE, b"secret", b"activation value", aad=b"bound")
    assert b"activation" not in sealed
    assert vault.open(SCOPE, b"secret", sealed, aad=b"bound") == b"activation value"


def test_sealing_twice_gives_different_bytes(vault):
    first, second = (vault.seal(SCOPE, b"s", b"plain", aad=b"a") for _ in range(2))
    assert first[:12] != second[:12]
    assert first != second


@pytest.mark.parametrize(
    ("secret", "aad"),
    [pytest.param(b"wrong", b"bound", id="secret"), pytest.param(b"secret", b"other", id="aad")],
)
def test_sealed_does_not_open_with_another(vault, secret, aad):
    sealed = vault.seal(SCOPE, b"secret", b"activation value", aad=b"bound")
    with pytest.raises(IntegrityAlarmError):
        vault.open(SCOPE, secret, sealed, aad=aad)


@pytest.mark.parametrize("other", OTHERS)
def test_sealed_does_not_open_in_another_scope(vault, other):
    sealed = vault.seal(SCOPE, b"secret", b"activation value", aad=b"bound")
    with pytest.raises(IntegrityAlarmError):
        vault.open(other, b"secret", sealed, aad=b"bound")


def test_a_changed_byte_does_not_open(vault):
    sealed = bytearray(vault.seal(SCOPE, b"secret", b"activation value", aad=b"bound"))
    sealed[-1] ^= 1
    with pytest.raises(IntegrityAlarmError):
        vault.open(SCOPE, b"secret", bytes(sealed), aad=b"bound")


@pytest.mark.parametrize("length", [0, 12, 27])
def test_a_truncated_one_does_not_open(vault, length):
    sealed = vault.seal(SCOPE, b"secret", b"activation value", aad=b"bound")
    with pytest.raises(IntegrityAlarmError):
        vault.open(SCOPE, b"secret", sealed[:length], aad=b"bound")


def test_a_key_check_value_is_stable_and_16_bytes(vault):
    value = vault.key_check_value(SCOPE, b"secret")
    assert len(value) == 16
    assert vault.key_check_value(SCOPE, b"secret") == value


@pytest.mark.parametrize("other", OTHERS)
def test_a_key_check_value_depends_on_scope_and_secret(vault, other):
    value = vault.key_check_value(SCOPE, b"secret")
    assert vault.key_check_value(SCOPE, b"other") != value
    assert vault.key_check_value(other, b"secret") != value


def test_a_protected_field_opens_for_its_purpose_and_aad_only(vault):
    protected = vault.protect("outbox", b"words", aad=b"row-1")
    assert vault.expose("outbox", protected, aad=b"row-1") == b"words"
    for purpose, aad in (("totp", b"row-1"), ("outbox", b"row-2"), ("outbox", b"")):
        with pytest.raises(IntegrityAlarmError):
            vault.expose(purpose, protected, aad=aad)


def test_a_pseudonym_is_keyed_stable_and_of_its_purpose(vault):
    value = vault.pseudonym("phone", "+351912345678")
    assert re.fullmatch(r"[0-9a-f]{32}", value)
    assert vault.pseudonym("phone", "+351912345678") == value
    assert vault.pseudonym("log", "+351912345678") != value
    assert vault.pseudonym("phone", "+351912345679") != value


def test_the_master_key_id_does_not_change(vault):
    assert vault.master_key_id
    assert vault.master_key_id == vault.master_key_id
