"""Makes one-time codes and checks them by the key check value of their slot."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Final, final

from signer.authentication.attempts import Attempts, OpenAttempt
from signer.domain.activation import AttemptKind, Slot
from signer.domain.bindings import KeyScope, Stage
from signer.domain.errors import IncorrectCodeError
from signer.domain.values import ClientId, Secret, length_prefixed
from signer.ports import KeyVault

CODE_DIGITS: Final = 6
_MINT: Final = object()


def new_code() -> Secret:
    """Six decimal digits, uniformly random; leading zeros count."""
    return Secret(f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}")


def new_handle() -> Secret:
    """256 random bits, base64url: held by the client only."""
    return Secret(secrets.token_urlsafe(32))


def code_secret(handle: Secret, code: Secret) -> bytes:
    """What a code slot is sealed to: handle and code, each length-prefixed."""
    return length_prefixed(handle.reveal(), code.reveal())


def slot_scope(slot: Slot) -> KeyScope:
    """The derived key a slot is sealed under."""
    return KeyScope(slot.stage, slot.context.tenant, slot.context.credential)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCode:
    """Proof that the code of this slot was right; the attempt is still open.

    It is closed by the claim that uses it, in the same transaction.
    """

    slot: Slot
    secret: bytes = field(repr=False)
    opened: OpenAttempt
    factor: str
    """``code``, ``totp`` or ``app``."""
    mint: InitVar[object]

    def __post_init__(self, mint: object) -> None:
        if mint is not _MINT:
            msg = "only CodeAuthenticator makes a VerifiedCode"
            raise TypeError(msg)


class CodeAuthenticator:
    """Checks codes; one check per process in flight, limits over all processes of a citizen."""

    def __init__(self, vault: KeyVault, attempts: Attempts) -> None:
        self._vault = vault
        self.attempts = attempts

    def verify(
        self,
        slot: Slot | None,
        handle: Secret,
        code: Secret,
        *,
        subject: str,
        client: ClientId,
        process: str,
    ) -> VerifiedCode:
        """Compare the key check value of (handle, code) with the slot's.

        ``slot`` is None for a process that cannot succeed: the work and the answer are the same.
        Raises IncorrectCodeError, BusyError, RateLimitedError, QSCDUnavailableError.
        """
        opened = self.attempts.begin(
            AttemptKind.CODE,
            subject,
            client,
            scope=slot.id if slot else process,
            process=process,
            transaction=process,
        )
        secret = code_secret(handle, code)
        scope = slot_scope(slot) if slot else KeyScope(Stage.CODE, "", process)
        with self.attempts.faults_are_ours(opened):
            value = self._vault.key_check_value(scope, secret)
        expected = slot.key_check_value if slot else secrets.token_bytes(len(value))
        if opened.locked or not hmac.compare_digest(value, expected) or slot is None:
            self.attempts.fail(opened)
            raise IncorrectCodeError
        return VerifiedCode(slot=slot, secret=secret, opened=opened, factor="code", mint=_MINT)

    def verify_totp(
        self,
        handle_slot: Slot | None,
        handle: Secret,
        accept: Callable[[], bool],
        *,
        subject: str,
        client: ClientId,
        process: str,
    ) -> VerifiedCode:
        """Check an authenticator app's code: ``accept`` spends its time step, once.

        It unlocks the handle slot.  Raises as :meth:`verify` does.
        """
        opened = self.attempts.begin(
            AttemptKind.CODE,
            subject,
            client,
            scope=handle_slot.id if handle_slot else process,
            process=process,
            transaction=process,
        )
        with self.attempts.faults_are_ours(opened):
            right = accept()
        if opened.locked or not right or handle_slot is None:
            self.attempts.fail(opened)
            raise IncorrectCodeError
        return VerifiedCode(
            slot=handle_slot,
            secret=handle.reveal().encode(),
            opened=opened,
            factor="totp",
            mint=_MINT,
        )

    def verify_device(
        self,
        handle_slot: Slot,
        handle: Secret,
        counts: Callable[[], bool],
        *,
        subject: str,
        client: ClientId,
        process: str,
    ) -> VerifiedCode | None:
        """Let a device's approval stand for the code: ``counts`` has the SAM look at it.

        It unlocks the handle slot.  None, and nothing is counted against anybody, when it does not
        count or codes of this person are locked.  Raises BusyError, RateLimitedError,
        QSCDUnavailableError.
        """
        opened = self.attempts.begin(
            AttemptKind.CODE,
            subject,
            client,
            scope=handle_slot.id,
            process=process,
            transaction=process,
        )
        with self.attempts.faults_are_ours(opened):
            right = counts()
        if opened.locked or not right:
            self.attempts.abandon(opened)
            return None
        return VerifiedCode(
            slot=handle_slot,
            secret=handle.reveal().encode(),
            opened=opened,
            factor="app",
            mint=_MINT,
        )

    def repeats(self, winner: bytes, scope: KeyScope, handle: Secret, code: Secret) -> bool:
        """Tell whether this is the code that won already (its key check value was kept)."""
        value = self._vault.key_check_value(scope, code_secret(handle, code))
        return hmac.compare_digest(value, winner)
