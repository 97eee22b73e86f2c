"""``/livez`` and ``/readyz``: is the process there, and can it sign now."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Blueprint, Response, jsonify

from signer.domain.errors import SigningServiceError
from signer.ports import Clock

_FRESH = timedelta(seconds=5)


@dataclass(slots=True)
class Readiness:
    """Runs each check at most every five seconds: probes must not become load."""

    checks: Mapping[str, Callable[[], None]]
    """Name to a check that raises a SigningServiceError."""
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _results: dict[str, str] = field(default_factory=dict)
    _at: datetime | None = None

    def look(self) -> dict[str, str]:
        """Name to ``ok`` or the error's code."""
        with self._lock:
            now = self.clock.now()
            if self._at is None or now - self._at >= _FRESH:
                self._results = {name: _outcome(check) for name, check in self.checks.items()}
                self._at = now
            return dict(self._results)


def _outcome(check: Callable[[], None]) -> str:
    try:
        check()
    except SigningServiceError as error:
        return error.code
    return "ok"


def blueprint(readiness: Readiness) -> Blueprint:
    """The two addresses, without authentication and without detail."""
    door = Blueprint("health", __name__)

    @door.get("/livez")
    def livez() -> Response:
        return jsonify(status="ok")

    @door.get("/readyz")
    def readyz() -> Response:
        results = readiness.look()
        ready = all(result == "ok" for result in results.values())
        response = jsonify(status="ok" if ready else "unavailable", checks=results)
        response.status_code = 200 if ready else 503
        if not ready:
            response.headers["Retry-After"] = "5"
        return response

    return door
