"""Prometheus figures: requests by endpoint and status, and how long they took."""

import time
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

_REQUESTS = Counter("chancela_requests_total", "Requests answered", ["endpoint", "status"])
_SECONDS = Histogram(
    "chancela_request_seconds",
    "Time to answer",
    ["endpoint"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.6, 1.5, 5, 15),
)
_SPRAY = Gauge(
    "chancela_spray_alarm",
    "1 while too large a share of all PINs and codes is wrong",
    multiprocess_mode="livemax",
)


def show_spray_alarm(raised: bool) -> None:  # noqa: FBT001 - the one thing it shows
    """Show whether guessing over many people is going on."""
    _SPRAY.set(int(raised))


@dataclass(frozen=True, slots=True)
class Timer:
    """When a request began, on the clock that only goes forward."""

    began: float


class Metrics:
    """Endpoints are route names, never addresses: no identifiers, no secrets."""

    def timer(self) -> Timer:
        """Start."""
        return Timer(time.perf_counter())

    def observe(self, endpoint: str, status: int, timer: Timer | None) -> None:
        """Count one answer."""
        _REQUESTS.labels(endpoint, str(status)).inc()
        if timer is not None:
            _SECONDS.labels(endpoint).observe(time.perf_counter() - timer.began)
