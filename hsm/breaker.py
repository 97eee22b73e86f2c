"""Keeps a dead HSM from being re-initialised in a storm."""

import math
import time
from collections.abc import Callable
from typing import Final

from signer.domain.errors import QSCDUnavailableError

REINITIALISE_INTERVAL_SECONDS: Final = 30.0


class Breaker:
    """At most one re-initialisation per interval; between two failed ones everything is refused.

    Not thread-safe by itself: writes happen under the loader's lock, reads are single attributes.
    """

    def __init__(
        self,
        interval_seconds: float = REINITIALISE_INTERVAL_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = interval_seconds
        self._monotonic = monotonic
        self._last_attempt = -math.inf
        self._open = False

    @property
    def is_open(self) -> bool:
        """True after a failure that re-initialisation could not mend."""
        return self._open

    def _remaining(self) -> float:
        return self._last_attempt + self._interval - self._monotonic()

    def refuse_if_early(self) -> None:
        """Raise QSCDUnavailableError, with the seconds left, while open and before the next try."""
        if self._open and (remaining := self._remaining()) > 0:
            raise QSCDUnavailableError(retry_after=math.ceil(remaining))

    def admit(self) -> None:
        """Count one re-initialisation; too soon, it opens and raises QSCDUnavailableError."""
        if (remaining := self._remaining()) > 0:
            self._open = True
            raise QSCDUnavailableError(retry_after=math.ceil(remaining))
        self._last_attempt = self._monotonic()

    def trip(self) -> None:
        """Open: the HSM could not be started."""
        self._open = True

    def close(self) -> None:
        """The HSM was started; the next operation shows whether it works."""
        self._open = False
