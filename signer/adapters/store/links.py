"""One-time links: found by the SHA-256 of their token, changed only while they are open."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.queue import Queue
from signer.adapters.store.tables.links import link as links
from signer.domain.audit import AuditRecord
from signer.domain.link import Link, LinkKind
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import SignerId


class SQLLinkStore:
    """Every change is one conditional UPDATE: of two browsers one is first."""

    def __init__(self, database: Database, chain: AuditChain, queue: Queue) -> None:
        self._database = database
        self._chain = chain
        self._queue = queue

    def issue(
        self, link: Link, *, outgoing: tuple[OutgoingMessage, ...] = (), audit: AuditRecord
    ) -> None:
        """Insert; older unused links of the same kind die in the same transaction."""
        with self._database.begin() as connection:
            add_link(connection, link)
            self._queue.put(connection, outgoing)
            self._chain.append(connection, audit)

    def by_token(self, token_sha256: str) -> Link | None:
        """By the SHA-256 of the token."""
        return self._one(links.c.token_sha256 == token_sha256)

    def by_id(self, link_id: str) -> Link | None:
        """By id."""
        return self._one(links.c.id == link_id)

    def bind(self, link_id: str, session_sha256: str, now: datetime, *, audit: AuditRecord) -> bool:
        """Bind an open link to the browser that confirmed the phone; False when it is not open."""
        values = {"session_sha256": session_sha256, "opened_at": now}
        return self._change(link_id, now, values, audit)

    def use(self, link_id: str, now: datetime, *, audit: AuditRecord) -> bool:
        """Use an open link up; False when another call was first or its time is over."""
        return self._change(link_id, now, {"used_at": now}, audit)

    def purge(self, expired_before: datetime) -> int:
        """Delete links that ended long ago."""
        with self._database.begin() as connection:
            gone = delete(links).where(links.c.expires_at < expired_before)
            return connection.execute(gone).rowcount

    def _change(
        self, link_id: str, now: datetime, values: dict[str, Any], audit: AuditRecord
    ) -> bool:
        changing = (
            update(links)
            .where(links.c.id == link_id, links.c.used_at.is_(None), links.c.expires_at > now)
            .values(**values)
            .returning(links.c.id)
        )
        with self._database.begin() as connection:
            if connection.execute(changing).first() is None:
                return False
            self._chain.append(connection, audit)
        return True

    def _one(self, condition: ColumnElement[bool]) -> Link | None:
        with self._database.read() as connection:
            row = connection.execute(select(links).where(condition)).one_or_none()
        return None if row is None else _link_of(row)


def add_link(connection: Connection, link: Link) -> None:
    """Insert within the caller's transaction, killing unused ones of the same kind."""
    connection.execute(
        delete(links).where(
            links.c.account_id == link.account,
            links.c.kind == link.kind.value,
            links.c.used_at.is_(None),
        )
    )
    connection.execute(
        insert(links),
        {
            "id": link.id,
            "account_id": link.account,
            "kind": link.kind.value,
            "token_sha256": link.token_sha256,
            "created_at": link.created_at,
            "expires_at": link.expires_at,
        },
    )


def kill_links(connection: Connection, signer: SignerId) -> None:
    """Delete the unused links of an account within the caller's transaction."""
    connection.execute(delete(links).where(links.c.account_id == signer, links.c.used_at.is_(None)))


def _link_of(row: Row[Any]) -> Link:
    return Link(
        id=row.id,
        account=SignerId(row.account_id),
        kind=LinkKind(row.kind),
        token_sha256=row.token_sha256,
        created_at=row.created_at,
        expires_at=row.expires_at,
        opened_at=row.opened_at,
        used_at=row.used_at,
        session_sha256=row.session_sha256,
    )
