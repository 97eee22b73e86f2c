"""Opens an attempt before anything is compared and closes it with what the comparison said."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from signer.authentication.limits import Decision, Limits, Verdict, decide, is_locked
from signer.domain.activation import Attempt, AttemptHistory, AttemptKind, AttemptState
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import BusyError, RateLimitedError
from signer.domain.values import ClientId
from signer.ports import Clock

_EVENTS = {
    AttemptKind.CODE: (AuditEvent.CODE_FAILED, AuditEvent.CODE_VERIFIED, AuditEvent.CODE_LOCKED),
}
_PIN_EVENTS = (AuditEvent.PIN_FAILED, AuditEvent.PIN_VERIFIED, AuditEvent.PIN_LOCKED)


class AttemptStore(Protocol):
    """Where attempts are rows."""

    def open(
        self, attempt: Attempt, *, stale_after: timedelta, window: timedelta, audit: AuditRecord
    ) -> AttemptHistory | None:
        """Insert an open row; None when one with the same key is in flight.

        First turns rows of that key older than ``stale_after`` into failed.
        """
        ...

    def close(
        self, attempt_id: str, state: AttemptState, now: datetime, *, audit: AuditRecord
    ) -> bool:
        """Close an open row; False when it is no longer open (it went stale)."""
        ...


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt that counts until it is closed."""

    attempt: Attempt
    locked: bool
    """Compare for the sake of equal work, then answer as to a wrong secret."""
    history: AttemptHistory
    transaction: str


class Attempts:
    """The order is fixed: open row, compare outside any transaction, close row."""

    def __init__(
        self,
        store: AttemptStore,
        clock: Clock,
        limits: Limits,
        *,
        on_lock: Callable[[str, AttemptKind], None] = lambda _subject, _kind: None,
        budget_of: Callable[[ClientId], int | None] = lambda _client: None,
        sprayed: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``budget_of``: wrong attempts an hour a registered client may bring, None for others.

        ``sprayed``: whether guessing over many people is going on.
        """
        self._store = store
        self._clock = clock
        self.limits = limits
        self._on_lock = on_lock
        self._budget_of = budget_of
        self._sprayed = sprayed
        self._sleep = sleep

    def begin(
        self,
        kind: AttemptKind,
        subject: str,
        client: ClientId,
        *,
        scope: str = "",
        process: str = "",
        transaction: str = "",
    ) -> OpenAttempt:
        """Open an attempt.

        Raises BusyError when another one stays in flight for ``limits.busy_wait``, and
        RateLimitedError when a delay is not over: neither counts.
        """
        key = f"{kind}|{process or subject}"
        attempt, history = self._open(kind, subject, client, scope, key, transaction)
        decision = decide(self._limits_for(client, history), kind, history, self._clock.now())
        opened = OpenAttempt(attempt, decision.verdict is Verdict.LOCKED, history, transaction)
        if decision.verdict is Verdict.WAIT:
            self._void(opened, decision)
        return opened

    def succeed(self, opened: OpenAttempt) -> bool:
        """Close as right; False when the row went stale meanwhile (then it counts as failed)."""
        return self._close(opened, AttemptState.OK, 1)

    def fail(self, opened: OpenAttempt) -> None:
        """Close as wrong (or, when locked, uncounted); tells the owner when this locks it."""
        if opened.locked:
            self._close(opened, AttemptState.VOID, 2, outcome="locked")
            return
        self._close(opened, AttemptState.FAILED, 0, outcome="wrong")
        if self._locks_now(opened):
            self._on_lock(opened.attempt.subject, opened.attempt.kind)

    def abandon(self, opened: OpenAttempt) -> None:
        """Close uncounted: the fault is ours."""
        self._close(opened, AttemptState.VOID, 0, outcome="fault")

    @contextmanager
    def faults_are_ours(self, opened: OpenAttempt) -> Iterator[None]:
        """Void the attempt when the block raises, whatever it raises."""
        try:
            yield
        except BaseException:
            self.abandon(opened)
            raise

    def _limits_for(self, client: ClientId, history: AttemptHistory) -> Limits:
        limits = self.limits
        if history.client_failures_in_hour:  # without one no budget is used up: nothing to look up
            budget = self._budget_of(client)
            limits = limits if budget is None else limits.of_client(budget)
        return limits.stepped_up() if self._sprayed() else limits

    def _open(
        self,
        kind: AttemptKind,
        subject: str,
        client: ClientId,
        scope: str,
        key: str,
        transaction: str,
    ) -> tuple[Attempt, AttemptHistory]:
        deadline = self._clock.now() + self.limits.busy_wait
        pause = 0.01
        while True:
            attempt = Attempt(
                id=str(uuid.uuid4()),
                kind=kind,
                subject=subject,
                scope=scope,
                in_flight_key=key,
                client=client,
                opened_at=self._clock.now(),
            )
            event = (
                AuditEvent.CODE_ATTEMPTED if kind is AttemptKind.CODE else AuditEvent.PIN_ATTEMPTED
            )
            record = AuditRecord(
                event=event,
                actor=client,
                subject=subject,
                transaction=transaction,
                facts={"attempt": attempt.id, "kind": kind.value},
            )
            history = self._store.open(
                attempt,
                stale_after=self.limits.stale_attempt,
                window=self.limits.window,
                audit=record,
            )
            if history is not None:
                return attempt, history
            if self._clock.now() >= deadline:
                raise BusyError(retry_after=1)
            self._sleep(pause)
            pause = min(pause * 1.5, 0.1)

    def _void(self, opened: OpenAttempt, decision: Decision) -> None:
        self._close(opened, AttemptState.VOID, 0, outcome="delayed")
        raise RateLimitedError(
            "too many wrong attempts; wait before the next", retry_after=decision.retry_after
        )

    def _close(
        self, opened: OpenAttempt, state: AttemptState, event: int, *, outcome: str = "ok"
    ) -> bool:
        events = _EVENTS.get(opened.attempt.kind, _PIN_EVENTS)
        record = AuditRecord(
            event=events[event],
            outcome=outcome,
            actor=opened.attempt.client,
            subject=opened.attempt.subject,
            transaction=opened.transaction,
            facts={
                "attempt": opened.attempt.id,
                "kind": opened.attempt.kind.value,
                # Apps and passkeys never end here: the claim of their slot records them.
                **({"factor": "code"} if opened.attempt.kind is AttemptKind.CODE else {}),
            },
        )
        return self._store.close(opened.attempt.id, state, self._clock.now(), audit=record)

    def _locks_now(self, opened: OpenAttempt) -> bool:
        before = opened.history
        after = AttemptHistory(
            consecutive_failures=before.consecutive_failures + 1,
            last_failure_at=self._clock.now(),
            failures_in_window=before.failures_in_window + 1,
            failures_in_scope=before.failures_in_scope + 1,
            client_failures_in_hour=before.client_failures_in_hour + 1,
        )
        return is_locked(self.limits, opened.attempt.kind, after, self._clock.now())
