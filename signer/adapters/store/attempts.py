"""Attempts as rows: one in flight per key, decided by a partial unique index."""

from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import Prepared, PreparedInsert
from signer.adapters.store.tables.activation import attempt as attempts
from signer.domain.activation import Attempt, AttemptHistory, AttemptState, Tried
from signer.domain.audit import AuditRecord
from signer.domain.values import from_microseconds

_HOUR = timedelta(hours=1)

_EPOCH = from_microseconds(0)

_INSERT = PreparedInsert(attempts)
_FAIL_STALE = Prepared(
    update(attempts)
    .where(
        attempts.c.in_flight_key == bindparam("key"),
        attempts.c.state == literal_column(f"'{AttemptState.OPEN}'"),  # as the index says it
        attempts.c.opened_at < bindparam("stale"),
    )
    .values(state=AttemptState.FAILED.value, closed_at=bindparam("now"))
)
_CLOSE = Prepared(
    update(attempts)
    .where(attempts.c.id == bindparam("attempt"), attempts.c.state == AttemptState.OPEN.value)
    .values(state=bindparam("state"), closed_at=bindparam("now"))
    .returning(attempts.c.id)
)
_MINE = and_(attempts.c.subject == bindparam("subject"), attempts.c.kind == bindparam("kind"))


def _last_closed(state: AttemptState) -> ScalarSelect[datetime]:
    newest = select(func.max(attempts.c.closed_at)).where(_MINE, attempts.c.state == state.value)
    return newest.scalar_subquery()


_LAST = Prepared(
    select(
        _last_closed(AttemptState.OK).label("ok"),
        _last_closed(AttemptState.RESET).label("reset"),
        select(func.count())
        .where(
            attempts.c.client_id == bindparam("client"),
            attempts.c.state == AttemptState.FAILED.value,
            attempts.c.opened_at > bindparam("hour_ago"),
        )
        .scalar_subquery()
        .label("by_client"),
    )
)
"""What ended counting, and how many failures the client brought."""
_SINCE_OK = attempts.c.opened_at >= bindparam("last_ok")


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_COUNTS = Prepared(
    select(
        _count_if(_SINCE_OK).label("consecutive"),
        func.max(case((_SINCE_OK, attempts.c.closed_at))).label("last_failure"),
        _count_if(attempts.c.opened_at >= bindparam("last_reset")).label("windowed"),
        _count_if(attempts.c.scope == bindparam("scope")).label("scoped"),
    ).where(
        _MINE,
        or_(
            attempts.c.state == AttemptState.FAILED.value,
            attempts.c.state == AttemptState.OPEN.value,
        ),
        attempts.c.id != bindparam("attempt"),
    )
)
"""Failed and open attempts; successes, however many, are not read."""


class SQLAttemptStore:
    """Open and failed attempts count; voided ones do not."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def open(
        self, attempt: Attempt, *, stale_after: timedelta, window: timedelta, audit: AuditRecord
    ) -> AttemptHistory | None:
        """Insert an open row and read what came before; None when one is in flight."""
        try:
            with self._database.begin() as connection:
                self._fail_stale(connection, attempt, stale_after)
                _INSERT.run(connection, _values(attempt) | {"state": AttemptState.OPEN.value})
                history = _history(connection, attempt, window)
                self._chain.append(connection, audit)
                return history
        except IntegrityError:
            return None

    def close(
        self, attempt_id: str, state: AttemptState, now: datetime, *, audit: AuditRecord
    ) -> bool:
        """Close an open row; the record is written whether or not it was still open."""
        with self._database.begin() as connection:
            closed = close_attempt(connection, attempt_id, state, now)
            self._chain.append(connection, audit)
            return closed

    def reset(self, attempt: Attempt, state: AttemptState, *, audit: AuditRecord) -> None:
        """Insert a closed row that ends counting: OK (new PIN) or RESET (identified anew)."""
        with self._database.begin() as connection:
            add_closed(connection, attempt, state)
            self._chain.append(connection, audit)

    def tried_since(self, since: datetime) -> Tried:
        """Right and wrong attempts of everybody opened after ``since``."""
        wrong = case((attempts.c.state == AttemptState.FAILED.value, 1), else_=0)
        statement = select(func.count(), func.coalesce(func.sum(wrong), 0)).where(
            attempts.c.opened_at > since,
            attempts.c.state.in_([AttemptState.OK.value, AttemptState.FAILED.value]),
        )
        with self._database.read() as connection:
            count, failures = connection.execute(statement).one()
        return Tried(int(count), int(failures))

    @staticmethod
    def _fail_stale(connection: Connection, attempt: Attempt, stale_after: timedelta) -> None:
        _FAIL_STALE.run(
            connection,
            key=attempt.in_flight_key,
            stale=attempt.opened_at - stale_after,
            now=attempt.opened_at,
        )


def close_attempt(
    connection: Connection, attempt_id: str, state: AttemptState, now: datetime
) -> bool:
    """Close within the caller's transaction; False when it is no longer open."""
    return _CLOSE.hits(connection, attempt=attempt_id, state=state.value, now=now)


def add_closed(connection: Connection, attempt: Attempt, state: AttemptState) -> None:
    """Insert an already closed row within the caller's transaction."""
    _INSERT.run(
        connection, _values(attempt) | {"state": state.value, "closed_at": attempt.opened_at}
    )


def _values(attempt: Attempt) -> dict[str, object]:
    return {
        "id": attempt.id,
        "kind": attempt.kind.value,
        "subject": attempt.subject,
        "scope": attempt.scope,
        "in_flight_key": attempt.in_flight_key,
        "client_id": attempt.client,
        "opened_at": attempt.opened_at,
    }


def _history(connection: Connection, attempt: Attempt, window: timedelta) -> AttemptHistory:
    """Two reads over indexed rows; the row just opened is left out of both."""
    mine = {"subject": attempt.subject, "kind": attempt.kind.value}
    since_window = attempt.opened_at - window
    last = _LAST.one(connection, **mine, client=attempt.client, hour_ago=attempt.opened_at - _HOUR)
    last_reset = last.reset or since_window
    counts = _COUNTS.one(
        connection,
        **mine,
        attempt=attempt.id,
        scope=attempt.scope,
        last_ok=max((at for at in (last.ok, last.reset) if at), default=_EPOCH),
        last_reset=max(since_window, last_reset),
    )
    return AttemptHistory(
        consecutive_failures=int(counts.consecutive),
        last_failure_at=counts.last_failure,
        failures_in_window=int(counts.windowed),
        failures_in_scope=int(counts.scoped),
        client_failures_in_hour=int(last.by_client),
    )
