"""Codes that guard no slot: phone confirmation, login, the together entry."""

import hmac
import uuid
from dataclasses import InitVar, dataclass
from datetime import timedelta
from typing import Final, Protocol, final

from signer.authentication.attempts import Attempts
from signer.authentication.code import new_code
from signer.domain.activation import AttemptKind, Challenge
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.bindings import KeyScope, Stage
from signer.domain.errors import IncorrectCodeError
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import DEFAULT_TENANT, ClientId, Secret
from signer.ports import Clock, KeyVault

_MINT: Final = object()


class ChallengeStore(Protocol):
    """One live challenge per purpose, subject and client."""

    def put(
        self, challenge: Challenge, message: OutgoingMessage | None, *, audit: AuditRecord
    ) -> None:
        """Insert, replacing the one before; the message goes out with it."""
        ...

    def live(self, purpose: str, subject: str, client: ClientId) -> Challenge | None:
        """The unexpired one."""
        ...

    def consume(self, challenge_id: str, *, audit: AuditRecord) -> bool:
        """Delete; False when another call was first."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedChallenge:
    """Proof that the code of a challenge was right, once; only this module makes one."""

    id: str
    purpose: str
    subject: str
    mint: InitVar[object]

    def __post_init__(self, mint: object) -> None:
        if mint is not _MINT:
            msg = "only ChallengeAuthenticator makes a VerifiedChallenge"
            raise TypeError(msg)


class ChallengeAuthenticator:
    """Makes challenges and spends them."""

    def __init__(
        self, vault: KeyVault, store: ChallengeStore, attempts: Attempts, clock: Clock
    ) -> None:
        self._vault = vault
        self._store = store
        self._attempts = attempts
        self._clock = clock

    def make(
        self, purpose: str, subject: str, client: ClientId, lifetime: timedelta
    ) -> tuple[Challenge, Secret]:
        """A new challenge and its code; nothing is stored yet (see :meth:`send`)."""
        now = self._clock.now()
        code = new_code()
        identifier = str(uuid.uuid4())
        scope = KeyScope(Stage.CHALLENGE, DEFAULT_TENANT, identifier)
        challenge = Challenge(
            id=identifier,
            purpose=purpose,
            subject=subject,
            client=client,
            key_check_value=self._vault.key_check_value(scope, code.reveal().encode()),
            created_at=now,
            expires_at=now + lifetime,
        )
        return challenge, code

    def send(self, challenge: Challenge, message: OutgoingMessage | None) -> None:
        """Store the challenge and its message in one transaction."""
        record = AuditRecord(
            event=AuditEvent.CODE_SENT,
            actor=challenge.client,
            subject=challenge.subject,
            facts={
                "challenge": challenge.id,
                "purpose": challenge.purpose,
                "message": message.id if message else "",
                "channel": message.channel if message else "",
            },
        )
        self._store.put(challenge, message, audit=record)

    def verify(
        self, purpose: str, subject: str, client: ClientId, code: Secret, *, keep: bool = False
    ) -> VerifiedChallenge:
        """Check the code of the live challenge and spend it (``keep`` leaves it usable).

        Raises IncorrectCodeError, BusyError, RateLimitedError, QSCDUnavailableError.
        """
        challenge = self._store.live(purpose, subject, client)
        opened = self._attempts.begin(
            AttemptKind.CODE,
            subject,
            client,
            scope=challenge.id if challenge else "none",
            process=f"{purpose}|{subject}",
        )
        scope = challenge.scope if challenge else KeyScope(Stage.CHALLENGE, "", subject)
        with self._attempts.faults_are_ours(opened):
            value = self._vault.key_check_value(scope, code.reveal().encode())
        if (
            challenge is None
            or opened.locked
            or not hmac.compare_digest(value, challenge.key_check_value)
        ):
            self._attempts.fail(opened)
            raise IncorrectCodeError
        if not self._attempts.succeed(opened):
            raise IncorrectCodeError
        verified = VerifiedChallenge(id=challenge.id, purpose=purpose, subject=subject, mint=_MINT)
        if not keep:
            self.spend(verified)
        return verified

    def spend(self, verified: VerifiedChallenge) -> None:
        """Delete the challenge; raises IncorrectCodeError when another call was first."""
        record = AuditRecord(
            event=AuditEvent.CODE_VERIFIED,
            subject=verified.subject,
            facts={"challenge": verified.id, "purpose": verified.purpose, "factor": "code"},
        )
        if not self._store.consume(verified.id, audit=record):
            raise IncorrectCodeError
