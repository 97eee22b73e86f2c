"""How many codes went to a person: counted in one look, over the last hour and the last day."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from signer.adapters.store.outbox import _CANCEL, SQLOutbox
from signer.adapters.store.tables.activation import signing_transaction
from signer.adapters.store.transactions import SQLTransactionStore
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import DEFAULT_TENANT, ClientId, TransactionId


@pytest.fixture
def store(database, audit_chain, clock):
    outbox = SQLOutbox(database, audit_chain, clock)
    return SQLTransactionStore(database, audit_chain, enqueue=outbox.enqueue, cancel=outbox.cancel)


def sent(store, database, clock, subject: str, codes: int, *, ago: timedelta) -> None:
    """A transaction whose last code of ``codes`` went out some time ago."""
    now = clock.now()
    transaction = Transaction(
        id=TransactionId(str(uuid.uuid4())),
        tenant=DEFAULT_TENANT,
        client=ClientId("c"),
        relying_party="C",
        purpose="signature",
        signer=None,
        subject=subject,
        credential=None,
        key_algorithm=None,
        state=TransactionState.CREATED,
        items=(),
        required_attributes=(),
        locale="pt",
        text_version="1",
        text_sha256="0" * 64,
        page_token_sha256=uuid.uuid4().hex * 2,
        created_at=now,
        expires_at=now + timedelta(hours=1),
        callback_url=None,
    )
    store.create(transaction, audit=AuditRecord(event=AuditEvent.TRANSACTION_CREATED))
    with database.begin() as connection:
        connection.execute(
            update(signing_transaction)
            .where(signing_transaction.c.id == transaction.id)
            .values(codes_sent=codes, code_sent_at=now - ago)
        )


def test_codes_of_the_last_hour_and_of_the_last_day_are_told_apart(store, database, clock):
    assert store.codes_sent("ana", clock.now()) == (0, 0)
    sent(store, database, clock, "ana", 2, ago=timedelta(minutes=59))
    sent(store, database, clock, "ana", 3, ago=timedelta(hours=1))
    sent(store, database, clock, "ana", 4, ago=timedelta(hours=23))
    sent(store, database, clock, "ana", 5, ago=timedelta(hours=24))
    sent(store, database, clock, "rui", 6, ago=timedelta(minutes=1))
    assert store.codes_sent("ana", clock.now()) == (2, 9)
    clock.advance(minutes=2)
    assert store.codes_sent("ana", clock.now()) == (0, 9)


def test_cancelling_the_codes_of_a_process_does_not_walk_the_queue(database):
    """Everybody's messages may be waiting; SQLite guesses an index by itself."""
    if not database.is_sqlite:
        pytest.skip("allowed: the plan of PostgreSQL follows its statistics")
    with database.begin() as connection:
        text = _CANCEL._for(connection).text  # noqa: SLF001 - its very text
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN QUERY PLAN {text}", [None] * text.count("?"))
        plan = " ".join(str(row[3]) for row in cursor.fetchall())
    assert "ix_outbox_process" in plan
