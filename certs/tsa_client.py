"""Time stamps from any RFC 3161 authority over HTTP, with others to fall back on."""

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx2

from certs.timestamp_verifier import Expected, TimestampRefusedError, TokenVerifier
from certs.tsa import request_der
from signer.domain.errors import TimestampUnavailableError
from signer.domain.values import Digest
from signer.ports import Clock, TimestampToken

_MAX_ANSWER: Final = 64 * 1024
_ANSWER_TYPE: Final = "application/timestamp-reply"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampSource:
    """One authority, and what its tokens must chain to."""

    url: str
    verifier: TokenVerifier
    policy: str = ""
    """Dotted OID asked for and demanded; empty = the authority's own."""


class HTTPTimestampAuthority:
    """The port ``TimestampAuthority`` over HTTP: sources in order, all within one time budget."""

    def __init__(
        self,
        sources: Sequence[TimestampSource],
        clock: Clock,
        *,
        budget: timedelta = timedelta(seconds=10),
    ) -> None:
        """``budget``: for all sources together; each gets an equal share of what is left."""
        self._sources = tuple(sources)
        self._clock = clock
        self._budget = budget

    def stamp(self, digest: Digest) -> TimestampToken:
        """The first acceptable token; raises TimestampUnavailableError when there is none."""
        deadline = time.monotonic() + self._budget.total_seconds()
        causes: list[Exception] = []
        for index, source in enumerate(self._sources):
            share = (deadline - time.monotonic()) / (len(self._sources) - index)
            if share <= 0:
                break
            try:
                return self._ask(source, digest, share)
            except (httpx2.HTTPError, OSError, TimestampRefusedError) as error:
                causes.append(error)
        raise TimestampUnavailableError(retry_after=5) from (
            ExceptionGroup("no time-stamping authority answered acceptably", causes)
            if causes
            else None
        )

    def _ask(self, source: TimestampSource, digest: Digest, seconds: float) -> TimestampToken:
        nonce = secrets.randbits(63) | 1
        answer = _post(source.url, request_der(digest, nonce, source.policy), seconds)
        expected = Expected(digest=digest, nonce=nonce, policy=source.policy)
        return source.verifier.verify_response(answer, expected, self._clock.now())


def _post(url: str, body: bytes, seconds: float) -> bytes:
    """POST a request; raises HTTPError or TimestampRefusedError, at the latest after ``seconds``.

    The library's time limits are per read, so a slow drip would never meet them: at the deadline
    the connection is shut down from outside.
    """
    limit = _Deadline(seconds)
    with limit.watching(), httpx2.Client(trust_env=False, follow_redirects=False) as client:
        request = client.build_request(
            "POST",
            url,
            content=body,
            headers={"Content-Type": "application/timestamp-query", "Accept": _ANSWER_TYPE},
            timeout=seconds,
            extensions={"trace": limit.trace},
        )
        response = client.send(request, stream=True)
        try:
            return _read(response)
        finally:
            response.close()


def _read(response: httpx2.Response) -> bytes:
    if response.status_code != httpx2.codes.OK:
        raise TimestampRefusedError(f"the TSA answered with HTTP {response.status_code}")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != _ANSWER_TYPE:
        raise TimestampRefusedError("the answer is of another type")
    answer = bytearray()
    for chunk in response.iter_raw():
        answer += chunk
        if len(answer) > _MAX_ANSWER:
            raise TimestampRefusedError("the answer is too long")
    return bytes(answer)


class _Deadline:
    """Shuts the connection of one request down when its time is over."""

    def __init__(self, seconds: float) -> None:
        self._socket: socket.socket | None = None
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Run the timer meanwhile."""
        self._timer.start()
        try:
            yield
        finally:
            self._timer.cancel()
            self._timer.join()

    def trace(self, event: str, details: dict[str, object]) -> None:
        """Learn the connection's socket from the library."""
        if event != "connection.connect_tcp.complete":
            return
        stream = details["return_value"]
        found = getattr(stream, "get_extra_info", lambda _: None)("socket")
        with self._lock:
            self._socket = found if isinstance(found, socket.socket) else None
            if self._over:
                self._shut()

    def _expire(self) -> None:
        with self._lock:
            self._over = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # closed in the meantime
                self._socket.shutdown(socket.SHUT_RDWR)
