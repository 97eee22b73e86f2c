"""The transactional outbox: messages are written with their cause and handled by one worker each.

Delivery is at least once: a worker killed between sending and marking leaves a row that is sent
again after its lease, with the same message id and the same code, so a gateway that honours the id
delivers once and a person never gets two different codes.
"""

import uuid
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import Prepared, PreparedInsert
from signer.adapters.store.tables.outbox import outbox
from signer.domain.audit import AuditRecord
from signer.domain.outgoing import (
    ClaimedMessage,
    Delivery,
    MessageKind,
    MessageState,
    OutgoingMessage,
    Route,
)
from signer.domain.values import ClientId
from signer.ports import Clock

_QUEUED = outbox.c.state == MessageState.QUEUED.value
_STILL_QUEUED = outbox.c.state.concat("") == MessageState.QUEUED.value
"""The same, but SQLite finds the rows by another column: the whole queue may be waiting."""
_ERASED: dict[str, Any] = {"body": None, "lease": None}

_ENQUEUE = PreparedInsert(outbox)
_CANCEL = Prepared(
    update(outbox)
    .where(
        outbox.c.process == bindparam("of"),
        outbox.c.kind == MessageKind.CODE.value,
        _STILL_QUEUED,
    )
    .values(state=MessageState.CANCELLED.value, ended_at=bindparam("now"), **_ERASED)
)


class SQLOutbox:
    """Rows of the table ``outbox``; the body of each is ciphertext when it arrives here."""

    def __init__(self, database: Database, chain: AuditChain, clock: Clock) -> None:
        self._database = database
        self._chain = chain
        self._clock = clock

    def enqueue(self, connection: Connection, message: OutgoingMessage) -> None:
        """Write in the caller's transaction; a new code cancels unsent codes of its process."""
        if message.kind is MessageKind.CODE:
            self.cancel(connection, message.process)
        _ENQUEUE.run(connection, _values(message))

    def cancel(self, connection: Connection, process: str) -> None:
        """Cancel the codes of ``process`` that are not sent yet, in the caller's transaction.

        A worker sending one at this moment finds its lease gone; the code it carries is dead.
        """
        _CANCEL.run(connection, of=process, now=self._clock.now())

    def put(self, *messages: OutgoingMessage) -> None:
        """Write ``messages`` in a transaction of their own: no other change causes them."""
        with self._database.begin() as connection:
            for message in messages:
                self.enqueue(connection, message)

    def claim(
        self, limit: int, lease: timedelta, kinds: Collection[MessageKind] = tuple(MessageKind)
    ) -> tuple[ClaimedMessage, ...]:
        """Take up to ``limit`` due messages until now + ``lease``; nobody else gets them."""
        now = self._clock.now()
        ready = and_(
            _QUEUED,
            outbox.c.due_at <= now,
            outbox.c.expires_at > now,
            outbox.c.kind.in_([kind.value for kind in kinds]),
        )
        wanted: Select[tuple[str]] = (
            select(outbox.c.id)
            .where(ready)
            .order_by(outbox.c.priority, outbox.c.due_at)
            .limit(limit)
        )
        taken = (
            update(outbox)
            .where(outbox.c.id.in_(self._picked(wanted)), ready)
            .values(
                lease=str(uuid.uuid4()),
                due_at=now + lease,
                attempts=outbox.c.attempts + 1,
            )
            .returning(outbox)
        )
        with self._database.begin() as connection:
            rows = connection.execute(taken).mappings().all()
        ordered = sorted(rows, key=lambda row: (row["priority"], row["created_at"]))
        return tuple(_claimed(row) for row in ordered)

    def holds(self, claimed: ClaimedMessage) -> bool:
        """Tell whether the claim still stands: asked right before sending."""
        with self._database.read() as connection:
            return connection.execute(select(outbox.c.id).where(_held(claimed))).first() is not None

    def mark_sent(
        self, claimed: ClaimedMessage, channel: str, receipt: str, *, audit: AuditRecord
    ) -> bool:
        """Record that a channel accepted it and erase the body; False when the lease was lost."""
        return self._end(
            claimed, MessageState.SENT, {"channel": channel, "receipt": receipt[:200]}, audit
        )

    def mark_dead(self, claimed: ClaimedMessage, *, audit: AuditRecord) -> bool:
        """Give it up; the body is erased too.  False when the lease was lost."""
        return self._end(claimed, MessageState.DEAD, {}, audit)

    def retry(self, claimed: ClaimedMessage, route: Route, due_at: datetime) -> bool:
        """Put it back for ``due_at`` on ``route``; False when the lease was lost."""
        statement = (
            update(outbox)
            .where(_held(claimed))
            .values(
                lease=None,
                due_at=due_at,
                left=",".join(route.channels),
                position=route.position,
                round=route.round,
            )
            .returning(outbox.c.id)
        )
        with self._database.begin() as connection:
            return connection.execute(statement).first() is not None

    def expire(
        self, audit: Callable[[Delivery], AuditRecord], limit: int = 200
    ) -> tuple[Delivery, ...]:
        """End messages whose life is over, erase their bodies and give them."""
        now = self._clock.now()
        over: Select[tuple[str]] = (
            select(outbox.c.id).where(_QUEUED, outbox.c.expires_at <= now).limit(limit)
        )
        statement = (
            update(outbox)
            .where(outbox.c.id.in_(self._picked(over)), _QUEUED)
            .values(state=MessageState.EXPIRED.value, ended_at=now, **_ERASED)
            .returning(outbox)
        )
        with self._database.begin() as connection:
            ended = tuple(_delivery(row) for row in connection.execute(statement).mappings())
            self._chain.append(connection, *(audit(delivery) for delivery in ended))
        return ended

    def record_delivery(
        self,
        channel: str,
        receipt: str,
        *,
        arrived: bool,
        audit: Callable[[Delivery], AuditRecord],
    ) -> Delivery | None:
        """Note a gateway's delivery report; None when unknown or reported before.

        The body is gone by then, so a report of failure starts no new attempt.
        """
        state = MessageState.DELIVERED if arrived else MessageState.UNDELIVERED
        statement = (
            update(outbox)
            .where(
                outbox.c.channel == channel,
                outbox.c.receipt == receipt,
                outbox.c.receipt != "",
                outbox.c.state == MessageState.SENT.value,
            )
            .values(state=state.value, ended_at=self._clock.now())
            .returning(outbox)
        )
        with self._database.begin() as connection:
            row = connection.execute(statement).mappings().first()
            if row is None:
                return None
            delivery = _delivery(row)
            self._chain.append(connection, audit(delivery))
            return delivery

    def deliveries(self, process: str) -> tuple[Delivery, ...]:
        """What was sent for a transaction or challenge, oldest first."""
        return self._select(outbox.c.process == process)

    def delivery(self, message_id: str) -> Delivery | None:
        """One message's fate."""
        found = self._select(outbox.c.id == message_id)
        return found[0] if found else None

    def dead_letters(self, limit: int = 100) -> tuple[Delivery, ...]:
        """What was given up or reported as lost, newest first."""
        lost = (MessageState.DEAD.value, MessageState.UNDELIVERED.value)
        return self._select(outbox.c.state.in_(lost), limit=limit, newest_first=True)

    def backlog(self) -> tuple[int, timedelta]:
        """How many messages are due, and for how long the oldest has been: for metrics."""
        now = self._clock.now()
        statement = select(func.count(), func.min(outbox.c.due_at)).where(
            _QUEUED, or_(outbox.c.due_at <= now, outbox.c.lease.is_not(None))
        )
        with self._database.read() as connection:
            due, oldest = connection.execute(statement).one()
        return due, max(timedelta(), now - oldest) if oldest else timedelta()

    def _picked(self, wanted: Select[tuple[str]]) -> Select[tuple[str]]:
        """Ids of ``wanted`` that no other worker is taking at this moment.

        A common table expression, because PostgreSQL may run a plain subselect more than once and
        then locks more rows than its limit says.
        """
        if not self._database.is_sqlite:
            wanted = wanted.with_for_update(skip_locked=True)
        return select(wanted.cte("picked").c.id)

    def _end(
        self,
        claimed: ClaimedMessage,
        state: MessageState,
        values: dict[str, Any],
        audit: AuditRecord,
    ) -> bool:
        statement = (
            update(outbox)
            .where(_held(claimed))
            .values(state=state.value, ended_at=self._clock.now(), **_ERASED, **values)
            .returning(outbox.c.id)
        )
        with self._database.begin() as connection:
            if connection.execute(statement).first() is None:
                return False
            self._chain.append(connection, audit)
            return True

    def _select(
        self, *conditions: ColumnElement[bool], limit: int = 1000, newest_first: bool = False
    ) -> tuple[Delivery, ...]:
        order = outbox.c.created_at.desc() if newest_first else outbox.c.created_at
        statement = select(outbox).where(*conditions).order_by(order).limit(limit)
        with self._database.read() as connection:
            return tuple(_delivery(row) for row in connection.execute(statement).mappings())


