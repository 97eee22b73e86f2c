"""API clients in the relational store."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import AnyRow, Prepared
from signer.adapters.store.tables.clients import client, client_secret
from signer.adapters.store.upsert import insert_for
from signer.domain.audit import AuditRecord
from signer.domain.client import (
    Client,
    ClientLimits,
    ClientPolicy,
    ClientState,
    Role,
    StoredSecret,
)
from signer.domain.values import ClientId, TenantId

_BY_ID = Prepared(select(client).where(client.c.id == bindparam("id")))
_WITH_SECRETS = Prepared(
    select(
        client,
        client_secret.c.sha256.label("secret_sha256"),
        client_secret.c.expires_at.label("secret_expires_at"),
    )
    .select_from(client.outerjoin(client_secret, client_secret.c.client_id == client.c.id))
    .where(client.c.id == bindparam("id"))
    .order_by(client_secret.c.created_at.desc())
)


class TransactionEnder(Protocol):
    """The store of transactions, as far as suspending a client needs it."""

    def end_for_client(self, connection: Connection, client_id: ClientId) -> int:
        """Cancel the client's open transactions inside the caller's database transaction.

        Gives how many there were.
        """
        ...


class SQLClientStore:
    """Clients and secrets; each change is one transaction with its audit record."""

    def __init__(self, database: Database, chain: AuditChain, ender: TransactionEnder) -> None:
        self._database = database
        self._chain = chain
        self._ender = ender

    def add(self, new: Client, secret_sha256: str, *, audit: AuditRecord) -> bool:
        """Insert a client with its first secret; False, with nothing written, when the id is taken.

        A duplicate writes nothing, so its audit record is the caller's to give to ``refuse``.
        """
        with self._database.begin() as connection:
            if not insert_client(connection, new, secret_sha256):
                return False
            self._chain.append(connection, audit)
            return True

    def find(self, client_id: ClientId) -> Client | None:
        """One client."""
        with self._database.look() as connection:
            row = _BY_ID.one_or_none(connection, id=client_id)
        return None if row is None else client_of(row)

    def all(self) -> tuple[Client, ...]:
        """Every client, ordered by id."""
        with self._database.read() as connection:
            rows = connection.execute(select(client).order_by(client.c.id)).all()
        return tuple(client_of(row) for row in rows)

    def credentials(self, client_id: ClientId) -> tuple[Client | None, tuple[StoredSecret, ...]]:
        """The client and its secrets, newest first; the same query for unknown ids."""
        with self._database.look() as connection:
            rows = _WITH_SECRETS.all(connection, id=client_id)
        if not rows:
            return None, ()
        stored = tuple(
            StoredSecret(row.secret_sha256, row.secret_expires_at)
            for row in rows
            if row.secret_sha256 is not None
        )
        return client_of(rows[0]), stored

    def rotate(
        self,
        client_id: ClientId,
        secret_sha256: str,
        *,
        at: datetime,
        old_until: datetime,
        audit: AuditRecord,
    ) -> bool:
        """Add a secret; the one before it works until ``old_until``, older ones are deleted.

        False, with nothing changed, when there is no such client.
        """
        with self._database.begin() as connection:
            if not _lock(connection, client_id):
                return False
            connection.execute(
                delete(client_secret).where(
                    client_secret.c.client_id == client_id,
                    client_secret.c.expires_at.is_not(None),
                )
            )
            connection.execute(
                update(client_secret)
                .where(client_secret.c.client_id == client_id)
                .values(expires_at=old_until)
            )
            _insert_secret(connection, client_id, secret_sha256, at)
            self._chain.append(connection, audit)
            return True

    def suspend(self, client_id: ClientId, *, at: datetime, audit: AuditRecord) -> int | None:
        """Suspend and end its open transactions at once; gives how many, None when unknown.

        The count joins the record's facts as ``transactions_ended``.
        """
        with self._database.begin() as connection:
            done = connection.execute(
                update(client)
                .where(client.c.id == client_id)
                .values(state=ClientState.SUSPENDED.value, suspended_at=at)
                .returning(client.c.id)
            ).one_or_none()
            if done is None:
                return None
            ended = self._ender.end_for_client(connection, client_id)
            facts = {**audit.facts, "transactions_ended": ended}
            self._chain.append(connection, replace(audit, facts=facts))
            return ended

    def resume(self, client_id: ClientId, *, audit: AuditRecord) -> bool:
        """Let a suspended client work again; False when it is unknown or not suspended."""
        with self._database.begin() as connection:
            done = connection.execute(
                update(client)
                .where(client.c.id == client_id, client.c.state == ClientState.SUSPENDED.value)
                .values(state=ClientState.ACTIVE.value, suspended_at=None)
                .returning(client.c.id)
            ).one_or_none()
            if done is None:
                return False
            self._chain.append(connection, audit)
            return True

    def change(self, before: Client, after: Client, *, audit: AuditRecord) -> bool:
        """Write ``after`` if the row still says ``before``; state and secrets are not touched."""
        unchanged = [client.c[name] == value for name, value in _to_row(before).items()]
        with self._database.begin() as connection:
            values = {k: v for k, v in _to_row(after).items() if k != "state"}
            done = connection.execute(
                update(client)
                .where(client.c.id == before.id, *unchanged)
                .values(values)
                .returning(client.c.id)
            ).one_or_none()
            if done is None:
                return False
            self._chain.append(connection, audit)
            return True

    def refuse(self, *, audit: AuditRecord) -> None:
        """Record that a caller was turned away."""
        with self._database.begin() as connection:
            self._chain.append(connection, audit)


def insert_client(connection: Connection, new: Client, secret_sha256: str) -> bool:
    """Client and first secret in the caller's transaction; False when the id is taken."""
    added = connection.execute(
        insert_for(connection, client)
        .values({**_to_row(new), "id": new.id, "created_at": new.created_at})
        .on_conflict_do_nothing()
        .returning(client.c.id)
    ).one_or_none()
    if added is None:
        return False
    _insert_secret(connection, new.id, secret_sha256, new.created_at)
    return True


