"""Checks a citizen's PIN: Argon2id, then a key check value inside the HSM, never a stored hash."""

import hmac
import secrets
from dataclasses import InitVar, dataclass, field
from typing import Final, final

from signer.authentication.attempts import Attempts
from signer.authentication.hashing import argon2id
from signer.domain.activation import AttemptKind
from signer.domain.bindings import KeyScope, Stage
from signer.domain.errors import IncorrectPINError
from signer.domain.values import DEFAULT_TENANT, ClientId, Secret, TenantId
from signer.ports import KeyVault

_MINT: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class PINTarget:
    """What a PIN is checked against."""

    kind: AttemptKind
    subject: str
    tenant: TenantId
    guarded: str
    """Credential id for the signature PIN, signer id for the authentication PIN."""
    salt: bytes
    key_check_value: bytes = field(repr=False)

    @property
    def scope(self) -> KeyScope:
        """Which derived key decides."""
        stage = Stage.PIN if self.kind is AttemptKind.SIGNATURE_PIN else Stage.AUTHENTICATION_PIN
        return KeyScope(stage, self.tenant, self.guarded)


def nobody(kind: AttemptKind, subject: str) -> PINTarget:
    """A target that no PIN opens, for accounts that do not exist: the work is the same."""
    return PINTarget(
        kind=kind,
        subject=subject,
        tenant=DEFAULT_TENANT,
        guarded=subject,
        salt=secrets.token_bytes(16),
        key_check_value=secrets.token_bytes(16),
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPIN:
    """Proof that the PIN was right; only this module makes one."""

    kind: AttemptKind
    subject: str
    guarded: str
    key_material: bytes = field(repr=False)
    """Argon2id output, 32 bytes: opens the PIN slots of this citizen."""
    attempt: str
    mint: InitVar[object]

    def __post_init__(self, mint: object) -> None:
        if mint is not _MINT:
            msg = "only PINAuthenticator makes a VerifiedPIN"
            raise TypeError(msg)


class PINAuthenticator:
    """One wrong answer for everything: wrong, locked, closed, unknown."""

    def __init__(self, vault: KeyVault, attempts: Attempts) -> None:
        self._vault = vault
        self._attempts = attempts

    def take_time(self, target: PINTarget, pin: Secret) -> None:
        """Do the work of a check without deciding or counting anything.

        For callers that refuse before the PIN matters: the time must not say so.  Raises
        QSCDUnavailableError.
        """
        self._vault.key_check_value(target.scope, argon2id(pin, target.salt))

    def verify(
        self, target: PINTarget, pin: Secret, client: ClientId, *, transaction: str = ""
    ) -> VerifiedPIN:
        """Check ``pin``.

        Raises IncorrectPINError (counted), BusyError and RateLimitedError (not counted), and
        QSCDUnavailableError (the attempt is void).
        """
        opened = self._attempts.begin(target.kind, target.subject, client, transaction=transaction)
        with self._attempts.faults_are_ours(opened):
            material = argon2id(pin, target.salt)
            value = self._vault.key_check_value(target.scope, material)
        right = hmac.compare_digest(value, target.key_check_value)
        if opened.locked or not right:
            self._attempts.fail(opened)
            raise IncorrectPINError
        if not self._attempts.succeed(opened):
            raise IncorrectPINError
        return VerifiedPIN(
            kind=target.kind,
            subject=target.subject,
            guarded=target.guarded,
            key_material=material,
            attempt=opened.attempt.id,
            mint=_MINT,
        )
