"""How often a client or an address may call, over the ``limits`` package.

These limits protect the service's capacity only, so memory of one process is enough for them;
limits on guessing PINs and codes are rows in the database.
"""

import ipaddress
import time
from math import ceil
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from signer.domain.client import Client
from signer.domain.errors import RateLimitedError

IPV6_PREFIX: Final = 64
"""What one subscriber usually has."""


class RateLimits:
    """Moving windows of one minute per client and per address.

    ``storage_url`` is ``memory://`` (each process counts alone) or ``redis://…`` (they count
    together; needs the redis package).
    """

    def __init__(self, *, per_address: int, storage_url: str = "memory://") -> None:
        self._limiter = MovingWindowRateLimiter(storage_from_string(storage_url))
        self._per_address = RateLimitItemPerMinute(per_address)

    def check_address(self, address: str) -> None:
        """Count a request, before anything is known of the caller; raises RateLimitedError.

        IPv6 addresses of one /64 count together; IPv4 in IPv6 counts as IPv4.
        """
        self._hit(self._per_address, "address", _network(address))

    def check_client(self, client: Client) -> None:
        """Count a request of an authenticated client; raises RateLimitedError."""
        limit = RateLimitItemPerMinute(client.limits.requests_per_minute)
        self._hit(limit, "client", client.id)

    def _hit(self, limit: RateLimitItem, kind: str, whose: str) -> None:
        if self._limiter.hit(limit, kind, whose):
            return
        reset_at = self._limiter.get_window_stats(limit, kind, whose).reset_time
        # The package counts in the system's wall clock, so the wait is measured with it too.
        left = reset_at - time.time()  # noqa: TID251 - the clock the package itself uses
        raise RateLimitedError(retry_after=max(1, ceil(left)))


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
