"""Attempts as rows: one in flight per key, decided by a partial unique index."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, case, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.tables.activation import attempt as attempts
from signer.domain.activation import Attempt, AttemptHistory, AttemptState, Tried
from signer.domain.audit import AuditRecord

_HOUR = timedelta(hours=1)


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
                connection.execute(
                    insert(attempts),
                    {
                        "id": attempt.id,
                        "kind": attempt.kind.value,
                        "subject": attempt.subject,
                        "scope": attempt.scope,
                        "in_flight_key": attempt.in_flight_key,
                        "client_id": attempt.client,
                        "state": AttemptState.OPEN.value,
                        "opened_at": attempt.opened_at,
                    },
                )
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
        connection.execute(
            update(attempts)
            .where(
                attempts.c.in_flight_key == attempt.in_flight_key,
                attempts.c.state == AttemptState.OPEN.value,
                attempts.c.opened_at < attempt.opened_at - stale_after,
            )
            .values(state=AttemptState.FAILED.value, closed_at=attempt.opened_at)
        )


def close_attempt(
    connection: Connection, attempt_id: str, state: AttemptState, now: datetime
) -> bool:
    """Close within the caller's transaction; False when it is no longer open."""
    statement = (
        update(attempts)
        .where(attempts.c.id == attempt_id, attempts.c.state == AttemptState.OPEN.value)
        .values(state=state.value, closed_at=now)
        .returning(attempts.c.id)
    )
    return connection.execute(statement).first() is not None


def add_closed(connection: Connection, attempt: Attempt, state: AttemptState) -> None:
    """Insert an already closed row within the caller's transaction."""
    connection.execute(
        insert(attempts),
        {
            "id": attempt.id,
            "kind": attempt.kind.value,
            "subject": attempt.subject,
            "scope": attempt.scope,
            "in_flight_key": attempt.in_flight_key,
            "client_id": attempt.client,
            "state": state.value,
            "opened_at": attempt.opened_at,
            "closed_at": attempt.opened_at,
        },
    )


def _history(connection: Connection, attempt: Attempt, window: timedelta) -> AttemptHistory:
    """Two aggregates over indexed rows; the row just opened is left out of both."""
    mine = and_(attempts.c.subject == attempt.subject, attempts.c.kind == attempt.kind.value)
    since_window = attempt.opened_at - window
    resets = select(
        func.max(
            case(
                (
                    attempts.c.state.in_([AttemptState.OK.value, AttemptState.RESET.value]),
                    attempts.c.closed_at,
                )
            )
        ).label("ok"),
        func.max(case((attempts.c.state == AttemptState.RESET.value, attempts.c.closed_at))).label(
            "reset"
        ),
    ).where(mine)
    last = connection.execute(resets).one()
    last_ok, last_reset = last.ok or attempt.opened_at - 100 * window, last.reset or since_window
    counting = attempts.c.state.in_([AttemptState.FAILED.value, AttemptState.OPEN.value])
    since_ok = and_(counting, attempts.c.opened_at >= last_ok)
    since_reset = and_(counting, attempts.c.opened_at >= max(since_window, last_reset))
    in_scope = and_(counting, attempts.c.scope == attempt.scope)
    counts = connection.execute(
        select(
            func.coalesce(func.sum(case((since_ok, 1), else_=0)), 0).label("consecutive"),
            func.max(case((since_ok, attempts.c.closed_at))).label("last_failure"),
            func.coalesce(func.sum(case((since_reset, 1), else_=0)), 0).label("windowed"),
            func.coalesce(func.sum(case((in_scope, 1), else_=0)), 0).label("scoped"),
        ).where(mine, attempts.c.id != attempt.id)
    ).one()
    by_client = connection.execute(
        select(func.count()).where(
            attempts.c.client_id == attempt.client,
            attempts.c.state == AttemptState.FAILED.value,
            attempts.c.opened_at > attempt.opened_at - _HOUR,
        )
    ).scalar_one()
    return AttemptHistory(
        consecutive_failures=int(counts.consecutive),
        last_failure_at=counts.last_failure,
        failures_in_window=int(counts.windowed),
        failures_in_scope=int(counts.scoped),
        client_failures_in_hour=int(by_client),
    )
