"""Opens our tokens: from a configuration to what the composition root injects."""

from dataclasses import dataclass, field
from pathlib import Path

from hsm.agreement import PKCS11KeyAgreement
from hsm.breaker import REINITIALISE_INTERVAL_SECONDS
from hsm.cipher_keys import PKCS11CipherKeys
from hsm.fields import PKCS11FieldDecryptor
from hsm.health import (
    TokenHealth,
    probe_token_key,
    probe_wrapped_key,
    sign_verify,
    unwrap_sign_verify,
)
from hsm.keys import TokenName
from hsm.loader import Module, module_for
from hsm.private_keys import HSMECPrivateKey
from hsm.profile import profile_named
from hsm.qscd import PKCS11QSCD
from hsm.service_keys import ServiceKey, ServiceKeys
from hsm.token import Token
from hsm.vault import PKCS11KeyVault
from signer.domain.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenConfig:
    """Where a token is and how to log in."""

    module: Path
    """The PKCS#11 shared library."""
    label: str
    """The token's label; slot numbers change."""
    user_pin: Secret
    lock_path: Path
    """A file that all processes using this module on this host lock while they start."""
    profile: str = "softhsm"
    """A name of :data:`hsm.profile.PROFILES`."""
    softhsm_conf: Path | None = None
    """SoftHSM only: put into SOFTHSM2_CONF, unless it is there already."""
    reinitialise_interval_seconds: float = REINITIALISE_INTERVAL_SECONDS
    """At most one re-initialisation after failures per this time; the demo has it smaller."""


@dataclass(frozen=True, slots=True)
class SAMToken:
    """Everything token ``sam`` does."""

    vault: PKCS11KeyVault
    qscd: PKCS11QSCD
    fields: PKCS11FieldDecryptor
    agreement: PKCS11KeyAgreement
    ciphers: PKCS11CipherKeys
    health: TokenHealth
    audit_key: HSMECPrivateKey
    token: Token = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """Everything token ``pki`` or ``root`` does."""

    keys: ServiceKeys
    health: TokenHealth
    token: Token = field(repr=False)


def open_sam(config: TokenConfig) -> SAMToken:
    """Token ``sam``; the HSM is first asked when it is first used.

    Raises ConfigurationError for an unknown profile.
    """
    token = Token(
        _module(config),
        config.label,
        config.user_pin,
        profile_named(config.profile),
        probe_wrapped_key,
    )
    vault = PKCS11KeyVault(token)
    return SAMToken(
        vault=vault,
        qscd=PKCS11QSCD(token, vault),
        fields=PKCS11FieldDecryptor(token),
        agreement=PKCS11KeyAgreement(token),
        ciphers=PKCS11CipherKeys(token),
        health=TokenHealth(token, unwrap_sign_verify),
        audit_key=ServiceKeys(token, (ServiceKey.AUDIT,)).ec(ServiceKey.AUDIT),
        token=token,
    )


def open_pki(config: TokenConfig) -> ServiceToken:
    """Token ``pki``: issuing CA, OCSP, TSA, attribute authority, trusted list, ID token."""
    return _open_service_token(config, TokenName.PKI)


def open_root(config: TokenConfig) -> ServiceToken:
    """Token ``root``, for ceremonies only: no server process logs in to it."""
    return _open_service_token(config, TokenName.ROOT)


def _open_service_token(config: TokenConfig, name: TokenName) -> ServiceToken:
    token = Token(
        _module(config),
        config.label,
        config.user_pin,
        profile_named(config.profile),
        probe_token_key,
    )
    names = tuple(key for key in ServiceKey if key.spec.token is name)
    return ServiceToken(ServiceKeys(token, names), TokenHealth(token, sign_verify), token)


def _module(config: TokenConfig) -> Module:
    return module_for(
        config.module,
        config.lock_path,
        softhsm_conf=config.softhsm_conf,
        interval_seconds=config.reinitialise_interval_seconds,
    )
