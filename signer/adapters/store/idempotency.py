"""Idempotency-Key in the relational store: one execution, however many requests."""

import json
import uuid
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, or_, select, update

from signer.adapters.store.engine import Database
from signer.adapters.store.tables.idempotency import idempotent_request
from signer.adapters.store.upsert import insert_for
from signer.domain.errors import BusyError, IdempotencyConflictError
from signer.domain.idempotency import (
    ABANDONED,
    KEPT,
    Execution,
    IdempotentRequest,
    StoredAnswer,
)
from signer.ports import Clock

_EMPTY: Final = {"status": None, "headers": None, "body": None}


class SQLIdempotencyStore:
    """Rows keyed by client and key.  Holds no state of its own: survives restarts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, request: IdempotentRequest) -> Execution | StoredAnswer:
        """Give the right to execute, or the answer given before.

        Raises IdempotencyConflictError when the key came with another operation or body, and
        BusyError while the first request is still being executed.
        """
        now = self._clock.now()
        execution = Execution(str(uuid.uuid4()))
        with self._database.begin() as connection:
            if _insert(connection, request, execution, now):
                return execution
            if _take_over(connection, request, execution, now):
                return execution
            row = connection.execute(select(idempotent_request).where(*_is(request))).one_or_none()
        if row is None:  # abandoned between the two statements
            raise BusyError(retry_after=1)
        return _answer(row, request)

    def finish(
        self, request: IdempotentRequest, execution: Execution, answer: StoredAnswer
    ) -> bool:
        """Store the answer; False when the execution was given up and taken over meanwhile."""
        statement = (
            update(idempotent_request)
            .where(
                *_is(request),
                idempotent_request.c.execution_id == execution.id,
                idempotent_request.c.status.is_(None),
            )
            .values(
                status=answer.status, headers=json.dumps(list(answer.headers)), body=answer.body
            )
            .returning(idempotent_request.c.key)
        )
        with self._database.begin() as connection:
            return connection.execute(statement).one_or_none() is not None

    def abandon(self, request: IdempotentRequest, execution: Execution) -> None:
        """Forget an execution that failed through a fault of ours, so that it can be repeated."""
        with self._database.begin() as connection:
            connection.execute(
                delete(idempotent_request).where(
                    *_is(request),
                    idempotent_request.c.execution_id == execution.id,
                    idempotent_request.c.status.is_(None),
                )
            )

    def purge(self) -> int:
        """Delete what is older than 24 hours; gives how many rows."""
        oldest = self._clock.now() - KEPT
        with self._database.begin() as connection:
            gone = connection.execute(
                delete(idempotent_request)
                .where(idempotent_request.c.started_at <= oldest)
                .returning(idempotent_request.c.key)
            ).all()
        return len(gone)


def _is(request: IdempotentRequest) -> tuple[ColumnElement[bool], ...]:
    return (
        idempotent_request.c.client_id == request.client,
        idempotent_request.c.key == request.key,
    )


def _insert(
    connection: Connection, request: IdempotentRequest, execution: Execution, now: datetime
) -> bool:
    statement = (
        insert_for(connection, idempotent_request)
        .values(
            client_id=request.client,
            key=request.key,
            operation=request.operation,
            body_sha256=request.body_sha256,
            execution_id=execution.id,
            started_at=now,
        )
        .on_conflict_do_nothing()
        .returning(idempotent_request.c.key)
    )
    return connection.execute(statement).one_or_none() is not None


def _take_over(
    connection: Connection, request: IdempotentRequest, execution: Execution, now: datetime
) -> bool:
    """Use the row again when it is past its time, or when its process died on the same request."""
    row = idempotent_request.c
    died = and_(
        row.status.is_(None),
        row.started_at <= now - ABANDONED,
        row.operation == request.operation,
        row.body_sha256 == request.body_sha256,
    )
    statement = (
        update(idempotent_request)
        .where(*_is(request), or_(row.started_at <= now - KEPT, died))
        .values(
            operation=request.operation,
            body_sha256=request.body_sha256,
            execution_id=execution.id,
            started_at=now,
            **_EMPTY,
        )
        .returning(row.key)
    )
    return connection.execute(statement).one_or_none() is not None


def _answer(row: Row[tuple[object, ...]], request: IdempotentRequest) -> StoredAnswer:
    if (row.operation, row.body_sha256) != (request.operation, request.body_sha256):
        raise IdempotencyConflictError
    if row.status is None:
        raise BusyError(retry_after=1)
    headers = tuple((name, value) for name, value in json.loads(row.headers))
    return StoredAnswer(status=row.status, headers=headers, body=row.body)
