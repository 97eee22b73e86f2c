"""Idempotency-Key at the door: the first answer again, byte for byte."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from flask import Request, Response, make_response, request

from signer.domain.client import Client
from signer.domain.errors import InvalidRequestError, UnavailableError
from signer.domain.idempotency import Execution, IdempotentRequest, StoredAnswer
from signer.domain.values import length_prefixed
from signer.ports import KeyVault

HEADER: Final = "Idempotency-Key"
_KEPT_HEADERS: Final = ("Content-Type", "Location")


class IdempotencyStore(Protocol):
    """Where answers are kept."""

    def begin(self, request: IdempotentRequest) -> Execution | StoredAnswer:
        """The right to execute, or the answer; raises IdempotencyConflictError, BusyError."""
        ...

    def finish(
        self, request: IdempotentRequest, execution: Execution, answer: StoredAnswer
    ) -> bool:
        """Keep the answer."""
        ...

    def abandon(self, request: IdempotentRequest, execution: Execution) -> None:
        """Forget an execution that failed through a fault of ours."""
        ...


@dataclass(frozen=True, slots=True)
class Idempotent:
    """Answers are kept encrypted: the address of a signing page is a capability."""

    store: IdempotencyStore
    vault: KeyVault

    def run(self, client: Client, act: Callable[[], Response]) -> Response:
        """Run ``act`` once per key; errors of the caller are not kept, so they can be mended.

        Raises IdempotencyConflictError when the key came with another body, BusyError while the
        first request is still running.
        """
        key = request.headers.get(HEADER)
        if key is None:
            return act()
        asked = IdempotentRequest(
            client=client.id,
            key=key,
            operation=f"{request.method} {request.path}",
            body_sha256=hashlib.sha256(request.get_data()).hexdigest(),
        )
        begun = self.store.begin(asked)
        if isinstance(begun, StoredAnswer):
            return self._repeat(asked, begun)
        try:
            response = act()
            self._keep(asked, begun, response)
        except BaseException:
            self.store.abandon(asked, begun)
            raise
        return response

    def _keep(self, asked: IdempotentRequest, execution: Execution, response: Response) -> None:
        headers = tuple(
            (name, response.headers[name]) for name in _KEPT_HEADERS if name in response.headers
        )
        body = self.vault.protect("idempotency", response.get_data(), aad=_aad(asked))
        kept = self.store.finish(
            asked, execution, StoredAnswer(status=response.status_code, headers=headers, body=body)
        )
        if not kept:
            raise UnavailableError("the request took too long; repeat it")

    def _repeat(self, asked: IdempotentRequest, stored: StoredAnswer) -> Response:
        body = self.vault.expose("idempotency", stored.body, aad=_aad(asked))
        response = make_response(body, stored.status)
        for name, value in stored.headers:
            response.headers[name] = value
        response.headers["Idempotent-Replayed"] = "true"
        response.headers["Cache-Control"] = "no-store"
        return response


def refuse_idempotency_key(asked: Request) -> None:
    """Calls whose answer holds a handle or SAD keep no answers: raises InvalidRequestError."""
    if HEADER in asked.headers:
        raise InvalidRequestError(
            "this call answers with a secret and keeps no answers; leave the header out",
            field=HEADER,
        )


def _aad(asked: IdempotentRequest) -> bytes:
    return length_prefixed(asked.client, asked.key, asked.operation, asked.body_sha256)
