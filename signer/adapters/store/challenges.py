"""Challenges: one live code per purpose, subject and client, spent once."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.tables.activation import challenge as challenges
from signer.domain.activation import Challenge
from signer.domain.audit import AuditRecord
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import DEFAULT_TENANT, ClientId
from signer.ports import Clock


class SQLChallengeStore:
    """The unique index on purpose, subject and client keeps one alive."""

    def __init__(
        self,
        database: Database,
        chain: AuditChain,
        clock: Clock,
        *,
        enqueue: Callable[[Connection, OutgoingMessage], None],
        cancel: Callable[[Connection, str], None],
    ) -> None:
        self._database = database
        self._chain = chain
        self._clock = clock
        self._enqueue = enqueue
        self._cancel = cancel

    def put(
        self, challenge: Challenge, message: OutgoingMessage | None, *, audit: AuditRecord
    ) -> None:
        """Replace the one before; its unsent message is cancelled, the new one goes out."""
        same = (
            (challenges.c.purpose == challenge.purpose)
            & (challenges.c.subject == challenge.subject)
            & (challenges.c.client_id == challenge.client)
        )
        with self._database.begin() as connection:
            before = connection.execute(delete(challenges).where(same).returning(challenges.c.id))
            for row in before.all():
                self._cancel(connection, row.id)
            connection.execute(
                insert(challenges),
                {
                    "id": challenge.id,
                    "tenant": DEFAULT_TENANT,
                    "purpose": challenge.purpose,
                    "subject": challenge.subject,
                    "client_id": challenge.client,
                    "key_check_value": challenge.key_check_value,
                    "created_at": challenge.created_at,
                    "expires_at": challenge.expires_at,
                },
            )
            if message is not None:
                self._enqueue(connection, message)
            self._chain.append(connection, audit)

    def live(self, purpose: str, subject: str, client: ClientId) -> Challenge | None:
        """The unexpired one."""
        query = select(challenges).where(
            challenges.c.purpose == purpose,
            challenges.c.subject == subject,
            challenges.c.client_id == client,
            challenges.c.expires_at > self._clock.now(),
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Challenge(
            id=row.id,
            purpose=row.purpose,
            subject=row.subject,
            client=ClientId(row.client_id),
            key_check_value=row.key_check_value,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )

    def consume(self, challenge_id: str, *, audit: AuditRecord) -> bool:
        """Delete; False when another call was first."""
        taking = (
            delete(challenges).where(challenges.c.id == challenge_id).returning(challenges.c.id)
        )
        with self._database.begin() as connection:
            if connection.execute(taking).first() is None:
                return False
            self._chain.append(connection, audit)
        return True

    def purge(self, now: datetime) -> int:
        """Delete the expired ones."""
        with self._database.begin() as connection:
            return connection.execute(
                delete(challenges).where(challenges.c.expires_at <= now)
            ).rowcount
