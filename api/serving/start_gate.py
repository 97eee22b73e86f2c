"""A worker that starts while token or database are away answers 503 until they are back.

Ending instead would make gunicorn stop all its workers.
"""

import os
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import structlog

from signer.domain.errors import SigningServiceError, UnavailableError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LOG = structlog.get_logger(__name__)
_AGAIN_SECONDS: Final = 2.0
_WORKER_BOOT_ERROR: Final = 3
"""gunicorn stops when a worker ends with this status."""
_ALIVE: Final = "/livez"
_BODY: Final = b'{"code":"unavailable","status":503,"title":"The service is not available now"}\n'


class StartGate:
    """Lets requests in only after ``begin`` has succeeded once."""

    def __init__(self, begin: Callable[[], None]) -> None:
        """``begin`` raises UnavailableError when it is to be tried again."""
        self._begin = begin
        self._begun = threading.Event()

    @property
    def is_open(self) -> bool:
        """Whether ``begin`` has succeeded."""
        return self._begun.is_set()

    def open(self) -> None:
        """Try now, and in the background later; raises what is not for later."""
        if not self._try():
            threading.Thread(target=self._keep_trying, name="start", daemon=True).start()

    def guard(self, application: "WSGIApplication") -> "WSGIApplication":
        """The application, closed until begun."""

        def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
            if self._begun.is_set() or environ.get("PATH_INFO") == _ALIVE:
                return application(environ, start)
            headers = [
                ("Content-Type", "application/problem+json"),
                ("Content-Length", str(len(_BODY))),
                ("Retry-After", "5"),
            ]
            start("503 Service Unavailable", headers)
            return [_BODY]

        return answer

    def _try(self) -> bool:
        try:
            self._begin()
        except UnavailableError as error:
            _LOG.warning("not started yet", error_code=error.code)
            return False
        self._begun.set()
        return True

    def _keep_trying(self) -> None:
        try:
            while not self._try():
                threading.Event().wait(_AGAIN_SECONDS)
        except SigningServiceError as error:
            _LOG.critical("start refused", reason=error.detail)
            os._exit(_WORKER_BOOT_ERROR)
