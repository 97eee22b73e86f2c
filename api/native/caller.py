"""Who is calling: HTTP Basic with client id and secret, request id, rate limits."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, g, request
from werkzeug.exceptions import UnsupportedMediaType

from signer.domain.client import Client, ClientPolicy, Role
from signer.domain.errors import ClientAuthenticationError, NotPermittedError
from signer.domain.values import ClientId, Secret

CSV: Final = "text/csv"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id() -> str:
    """The caller's ``X-Request-Id`` when it is plain, else a new UUIDv4; kept for this request."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    return str(g.request_id)


@dataclass(frozen=True, slots=True)
class Callers:
    """Authenticates the calling program."""

    authenticate: Callable[[ClientId, Secret], Client]
    limit: Callable[[Client], None]
    """Raises RateLimitedError."""

    def guard(self, door: Blueprint, role: Role | None, *, takes_csv: bool = False) -> None:
        """Demand a caller in ``role`` (None: any) before anything of a request is parsed or told.

        Bodies are JSON, or text/csv where the door takes it; another type is answered with 415.
        """

        @door.before_request
        def _first() -> None:
            if role is None:
                self.known()
            else:
                self.client(role)
            fits = request.is_json or (takes_csv and request.mimetype == CSV)
            if request.content_length and not fits:
                raise UnsupportedMediaType("send application/json")

    def known(self) -> Client:
        """The caller in whatever role, looked up and counted once a request.

        Raises ClientAuthenticationError, RateLimitedError.
        """
        if "client" not in g:
            basic = request.authorization
            if basic is None or basic.type != "basic" or not basic.username:
                raise ClientAuthenticationError("send client id and secret by HTTP Basic")
            known = self.authenticate(ClientId(basic.username), Secret(basic.password or ""))
            self.limit(known)
            g.client = known
        client: Client = g.client
        return client

    def client(self, role: Role) -> Client:
        """The caller; raises as :meth:`known`, and NotPermittedError (another role)."""
        client = self.known()
        if not client.has_role(role):
            raise NotPermittedError(f"this client is not registered as {role.value}")
        return client

    def maintainer(self, provider: str) -> Client:
        """A program that may maintain this professional body's attributes.

        Raises as :meth:`known`, and NotPermittedError, the same for a body that does not exist.
        """
        client = self.known()
        if not client.may_maintain(provider):
            raise NotPermittedError("this client does not maintain that body's attributes")
        return client

    def carrier(self) -> Client:
        """A relying party that may carry PIN and code itself."""
        client = self.client(Role.RELYING_PARTY)
        if not client.may(ClientPolicy.MAY_CARRY_PIN):
            raise NotPermittedError(
                "PIN and code are typed on our page; send the citizen to authorisation_url"
            )
        return client
