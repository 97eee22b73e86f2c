"""How revocation data and issuers' certificates are fetched: from ourselves, else over HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

OCSP_REQUEST: Final = "application/ocsp-request"
OCSP_LIMIT: Final = 64 * 1024
CERTIFICATE_LIMIT: Final = 64 * 1024
CRL_LIMIT: Final = 8 * 1024 * 1024


class FetchError(Exception):
    """Nothing usable came from an address; never leaves this package and its wiring."""


class Fetch(Protocol):
    """One bounded exchange."""

    def __call__(self, url: str, *, body: bytes | None, limit: int) -> bytes:
        """POST ``body`` (an OCSP request), or GET when None; at most ``limit`` bytes come back.

        Raises FetchError: refused address, no answer, another status than 200, too long.
        """
        ...


def refuse_to_fetch(url: str, *, body: bytes | None, limit: int) -> bytes:
    """A :class:`Fetch` that asks nobody; always raises FetchError."""
    del body, limit
    raise FetchError(f"nothing is fetched from {host_of(url)}")


@dataclass(frozen=True, slots=True)
class OwnAnswers:
    """Answers for our own addresses without HTTP, with the bytes that HTTP would give.

    ``posted`` (OCSP) and ``served`` (CRLs, certificates) are by URL; other URLs go to
    ``elsewhere``.
    """

    posted: Mapping[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    served: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    elsewhere: Fetch = refuse_to_fetch

    def __call__(self, url: str, *, body: bytes | None, limit: int) -> bytes:
        """See :class:`Fetch`; what our own services raise (signer.domain.errors) goes through."""
        if body is not None and (respond := self.posted.get(url)) is not None:
            return respond(body)
        if body is None and (serve := self.served.get(url)) is not None:
            return serve()
        return self.elsewhere(url, body=body, limit=limit)


def host_of(url: str) -> str:
    """The host for texts and logs; a path may hold identifiers of people."""
    try:
        return urlsplit(url).hostname or "an address without host"
    except ValueError:
        return "an address that cannot be read"
