"""Signing transactions and their items: created, looked at, ended, released."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import AnyRow, Prepared, PreparedInsert
from signer.adapters.store.rows import required_text, slot_of, transaction_of
from signer.adapters.store.signing_items import item_of, item_values
from signer.adapters.store.tables.activation import signing_item as items
from signer.adapters.store.tables.activation import signing_transaction as transactions
from signer.adapters.store.tables.activation import slot as slots
from signer.domain.activation import Slot
from signer.domain.audit import AuditRecord
from signer.domain.outgoing import OutgoingMessage
from signer.domain.transaction import Signed, Transaction, TransactionState
from signer.domain.values import ClientId, TransactionId

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_OPEN = (TransactionState.CREATED.value, TransactionState.ASKED.value)

_BY_ID = Prepared(select(transactions).where(transactions.c.id == bindparam("id")))
_OWN = Prepared(
    select(transactions).where(
        transactions.c.id == bindparam("id"), transactions.c.client_id == bindparam("client")
    )
)
_BY_PAGE_TOKEN = Prepared(
    select(transactions).where(transactions.c.page_token_sha256 == bindparam("sha256"))
)
_BY_HANDLE = Prepared(
    select(transactions).where(transactions.c.handle_sha256 == bindparam("sha256"))
)
_ITEMS = Prepared(
    select(items)
    .where(items.c.transaction_id == bindparam("transaction"))
    .order_by(items.c.ordinal)
)
_SLOTS = Prepared(select(slots).where(slots.c.process == bindparam("process")))
_CODES_SENT = Prepared(
    select(
        func.coalesce(
            func.sum(
                case(
                    (transactions.c.code_sent_at > bindparam("hour_ago"), transactions.c.codes_sent)
                )
            ),
            0,
        ).label("in_hour"),
        func.coalesce(func.sum(transactions.c.codes_sent), 0).label("in_day"),
    ).where(
        transactions.c.subject == bindparam("subject"),
        transactions.c.code_sent_at > bindparam("day_ago"),
    )
)
_CREATE = PreparedInsert(transactions)
_CREATE_ITEMS = PreparedInsert(items)
_RELEASE = Prepared(
    update(transactions)
    .where(transactions.c.id == bindparam("of"), transactions.c.state == bindparam("expected"))
    .values(state=TransactionState.SIGNED.value, ended_at=bindparam("now"), failure=None)
    .returning(transactions.c.id)
)
_RELEASE_ITEM = Prepared(
    update(items)
    .where(
        items.c.transaction_id == bindparam("transaction"),
        items.c.ordinal == bindparam("position"),
    )
    .values(result=bindparam("outcome"), prepared=None, document=None)
)


class SQLTransactionStore:
    """Every change of state is conditional on the state before."""

    def __init__(
        self,
        database: Database,
        chain: AuditChain,
        *,
        enqueue: Callable[[Connection, OutgoingMessage], None],
        cancel: Callable[[Connection, str], None],
    ) -> None:
        self._database = database
        self._chain = chain
        self._enqueue = enqueue
        self._cancel = cancel

    def create(self, transaction: Transaction, *, audit: AuditRecord) -> None:
        """Insert with its items."""
        with self._database.begin() as connection:
            _CREATE.run(connection, _values(transaction))
            _CREATE_ITEMS.run(
                connection, *(item_values(transaction.id, item) for item in transaction.items)
            )
            self._chain.append(connection, audit)

    def get(self, transaction_id: TransactionId, client: ClientId) -> Transaction | None:
        """By public id, for the client it belongs to; somebody else's is None."""
        return self._one(_OWN, id=transaction_id, client=client)

    def by_page_token(self, page_token_sha256: str) -> Transaction | None:
        """By the SHA-256 of the token in the authorisation address."""
        return self._one(_BY_PAGE_TOKEN, sha256=page_token_sha256)

    def by_handle(self, handle_sha256: str) -> Transaction | None:
        """By the SHA-256 of the handle."""
        return self._one(_BY_HANDLE, sha256=handle_sha256)

    def by_id(self, transaction_id: TransactionId) -> Transaction | None:
        """By public id, whoever owns it: for the worker only."""
        return self._one(_BY_ID, id=transaction_id)

    def slots(self, transaction_id: TransactionId) -> tuple[Slot, ...]:
        """The live slots of a process."""
        with self._database.look() as connection:
            rows = _SLOTS.all(connection, process=transaction_id)
        return tuple(slot_of(row) for row in rows)

    def codes_sent(self, subject: str, now: datetime) -> tuple[int, int]:
        """How many codes went to this person in the last hour and in the last 24."""
        with self._database.look() as connection:
            found = _CODES_SENT.one(
                connection, subject=subject, hour_ago=now - _HOUR, day_ago=now - _DAY
            )
        return int(found.in_hour), int(found.in_day)

    def end(
        self,
        transaction_id: TransactionId,
        state: TransactionState,
        now: datetime,
        *,
        failure: str | None = None,
        outgoing: Sequence[OutgoingMessage] = (),
        audit: AuditRecord,
    ) -> bool:
        """CREATED or ASKED to an end; slots and unsent codes go.  False when it had ended."""
        with self._database.begin() as connection:
            if not self._end(connection, transaction_id, _OPEN, state, now, failure):
                return False
            for message in outgoing:
                self._enqueue(connection, message)
            self._chain.append(connection, audit)
        return True

    def fail_claimed(
        self,
        transaction_id: TransactionId,
        now: datetime,
        failure: str,
        *,
        expected: TransactionState = TransactionState.CLAIMED,
        outgoing: Sequence[OutgoingMessage] = (),
        audit: AuditRecord,
    ) -> bool:
        """CLAIMED to FAILED: the device or we failed after the claim; nothing is retried.

        ``expected`` COMPLETING gives up kept signatures instead.
        """
        with self._database.begin() as connection:
            if not self._end(
                connection, transaction_id, (expected.value,), TransactionState.FAILED, now, failure
            ):
                return False
            for message in outgoing:
                self._enqueue(connection, message)
            self._chain.append(connection, audit)
        return True

    def keep_signatures(
        self,
        transaction_id: TransactionId,
        signed: Sequence[Signed],
        *,
        waiting_for: str,
        audit: Sequence[AuditRecord],
    ) -> bool:
        """CLAIMED to COMPLETING: values are made and kept; ``waiting_for`` shows as failure."""
        with self._database.begin() as connection:
            if not _move(
                connection,
                transaction_id,
                TransactionState.CLAIMED,
                {"state": TransactionState.COMPLETING.value, "failure": waiting_for},
            ):
                return False
            for one in signed:
                connection.execute(
                    update(items)
                    .where(items.c.transaction_id == transaction_id, items.c.ordinal == one.ordinal)
                    .values(signature=one.signature, prepared=one.prepared)
                )
            self._chain.append(connection, *audit)
        return True

    def kept_signatures(self, transaction_id: TransactionId) -> tuple[Signed, ...]:
        """What :meth:`keep_signatures` kept, in order."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(items)
                .where(items.c.transaction_id == transaction_id, items.c.signature.is_not(None))
                .order_by(items.c.ordinal)
            ).all()
        return tuple(Signed(row.ordinal, row.signature, row.prepared or b"") for row in rows)

    def release(
        self,
        transaction_id: TransactionId,
        results: Sequence[bytes],
        now: datetime,
        *,
        expected: TransactionState,
        outgoing: Sequence[OutgoingMessage],
        audit: Sequence[AuditRecord],
    ) -> bool:
        """Store the results in item order and end as SIGNED; False when the state moved."""
        with self._database.begin() as connection:
            if not _RELEASE.hits(connection, of=transaction_id, expected=expected.value, now=now):
                return False
            _RELEASE_ITEM.run_many(
                connection,
                [
                    {"transaction": transaction_id, "position": ordinal, "outcome": result}
                    for ordinal, result in enumerate(results)
                ],
            )
            for message in outgoing:
                self._enqueue(connection, message)
            self._chain.append(connection, *audit)
        return True

    def completing(self, limit: int = 50) -> tuple[Transaction, ...]:
        """Transactions whose signatures wait for a time-stamp."""
        return self._some(transactions.c.state == TransactionState.COMPLETING.value, limit)

    def expired(self, now: datetime, limit: int = 200) -> tuple[Transaction, ...]:
        """Open transactions past their time."""
        return self._some(
            transactions.c.state.in_(_OPEN) & (transactions.c.expires_at <= now), limit
        )

    def stuck(self, claimed_before: datetime, limit: int = 200) -> tuple[Transaction, ...]:
        """Claims whose process died."""
        return self._some(
            (transactions.c.state == TransactionState.CLAIMED.value)
            & (transactions.c.claimed_at < claimed_before),
            limit,
        )

    def open_for_client(self, client: ClientId, limit: int = 1000) -> tuple[Transaction, ...]:
        """Open transactions of a client (suspension ends them)."""
        return self._some(
            transactions.c.state.in_(_OPEN) & (transactions.c.client_id == client), limit
        )

    def _end(
        self,
        connection: Connection,
        transaction_id: TransactionId,
        expected: Sequence[str],
        state: TransactionState,
        now: datetime,
        failure: str | None,
    ) -> bool:
        # Locked in the order a claim locks them (slot, then transaction), or PostgreSQL would
        # meet two who wait for each other.
        connection.execute(
            select(slots.c.id).where(slots.c.process == transaction_id).with_for_update()
        ).all()
        ending = (
            update(transactions)
            .where(transactions.c.id == transaction_id, transactions.c.state.in_(expected))
            .values(state=state.value, ended_at=now, failure=failure)
            .returning(transactions.c.id)
        )
        if connection.execute(ending).first() is None:
            return False
        connection.execute(delete(slots).where(slots.c.process == transaction_id))
        connection.execute(
            update(items).where(items.c.transaction_id == transaction_id).values(document=None)
        )
        self._cancel(connection, transaction_id)
        return True

    def _one(self, query: Prepared, **values: str) -> Transaction | None:
        with self._database.read() as connection:
            row = query.one_or_none(connection, **values)
            return None if row is None else _with_items(connection, row)

    def _some(self, condition: ColumnElement[bool], limit: int) -> tuple[Transaction, ...]:
        query = select(transactions).where(condition).order_by(transactions.c.created_at)
        return self._read(query.limit(limit))

    def _read(self, query: Select[tuple[object, ...]]) -> tuple[Transaction, ...]:
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            return tuple(_with_items(connection, row) for row in rows)


def _with_items(connection: Connection, row: AnyRow) -> Transaction:
    found = _ITEMS.all(connection, transaction=row.id)
    return transaction_of(row, [item_of(item) for item in found])


def _move(
    connection: Connection,
    transaction_id: TransactionId,
    expected: TransactionState,
    values: dict[str, object],
) -> bool:
    moving = (
        update(transactions)
        .where(transactions.c.id == transaction_id, transactions.c.state == expected.value)
        .values(**values)
        .returning(transactions.c.id)
    )
    return connection.execute(moving).first() is not None


def _values(transaction: Transaction) -> dict[str, object]:
    return {
        "id": transaction.id,
        "tenant": transaction.tenant,
        "client_id": transaction.client,
        "relying_party": transaction.relying_party,
        "purpose": transaction.purpose,
        "account_id": transaction.signer,
        "subject": transaction.subject,
        "credential_id": transaction.credential,
        "key_algorithm": transaction.key_algorithm.value if transaction.key_algorithm else None,
        "state": transaction.state.value,
        "required_attributes": required_text(transaction.required_attributes),
        "attributes": "[]",
        "locale": transaction.locale,
        "text_version": transaction.text_version,
        "text_sha256": transaction.text_sha256,
        "page_token_sha256": transaction.page_token_sha256,
        "codes_sent": 0,
        "created_at": transaction.created_at,
        "expires_at": transaction.expires_at,
        "callback_url": transaction.callback_url,
    }
