"""The calls of the native API, one method each; errors come back as the classes they left as."""

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from api.client.carrying import carried, choose
from signer.domain.errors import (
    InvalidRequestError,
    RetryLaterError,
    SigningServiceError,
    UnavailableError,
)
from signer.domain.values import Secret, TransactionId

Answer = dict[str, Any]
"""A JSON object as the service wrote it."""

_LONG_POLL_SECONDS: Final = 20
_TIMEOUT_SECONDS: Final = 60.0
_OUTBOX_PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedFile:
    """One of several files: ``content`` is the file, or with ``digest_only`` its digest."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One item to sign: ``content`` is the file, or with ``digest_only`` its digest."""

    kind: str
    name: str
    content: bytes = field(default=b"", repr=False)
    level: str = "B-B"
    digest_algorithm: str = "SHA-256"
    digest_only: bool = False
    files: tuple[WantedFile, ...] = ()
    """Instead of ``content``."""
    options: Answer | None = None
    """As the API takes them."""

    def body(self) -> Answer:
        """As the API takes it."""
        member = "digest" if self.digest_only else "document"
        body: Answer = {
            "kind": self.kind,
            "name": self.name,
            "level": self.level,
            "digest_algorithm": self.digest_algorithm,
        }
        if self.files:
            body["files"] = [
                {
                    "name": one.name,
                    "media_type": one.media_type,
                    member: base64.b64encode(one.content).decode(),
                }
                for one in self.files
            ]
        else:
            body[member] = base64.b64encode(self.content).decode()
        if self.options:
            body["options"] = self.options
        return body


@dataclass(frozen=True, slots=True)
class Started:
    """A transaction that awaits its citizen."""

    id: TransactionId
    authorisation_url: str
    verification_code: str


@dataclass(frozen=True, slots=True)
class Authorising:
    """The PIN was right; ``destination`` is masked."""

    handle: Secret
    channel: str
    destination: str


class NativeClient:
    """One registered program.  Methods raise the SigningServiceError the service answered with.

    UnavailableError stands for a service that does not answer.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: Secret,
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(
            base_url=base_url,
            auth=(client_id, client_secret.reveal()),
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            transport=transport,
        )
        self._key: Mapping[str, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def start(
        self,
        phone: str,
        items: Sequence[Wanted],
        *,
        attributes: Sequence[tuple[str, str]] = (),
        key_algorithm: str | None = None,
        idempotency_key: str | None = None,
    ) -> Started:
        """Fix what is signed; ``attributes`` are (provider, role)."""
        body: Answer = {
            "citizen": {"phone": phone},
            "items": [item.body() for item in items],
            "required_attributes": [
                {"provider": provider, "role": role} for provider, role in attributes
            ],
        }
        if key_algorithm is not None:
            body["key_algorithm"] = key_algorithm
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer = self._call("POST", "/api/v1/signatures", body, headers=headers)
        return Started(
            TransactionId(answer["id"]), answer["authorisation_url"], answer["verification_code"]
        )

    def look(self, transaction: TransactionId, *, wait_seconds: int = 0) -> Answer:
        """The transaction; ``wait_seconds`` holds the answer until its state changes."""
        return self._call("GET", f"/api/v1/signatures/{transaction}?wait={wait_seconds}")

    def states(self, transaction: TransactionId) -> Iterator[Answer]:
        """Each new state until the end, by long polling."""
        last = ""
        while True:
            answer = self.look(transaction, wait_seconds=_LONG_POLL_SECONDS if last else 0)
            if answer["state"] != last:
                last = answer["state"]
                yield answer
            if last not in {"created", "asked", "claimed", "completing"}:
                return

    def enter_pin(self, transaction: TransactionId, pin: Secret) -> Authorising:
        """Carry the PIN (policy ``may_carry_pin``)."""
        path = f"/api/v1/signatures/{transaction}/pin"
        answer = self._call("POST", path, {"pin": self._carried("pin", pin, transaction)})
        return _authorising(answer)

    def enter_code(
        self, transaction: TransactionId, handle: Secret, code: Secret
    ) -> tuple[bytes, ...]:
        """Carry the code; gives the results in item order."""
        path = f"/api/v1/signatures/{transaction}/code"
        body = {
            "handle": handle.reveal(),
            "code": self._carried("code", code, transaction),
        }
        return results_of(self._call("POST", path, body))

    def resend(
        self, transaction: TransactionId, handle: Secret, *, channel: str | None = None
    ) -> Authorising:
        """Another code, perhaps over another channel; the old one is dead."""
        body = {"handle": handle.reveal()} | ({"channel": channel} if channel else {})
        return _authorising(self._call("POST", f"/api/v1/signatures/{transaction}/resend", body))

    def cancel(self, transaction: TransactionId) -> None:
        """End an open transaction."""
        self._call("DELETE", f"/api/v1/signatures/{transaction}")

    def demo_code(self, phone: str, transaction: TransactionId, *, patience: float = 30) -> Secret:
        """The newest code of a transaction from the demo's outbox; waits ``patience`` seconds.

        Raises UnavailableError when none arrives.
        """
        until = time.monotonic() + patience
        while time.monotonic() < until:
            response = self._send("GET", "/demo/outbox.json", params={"to": phone})
            if response.status_code != HTTPStatus.OK:
                break
            for message in response.json():
                if message["process"] == transaction and message["code"]:
                    return Secret(message["code"])
            time.sleep(_OUTBOX_PAUSE_SECONDS)
        raise UnavailableError(
            "no code arrived in the demo's outbox. Fix: ./chancela demo must be running"
        )

    def _carried(self, member: str, secret: Secret, transaction: TransactionId) -> str:
        if self._key is None:
            self._key = choose(self._call("GET", "/api/v1/keys")["keys"])
        return carried(member, secret, transaction, self._key)

    def _call(
        self,
        method: str,
        path: str,
        body: Answer | None = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        response = self._send(method, path, json=body, headers=headers)
        if not response.is_success:
            raise _error_of(response)
        answer: Answer = response.json() if response.content else {}
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        json: Answer | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> httpx2.Response:
        try:
            return self._http.request(method, path, json=json, headers=headers, params=params)
        except httpx2.HTTPError as error:
            raise UnavailableError(
                f"the service does not answer at {self._http.base_url}. Fix: start it, or name it "
                "with --server"
            ) from error


def results_of(answer: Answer) -> tuple[bytes, ...]:
    """The results of a signed transaction; raises UnavailableError when one is missing."""
    results = tuple(item["result"] for item in answer["items"])
    if not all(results):
        raise UnavailableError("the service gave no result")
    return tuple(base64.b64decode(result) for result in results)


def _authorising(answer: Answer) -> Authorising:
    return Authorising(Secret(answer["handle"]), answer["channel"], answer["destination"])


def _error_of(response: httpx2.Response) -> SigningServiceError:
    """The class whose code the problem details name (RFC 9457)."""
    try:
        problem = response.json()
        kind, detail = _BY_CODE.get(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        kind, detail = None, ""
    if kind is None:
        return UnavailableError(detail or f"HTTP status {response.status_code}")
    if issubclass(kind, InvalidRequestError):
        return kind(detail, field=problem.get("field"))
    if issubclass(kind, RetryLaterError):
        return kind(detail, retry_after=int(response.headers.get("Retry-After", "1")))
    return kind(detail)


def _descendants(kind: type[SigningServiceError]) -> Iterator[type[SigningServiceError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _descendants(child)


_BY_CODE: Final = {kind.code: kind for kind in _descendants(SigningServiceError)}
