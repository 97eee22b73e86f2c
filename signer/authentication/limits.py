"""Limits on guessing (reliability checklist L1 to L8) as one frozen value and its decisions."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Self

from signer.domain.activation import AttemptHistory, AttemptKind

_DELAYS: Final = (
    timedelta(0),
    timedelta(0),
    timedelta(seconds=1),
    timedelta(seconds=4),
    timedelta(seconds=15),
    timedelta(seconds=60),
)
_STEPPED_UP: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much guessing is allowed; defaults are the production ones."""

    pin_failures: int = 5
    """Consecutive wrong PINs that lock it (L2)."""
    pin_failures_in_window: int = 20
    """Wrong PINs within ``window`` that demand identification anew (L2)."""
    window: timedelta = timedelta(days=30)
    code_failures: int = 10
    """Consecutive wrong codes over all transactions that lock codes (L3)."""
    code_failures_per_code: int = 3
    """Wrong tries one code survives (L3)."""
    code_lock: timedelta = timedelta(hours=24)
    client_failures_per_hour: int = 100
    """Wrong PINs and codes in an hour that slow a caller down which is no registered client, e.g.
    an address at our pages; registered clients have budgets of their own (L8).
    """
    delays: tuple[timedelta, ...] = _DELAYS
    """Wait after the n-th consecutive wrong PIN; the last one stands for all further (L2)."""
    resend_interval: timedelta = timedelta(seconds=30)
    resends_per_transaction: int = 3
    codes_per_hour: int = 10
    codes_per_day: int = 20
    stale_attempt: timedelta = timedelta(seconds=30)
    """An open attempt older than this belongs to a dead process and has failed."""
    busy_wait: timedelta = timedelta(seconds=5)
    """How long a second comparison waits for the first before it is told to come back."""

    def of_client(self, failures_per_hour: int) -> Self:
        """The same with this client's own budget."""
        return replace(self, client_failures_per_hour=failures_per_hour)

    def stepped_up(self) -> Self:
        """While guessing is spread over many people: a quarter of the budget, longer waits (L9)."""
        return replace(
            self,
            client_failures_per_hour=max(1, self.client_failures_per_hour // 4),
            delays=(self.delays[0], *(max(one, _STEPPED_UP) for one in self.delays[1:])),
        )


class Verdict(Enum):
    """What the history allows."""

    ALLOWED = auto()
    WAIT = auto()
    """Come back later; nothing is counted."""
    LOCKED = auto()
    """Compare and count nothing, answer as to a wrong secret."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, and for WAIT how many whole seconds."""

    verdict: Verdict
    retry_after: int = 0


def decide(limits: Limits, kind: AttemptKind, history: AttemptHistory, now: datetime) -> Decision:
    """Apply the limits to what happened before this attempt."""
    if history.client_failures_in_hour >= limits.client_failures_per_hour:
        return Decision(Verdict.WAIT, 60)
    if kind is AttemptKind.SERVICE_SECRET:
        # At least 128 random bits are not guessed: a lock would only let others stop a seal, and
        # its calls run side by side, so open attempts are no failures.
        return Decision(Verdict.ALLOWED)
    if kind is AttemptKind.CODE:
        return _decide_code(limits, history, now)
    if is_locked(limits, kind, history, now):
        return Decision(Verdict.LOCKED)
    return _decide_delay(limits, history, now)


def is_locked(limits: Limits, kind: AttemptKind, history: AttemptHistory, now: datetime) -> bool:
    """Tell whether the secret is locked; code locks end by themselves, PIN locks do not."""
    if kind is AttemptKind.SERVICE_SECRET:
        return False
    if kind is AttemptKind.CODE:
        last = history.last_failure_at
        recent = last is not None and now - last < limits.code_lock
        return recent and history.consecutive_failures >= limits.code_failures
    return (
        history.consecutive_failures >= limits.pin_failures
        or history.failures_in_window >= limits.pin_failures_in_window
    )


def _decide_code(limits: Limits, history: AttemptHistory, now: datetime) -> Decision:
    if is_locked(limits, AttemptKind.CODE, history, now):
        return Decision(Verdict.LOCKED)
    if history.failures_in_scope >= limits.code_failures_per_code:
        return Decision(Verdict.LOCKED)
    return Decision(Verdict.ALLOWED)


def _decide_delay(limits: Limits, history: AttemptHistory, now: datetime) -> Decision:
    if history.last_failure_at is None:
        return Decision(Verdict.ALLOWED)
    delay = limits.delays[min(history.consecutive_failures, len(limits.delays) - 1)]
    left = history.last_failure_at + delay - now
    if left > timedelta(0):
        return Decision(Verdict.WAIT, int(left.total_seconds()) + 1)
    return Decision(Verdict.ALLOWED)