def _held(claimed: ClaimedMessage) -> ColumnElement[bool]:
    return and_(outbox.c.id == claimed.message.id, outbox.c.lease == claimed.lease, _QUEUED)


def _values(message: OutgoingMessage) -> dict[str, object]:
    channels = ",".join(message.channels)
    return {
        "id": message.id,
        "kind": message.kind.value,
        "priority": message.kind.priority,
        "state": MessageState.QUEUED.value,
        "subject": message.subject,
        "client_id": message.client,
        "process": message.process,
        "channels": channels,
        "left": channels,
        "position": 0,
        "round": 0,
        "body": message.body,
        "attempts": 0,
        "due_at": message.created_at,
        "lease": None,
        "channel": "",
        "receipt": "",
        "created_at": message.created_at,
        "expires_at": message.expires_at,
    }


def _claimed(row: RowMapping) -> ClaimedMessage:
    return ClaimedMessage(
        message=OutgoingMessage(
            id=row["id"],
            kind=MessageKind(row["kind"]),
            channels=tuple(row["channels"].split(",")),
            body=row["body"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            subject=row["subject"],
            client=ClientId(row["client_id"]),
            process=row["process"],
        ),
        route=Route(
            channels=tuple(row["left"].split(",")), position=row["position"], round=row["round"]
        ),
        attempts=row["attempts"],
        lease=row["lease"],
        leased_until=row["due_at"],
    )


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        kind=MessageKind(row["kind"]),
        state=MessageState(row["state"]),
        subject=row["subject"],
        client=ClientId(row["client_id"]),
        process=row["process"],
        channel=row["channel"],
        receipt=row["receipt"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )
