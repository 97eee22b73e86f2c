"""Stops asking a part that keeps failing, and tries again after a rest."""

from datetime import datetime, timedelta

from signer.ports import Clock


class Breaker:
    """Opens after ``failures`` in a row; after ``rest`` one trial decides.

    Of one process: state that decides nothing about security.
    """

    def __init__(
        self, clock: Clock, *, failures: int = 5, rest: timedelta = timedelta(seconds=30)
    ) -> None:
        self._clock = clock
        self._failures = failures
        self._rest = rest
        self._in_a_row = 0
        self._opened_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """True while nothing should be tried."""
        return self._opened_at is not None and self._clock.now() < self._opened_at + self._rest

    @property
    def opens_again_at(self) -> datetime:
        """When the next trial may be made; now when closed."""
        now = self._clock.now()
        return now if self._opened_at is None else max(now, self._opened_at + self._rest)

    def succeeded(self) -> None:
        """Close it."""
        self._in_a_row = 0
        self._opened_at = None

    def failed(self) -> None:
        """Count; a failure after the rest opens it again at once."""
        self._in_a_row += 1
        if self._in_a_row >= self._failures:
            self._opened_at = self._clock.now()
