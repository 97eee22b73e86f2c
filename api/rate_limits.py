"""How often a client or an address may call, over the ``limits`` package.

These limits protect the service's capacity only, so memory of one process is enough for them;
limits on guessing PINs and codes are rows in the database.
"""

import ipaddress
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from math import ceil
from typing import Final, Protocol

from limits import RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from signer.domain.client import Client
from signer.domain.errors import RateLimitedError

IPV6_PREFIX: Final = 64
"""What one subscriber usually has."""
WINDOW_SECONDS: Final = 60.0
_POLLS: Final = 120
MEMORY_URL: Final = "memory://"


class _Windows(Protocol):
    """Where calls of the last minute are counted."""

    def hit(self, kind: str, whose: str, limit: int) -> float:
        """Count one; 0, or when there were ``limit`` already the seconds until one more fits."""
        ...


class MemoryWindows:
    """Moving windows of one process: what a call costs does not grow with their number.

    The package's own memory starts a thread at nearly every call, which then walks all entries.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str], deque[float]] = {}
        self._swept_at = clock()

    def hit(self, kind: str, whose: str, limit: int) -> float:
        """Count one; 0, or when there were ``limit`` already the seconds until one more fits."""
        now = self._clock()
        with self._lock:
            self._sweep(now)
            calls = self._calls.setdefault((kind, whose), deque())
            while calls and calls[0] <= now - WINDOW_SECONDS:
                calls.popleft()
            if len(calls) < limit:
                calls.append(now)
                return 0.0
            # The limit may have been lowered: one fits when the oldest surplus calls are over.
            oldest = calls[len(calls) - limit] if limit else now
            return oldest + WINDOW_SECONDS - now

    def _sweep(self, now: float) -> None:
        """Forget, once a window, who has not called for one."""
        if now - self._swept_at < WINDOW_SECONDS:
            return
        self._swept_at = now
        over = now - WINDOW_SECONDS
        self._calls = {
            key: calls for key, calls in self._calls.items() if calls and calls[-1] > over
        }


class _SharedWindows:
    """Windows that all processes share, by the package."""

    def __init__(self, storage_url: str) -> None:
        self._limiter = MovingWindowRateLimiter(storage_from_string(storage_url))

    def hit(self, kind: str, whose: str, limit: int) -> float:
        item = RateLimitItemPerMinute(limit)
        if self._limiter.hit(item, kind, whose):
            return 0.0
        reset_at = self._limiter.get_window_stats(item, kind, whose).reset_time
        # The package counts in the system's wall clock, so the wait is measured with it too.
        return reset_at - time.time()  # noqa: TID251 - the clock the package itself uses


class RateLimits:
    """Moving windows of one minute per client and per address.

    ``storage_url`` is ``memory://`` (each process counts alone) or ``redis://…`` (they count
    together; needs the redis package).
    """

    def __init__(self, *, per_address: int, storage_url: str = MEMORY_URL) -> None:
        self._windows: _Windows = (
            MemoryWindows() if storage_url == MEMORY_URL else _SharedWindows(storage_url)
        )
        self._per_address = per_address

    def check_address(self, address: str) -> None:
        """Count a request, before anything is known of the caller; raises RateLimitedError.

        IPv6 addresses of one /64 count together; IPv4 in IPv6 counts as IPv4.
        """
        self._hit("address", _network(address), self._per_address)

    def check_client(self, client: Client) -> None:
        """Count a request of an authenticated client; raises RateLimitedError."""
        self._hit("client", client.id, client.limits.requests_per_minute)

    def check_process(self, process: str) -> None:
        """Count a poll of one process, which may come every second; raises RateLimitedError."""
        self._hit("process", process, _POLLS)

    def _hit(self, kind: str, whose: str, limit: int) -> None:
        wait = self._windows.hit(kind, whose, limit)
        if wait:
            raise RateLimitedError(retry_after=max(1, ceil(wait)))


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"  # one budget for all whose address the proxy did not tell
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
    return str(parsed)
