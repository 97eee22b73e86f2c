"""Registering the programs that call us, and finding out whether a caller is one of them."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.client import Client, ClientState, StoredSecret
from signer.domain.errors import (
    ClientAuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from signer.domain.values import ClientId, Secret
from signer.ports import Clock, KeyVault, RandomBytes

SECRET_BYTES: Final = 32
MAX_OVERLAP: Final = timedelta(days=30)
WEBHOOK_SECRET: Final = "client-webhook"  # noqa: S105 - a purpose name under MK_field, not a secret

_COMPARED: Final = 2
"""Secrets a client can have at once: the current one and the one it replaces."""
_NO_SECRET: Final = StoredSecret("0" * 64)
_REASON: Final = re.compile(r"[a-z0-9_-]{1,40}")


class ClientStore(Protocol):
    """Clients and their secrets; each change is one transaction with its audit record."""

    def add(self, new: Client, secret_sha256: str, *, audit: AuditRecord) -> bool:
        """False when the id is taken."""
        ...

    def find(self, client_id: ClientId) -> Client | None:
        """None when unknown."""
        ...

    def all(self) -> tuple[Client, ...]:
        """Ordered by id."""
        ...

    def credentials(self, client_id: ClientId) -> tuple[Client | None, tuple[StoredSecret, ...]]:
        """The client and its secrets, newest first."""
        ...

    def rotate(
        self,
        client_id: ClientId,
        secret_sha256: str,
        *,
        at: datetime,
        old_until: datetime,
        audit: AuditRecord,
    ) -> bool:
        """False when unknown."""
        ...

    def suspend(self, client_id: ClientId, *, at: datetime, audit: AuditRecord) -> int | None:
        """How many open transactions ended; None when unknown."""
        ...

    def resume(self, client_id: ClientId, *, audit: AuditRecord) -> bool:
        """False when unknown or not suspended."""
        ...

    def change(self, before: Client, after: Client, *, audit: AuditRecord) -> bool:
        """False when the row is no longer ``before``."""
        ...

    def refuse(self, *, audit: AuditRecord) -> None:
        """Record a refusal."""
        ...


@dataclass(frozen=True, slots=True)
class Registered:
    """A new client and its secrets, which are shown once."""

    client: Client
    secret: Secret
    webhook_secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class RegisterClient:
    """Register a program; its secret leaves here once and is kept as SHA-256."""

    store: ClientStore
    vault: KeyVault
    clock: Clock
    random_bytes: RandomBytes

    def __call__(self, new: Client, *, actor: str) -> Registered:
        """``new`` as described, but active, created now, and with a webhook secret if it has a URL.

        Raises ConflictError when the id is taken, QSCDUnavailableError when a webhook secret
        cannot be protected.
        """
        secret = new_secret(self.random_bytes)
        webhook_secret: Secret | None = None
        protected: bytes | None = None
        if new.webhook_url is not None:
            webhook_secret = new_secret(self.random_bytes)
            protected = self.vault.protect(
                WEBHOOK_SECRET, webhook_secret.reveal().encode(), aad=new.id.encode()
            )
        client = replace(
            new,
            state=ClientState.ACTIVE,
            created_at=self.clock.now(),
            webhook_secret_protected=protected,
        )
        audit = _record(AuditEvent.CLIENT_CREATED, client.id, actor, _described(client))
        if not self.store.add(client, secret.sha256(), audit=audit):
            self.store.refuse(audit=replace(audit, outcome="duplicate"))
            raise ConflictError(f"client {client.id} exists already")
        return Registered(client, secret, webhook_secret)


@dataclass(frozen=True, slots=True)
class WebhookSecretOf:
    """The HMAC secret of a client's webhook, for signing what is sent to it."""

    vault: KeyVault

    def __call__(self, client: Client) -> Secret | None:
        """None when the client has no webhook; raises QSCDUnavailableError, IntegrityAlarmError."""
        if client.webhook_secret_protected is None:
            return None
        clear = self.vault.expose(
            WEBHOOK_SECRET, client.webhook_secret_protected, aad=client.id.encode()
        )
        return Secret(clear.decode())


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """Give a client a new secret while the old one still works for a while."""

    store: ClientStore
    clock: Clock
    random_bytes: RandomBytes

    def __call__(self, client_id: ClientId, *, overlap: timedelta, actor: str) -> Secret:
        """``overlap`` from zero (a leak: the old secret stops now) to 30 days.

        Raises InvalidRequestError or NotFoundError.
        """
        if not timedelta(0) <= overlap <= MAX_OVERLAP:
            raise InvalidRequestError("between 0 and 30 days", field="overlap")
        secret = new_secret(self.random_bytes)
        now = self.clock.now()
        facts: dict[str, str | int] = {
            "changed": "secret",
            "overlap_seconds": int(overlap.total_seconds()),
        }
        audit = _record(AuditEvent.CLIENT_CHANGED, client_id, actor, facts)
        if not self.store.rotate(
            client_id, secret.sha256(), at=now, old_until=now + overlap, audit=audit
        ):
            raise NotFoundError(f"there is no client {client_id}")
        return secret