def _lock(connection: Connection, client_id: ClientId) -> bool:
    """Hold the client's row until the end of the transaction."""
    statement = (
        update(client)
        .where(client.c.id == client_id)
        .values(state=client.c.state)
        .returning(client.c.id)
    )
    return connection.execute(statement).one_or_none() is not None


def _insert_secret(connection: Connection, owner: ClientId, sha256: str, at: datetime) -> None:
    connection.execute(
        insert(client_secret),
        {"id": str(uuid.uuid4()), "client_id": owner, "sha256": sha256, "created_at": at},
    )


def _to_row(value: Client) -> dict[str, object]:
    return {
        "tenant": value.tenant,
        "name": value.name,
        "state": value.state.value,
        "roles": _array(sorted(value.roles)),
        "policies": _array(sorted(value.policies)),
        "redirect_urls": _array(value.redirect_urls),
        "webhook_url": value.webhook_url,
        "webhook_secret_protected": value.webhook_secret_protected,
        "purposes": _array(sorted(value.purposes)),
        "attributes": _array(sorted(value.attributes)),
        "providers": _array(sorted(value.providers)),
        "failures_per_hour": value.limits.failures_per_hour,
        "requests_per_minute": value.limits.requests_per_minute,
    }


def _array(values: Iterable[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


class _Columns(NamedTuple):
    """What a client is made of, as it is stored."""

    id: str
    tenant: str
    name: str
    state: str
    roles: str
    policies: str
    redirect_urls: str
    webhook_url: str | None
    webhook_secret_protected: bytes | None
    purposes: str
    attributes: str
    providers: str
    failures_per_hour: int
    requests_per_minute: int
    created_at: datetime


_columns_of = attrgetter(*_Columns._fields)


def client_of(row: AnyRow) -> Client:
    """A client row, or a row with all its columns.

    The row is read each time; only reading its lists and checking them is remembered.
    """
    return _made_of(_Columns._make(_columns_of(row)))


@lru_cache(maxsize=1024)
def _made_of(columns: _Columns) -> Client:
    return Client(
        id=ClientId(columns.id),
        tenant=TenantId(columns.tenant),
        name=columns.name,
        state=ClientState(columns.state),
        roles=frozenset(Role(text) for text in json.loads(columns.roles)),
        policies=frozenset(ClientPolicy(text) for text in json.loads(columns.policies)),
        redirect_urls=tuple(json.loads(columns.redirect_urls)),
        webhook_url=columns.webhook_url,
        webhook_secret_protected=columns.webhook_secret_protected,
        purposes=frozenset(json.loads(columns.purposes)),
        attributes=frozenset(json.loads(columns.attributes)),
        providers=frozenset(json.loads(columns.providers)),
        limits=ClientLimits(
            failures_per_hour=columns.failures_per_hour,
            requests_per_minute=columns.requests_per_minute,
        ),
        created_at=columns.created_at,
    )
