"""Where revocation data for B-LT and B-LTA comes from: our own services, else careful HTTP."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.crl import CRLSource
from certs.fetching import OCSP_REQUEST, FetchError, OwnAnswers
from certs.ocsp import OCSPResponder
from certs.profiles import Addresses
from certs.validation_data import OnlineValidationData
from signer.adapters.http import HTTPCaller, HTTPCallError
from signer.domain.errors import ConfigurationError
from signer.ports import Clock

_OK = 200


class HTTPFetch:
    """The port :class:`certs.fetching.Fetch` on the careful client.

    The addresses come out of certificates, so that a stranger may choose them: only globally
    routable ones are connected to, unless private ones are allowed.
    """

    def __init__(self, *, timeout_seconds: float, private_addresses: bool) -> None:
        self._timeout_seconds = timeout_seconds
        self._private_addresses = private_addresses

    def __call__(self, url: str, *, body: bytes | None, limit: int) -> bytes:
        """See the protocol."""
        caller = HTTPCaller(
            timeout_seconds=self._timeout_seconds,
            max_bytes=limit,
            public_only=not self._private_addresses,
        )
        headers = {} if body is None else {"Content-Type": OCSP_REQUEST}
        try:
            answer = caller.call("GET" if body is None else "POST", url, headers, body or b"")
        except HTTPCallError as error:
            raise FetchError(str(error)) from error
        if answer.status != _OK:
            msg = f"HTTP status {answer.status}"
            raise FetchError(msg)
        return answer.content


def own_answers(
    addresses: Addresses,
    responders: Mapping[str, OCSPResponder],
    crls: Mapping[str, CRLSource],
    ca_ders: Mapping[str, bytes],
    elsewhere: HTTPFetch,
) -> OwnAnswers:
    """Our own services answer in process, with the bytes they would send."""
    return OwnAnswers(
        posted={addresses.ocsp(name): one.respond for name, one in responders.items()},
        served={
            **{addresses.crl(name): one.current for name, one in crls.items()},
            **{addresses.ca(name): partial(bytes, der) for name, der in ca_ders.items()},
        },
        elsewhere=elsewhere,
    )


def validation_data(
    anchors: tuple[bytes, ...], answers: OwnAnswers, clock: Clock, *, budget_seconds: float
) -> OnlineValidationData:
    """The port ``ValidationDataSource`` of this installation."""
    return OnlineValidationData(anchors, answers, clock, budget=timedelta(seconds=budget_seconds))


def anchors_in(folder: Path) -> tuple[bytes, ...]:
    """Certificates (DER) of the ``*.pem`` files in a folder; ConfigurationError names a bad one."""
    found: list[bytes] = []
    for file in sorted(folder.glob("*.pem")):
        try:
            loaded = x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{file} is no certificate in PEM") from error
        found += [one.public_bytes(Encoding.DER) for one in loaded]
    return tuple(found)