@dataclass(frozen=True, slots=True)
class SuspendClient:
    """Stop a compromised program at once: one act shuts it out and ends all it had open."""

    store: ClientStore
    clock: Clock

    def __call__(self, client_id: ClientId, *, reason: str, actor: str) -> int:
        """Give the number of transactions ended; ``reason`` is one word, e.g. ``compromised``."""
        if not _REASON.fullmatch(reason):
            raise InvalidRequestError("one word of a-z 0-9 _ -, at most 40", field="reason")
        facts = {"changed": "suspended", "reason": reason}
        audit = _record(AuditEvent.CLIENT_CHANGED, client_id, actor, facts)
        ended = self.store.suspend(client_id, at=self.clock.now(), audit=audit)
        if ended is None:
            raise NotFoundError(f"there is no client {client_id}")
        return ended


@dataclass(frozen=True, slots=True)
class ResumeClient:
    """Let a suspended program work again, with the secret it had."""

    store: ClientStore

    def __call__(self, client_id: ClientId, *, actor: str) -> None:
        """Raises NotFoundError, or ConflictError when it is not suspended."""
        audit = _record(AuditEvent.CLIENT_CHANGED, client_id, actor, {"changed": "resumed"})
        if not self.store.resume(client_id, audit=audit):
            if self.store.find(client_id) is None:
                raise NotFoundError(f"there is no client {client_id}")
            raise ConflictError(f"client {client_id} is not suspended")


@dataclass(frozen=True, slots=True)
class ChangeClient:
    """Change what a client may do; state, secrets and webhook have commands of their own."""

    store: ClientStore

    def __call__(self, before: Client, after: Client, *, actor: str) -> Client:
        """Raises ConflictError when somebody else changed the client since ``before`` was read."""
        kept = replace(
            after,
            id=before.id,
            state=before.state,
            created_at=before.created_at,
            webhook_url=before.webhook_url,
            webhook_secret_protected=before.webhook_secret_protected,
        )
        facts: dict[str, str | int] = {"changed": "rights", **_described(kept)}
        audit = _record(AuditEvent.CLIENT_CHANGED, before.id, actor, facts)
        if not self.store.change(before, kept, audit=audit):
            raise ConflictError(f"client {before.id} was changed meanwhile")
        return kept


@dataclass(frozen=True, slots=True)
class FindClients:
    """Look clients up, for operators and doors."""

    store: ClientStore

    def one(self, client_id: ClientId) -> Client:
        """Raises NotFoundError."""
        found = self.store.find(client_id)
        if found is None:
            raise NotFoundError(f"there is no client {client_id}")
        return found

    def all(self) -> tuple[Client, ...]:
        """Every client, ordered by id."""
        return self.store.all()


@dataclass(frozen=True, slots=True)
class AuthenticateClient:
    """Decide whether a caller is the client it says it is."""

    store: ClientStore
    clock: Clock

    def __call__(self, client_id: ClientId, secret: Secret) -> Client:
        """Raises ClientAuthenticationError, the same and after the same work, for every refusal.

        Always two comparisons in constant time, whatever the number of stored secrets.
        """
        client, stored = self.store.credentials(client_id)
        now = self.clock.now()
        given = secret.sha256()
        right = False
        for candidate in (*stored, _NO_SECRET, _NO_SECRET)[:_COMPARED]:
            live = candidate.expires_at is None or now < candidate.expires_at
            matches = hmac.compare_digest(candidate.sha256, given)
            right |= matches and live
        if client is not None and right and client.state is ClientState.ACTIVE:
            return client
        if client is None:
            outcome = "unknown"
        elif client.state is not ClientState.ACTIVE:
            outcome = "suspended"
        else:
            outcome = "secret"
        # An id we do not know may be anything a caller typed, a secret included.
        fingerprint = hashlib.sha256(client_id.encode()).hexdigest()[:16]
        self.store.refuse(
            audit=AuditRecord(
                event=AuditEvent.CLIENT_REFUSED,
                outcome=outcome,
                actor="" if client is None else client.id,
                subject="" if client is None else client.id,
                facts={"client_id_sha256": fingerprint},
            )
        )
        raise ClientAuthenticationError


def new_secret(random_bytes: RandomBytes) -> Secret:
    """256 random bits as 43 characters of base64url."""
    return Secret(urlsafe_b64encode(random_bytes(SECRET_BYTES)).rstrip(b"=").decode())


def _record(
    event: AuditEvent, client_id: ClientId, actor: str, facts: Mapping[str, str | int]
) -> AuditRecord:
    return AuditRecord(event=event, actor=actor, subject=client_id, facts=dict(facts))


def _described(client: Client) -> dict[str, str | int]:
    return {
        "roles": " ".join(sorted(client.roles)),
        "policies": " ".join(sorted(client.policies)),
        "purposes": " ".join(sorted(client.purposes)),
        "attributes": " ".join(sorted(client.attributes)),
        "providers": " ".join(sorted(client.providers)),
        "redirect_urls": len(client.redirect_urls),
        "failures_per_hour": client.limits.failures_per_hour,
        "requests_per_minute": client.limits.requests_per_minute,
    }
