"""Prepared statements behave as ``Connection.execute`` does, on both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError, MultipleResultsFound

from signer.adapters.store.prepared import Prepared, PreparedInsert
from signer.adapters.store.tables.activation import attempt
from signer.domain.errors import StoreUnavailableError

AT = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
INSERT = PreparedInsert(attempt)
ALL = Prepared(select(attempt).order_by(attempt.c.id))
OF_STATE = Prepared(select(attempt.c.id).where(attempt.c.state == bindparam("state")))
CLOSE = Prepared(
    update(attempt)
    .where(attempt.c.id == bindparam("attempt"), attempt.c.state == "open")
    .values(state="ok", closed_at=bindparam("now"))
    .returning(attempt.c.id, attempt.c.closed_at)
)
BROKEN = Prepared(
    select(attempt.c.id).where(attempt.c.id == bindparam("id").op("no such thing")(1))
)


def row(identifier, *, key=None, state="open"):
    return {
        "id": identifier,
        "kind": "code",
        "subject": "somebody",
        "scope": "",
        "in_flight_key": key or identifier,
        "client_id": "c",
        "state": state,
        "opened_at": AT,
        "closed_at": None,
    }


def test_what_goes_in_comes_out_with_its_type(database):
    with database.begin() as connection:
        INSERT.run(connection, row("one"))
    with database.look() as connection:
        (found,) = ALL.all(connection)
    assert (found.id, found.opened_at, found.closed_at) == ("one", AT, None)


def test_many_rows_go_in_together(database):
    with database.begin() as connection:
        INSERT.run(connection, row("one"), row("two"), row("three"))
        INSERT.run(connection)
        assert [found.id for found in ALL.all(connection)] == ["one", "three", "two"]


def test_a_conditional_change_hits_once(database):
    with database.begin() as connection:
        INSERT.run(connection, row("one"))
    with database.begin() as connection:
        assert CLOSE.one_or_none(connection, attempt="one", now=AT).closed_at == AT
        assert not CLOSE.hits(connection, attempt="one", now=AT)


def test_what_a_failed_transaction_did_is_gone(database):
    def collide():
        with database.begin() as connection:
            INSERT.run(connection, row("one", key="same"))
            INSERT.run(connection, row("two", key="same"))

    with pytest.raises(IntegrityError):
        collide()
    with database.look() as connection:
        assert ALL.all(connection) == []


def test_more_than_one_row_is_never_silently_the_first(database):
    with database.begin() as connection:
        INSERT.run(connection, row("one"), row("two"))
        with pytest.raises(MultipleResultsFound):
            OF_STATE.one_or_none(connection, state="open")


def test_a_parameter_without_value_is_a_mistake(database):
    with pytest.raises(KeyError), database.look() as connection:
        OF_STATE.all(connection)


def test_a_look_cannot_write(database):
    with database.begin() as connection:
        INSERT.run(connection, row("one"))
    with pytest.raises(StoreUnavailableError) as caught, database.look() as connection:
        CLOSE.hits(connection, attempt="one", now=AT)
    assert "read" in str(caught.value.__cause__)


def test_values_do_not_reach_the_error(database):
    with pytest.raises(Exception) as caught, database.look() as connection:  # noqa: PT011 - each database has its own class
        BROKEN.all(connection, id="a-secret-value")
    assert "a-secret-value" not in str(caught.value)


def test_a_lost_connection_is_unavailability_and_leaves_the_pool(postgres_database):
    def lose():
        with postgres_database.begin() as connection:
            connection.connection.dbapi_connection.close()
            OF_STATE.all(connection, state="open")

    with pytest.raises(StoreUnavailableError):
        lose()
    with postgres_database.look() as connection:
        assert OF_STATE.all(connection, state="open") == []
