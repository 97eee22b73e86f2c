"""One careful HTTP client for calls to programs of others: no redirect, no proxy, bounded.

Built on ``httpcore2`` (the transport of httpx2) because its network backend is where an address
can be checked at the very moment of connecting, and where one deadline can cover a whole exchange;
time-outs per read do not stop a server that sends one byte at a time.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import httpcore2

MAX_RESPONSE_BYTES: Final = 64 * 1024


class HTTPCallError(Exception):
    """The exchange did not end in an answer; the text says why, without contents."""


class AddressRefusedError(HTTPCallError):
    """The host is or resolves to an address this client may not connect to."""


@dataclass(frozen=True, slots=True)
class HTTPAnswer:
    """Status and the first bytes of the body."""

    status: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPCaller:
    """Makes one request per call on a connection of its own."""

    timeout_seconds: float = 10.0
    """For the whole exchange, name look-up excepted."""
    max_bytes: int = MAX_RESPONSE_BYTES
    public_only: bool = False
    """Connect to globally routable addresses only (guard against request forgery)."""
    plain_allowed: bool = True
    """False: https only."""
    tls: ssl.SSLContext | None = None
    """None: the system's trust store."""

    def call(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> HTTPAnswer:
        """Send and read; raises HTTPCallError, also for an answer longer than ``max_bytes``."""
        try:
            target = httpcore2.URL(url)
        except (ValueError, TypeError, UnicodeError) as error:
            raise HTTPCallError("not a URL") from error
        schemes = {b"https", b"http"} if self.plain_allowed else {b"https"}
        if target.scheme not in schemes or not target.host:
            raise AddressRefusedError("scheme not allowed")
        sent: dict[bytes | str, bytes | str] = {"Host": _host_header(target)}
        sent.update(headers.items())
        backend = _Backend(time.monotonic() + self.timeout_seconds, public_only=self.public_only)
        context = self.tls or ssl.create_default_context()
        try:
            with (
                httpcore2.ConnectionPool(ssl_context=context, network_backend=backend) as pool,
                pool.stream(
                    method,
                    target,
                    headers=sent,
                    content=content,
                    extensions={"timeout": dict.fromkeys(_PHASES, self.timeout_seconds)},
                ) as response,
            ):
                return HTTPAnswer(response.status, self._body(response.iter_stream()))
        except _FAILURES as error:
            raise HTTPCallError(type(error).__name__) from error
        except (OSError, ssl.SSLError, ValueError) as error:
            raise HTTPCallError(type(error).__name__) from error

    def _body(self, chunks: Iterable[bytes]) -> bytes:
        body = b""
        for chunk in chunks:
            body += chunk
            if len(body) > self.max_bytes:
                raise HTTPCallError("the answer is too long")
        return body


_PHASES: Final = ("connect", "read", "write", "pool")
_FAILURES: Final = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    httpcore2.ConnectionNotAvailable,
)


def _host_header(target: httpcore2.URL) -> str:
    host = target.host.decode()
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if target.port is None else f"{bracketed}:{target.port}"


class _Stream(httpcore2.NetworkStream):
    """A connection whose every wait ends at the same deadline."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline, timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, _left(self._deadline, timeout))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):
    """Resolves once, checks the addresses, connects to exactly those."""

    def __init__(self, deadline: float, *, public_only: bool) -> None:
        self._deadline = deadline
        self._public_only = public_only

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise HTTPCallError("the host has no address") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if self._public_only and not all(is_public(address) for address in addresses):
            raise AddressRefusedError("the host has a private address")
        failure: Exception = HTTPCallError("the host has no address")
        for address in addresses:
            try:
                inner = super().connect_tcp(
                    address, port, _left(self._deadline, timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(inner, self._deadline)
        raise failure


def is_public(address: str) -> bool:
    """True for globally routable unicast addresses; mapped and translated IPv4 counts as IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if parsed.teredo is not None:
            return False
        if inner is not None:
            parsed = inner
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def _left(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left if timeout is None else min(left, timeout)
