"""Health is an answer of the token itself: unwrap, sign, verify."""

import pytest

import hsm.health
from hsm import SAMToken, ServiceToken
from hsm.health import TokenHealth, probe_token_key, probe_wrapped_key, unwrap_sign_verify
from signer.domain.errors import QSCDUnavailableError


def test_both_kinds_of_token_are_healthy(sam_token: SAMToken, pki_token: ServiceToken):
    probe_wrapped_key(sam_token.token)
    probe_token_key(pki_token.token)
    assert sam_token.health.is_healthy()
    assert pki_token.health.is_healthy()


def test_a_signature_that_does_not_verify_is_not_healthy(
    sam_token: SAMToken, monkeypatch: pytest.MonkeyPatch
):
    real = hsm.health.ecdsa_der
    monkeypatch.setattr(hsm.health, "ecdsa_der", lambda value: real(value[::-1]))
    health = TokenHealth(sam_token.token, unwrap_sign_verify)
    assert not health.is_healthy()
    with pytest.raises(QSCDUnavailableError):
        health.check()
    with pytest.raises(QSCDUnavailableError):
        probe_wrapped_key(sam_token.token)


def test_a_token_without_its_test_key_is_not_healthy(pki_token: ServiceToken):
    health = TokenHealth(pki_token.token, unwrap_sign_verify)
    with pytest.raises(QSCDUnavailableError):
        health.check()
