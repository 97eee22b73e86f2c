"""Slots of staged transactions: asked, resent, claimed; each one transaction with its audit."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from signer.adapters.store.attempts import close_attempt
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import Prepared, PreparedInsert
from signer.adapters.store.rows import attributes_text, slot_of, slot_values
from signer.adapters.store.tables.accounts import account, credential
from signer.adapters.store.tables.activation import signing_transaction as transactions
from signer.adapters.store.tables.activation import slot as slots
from signer.domain.account import AccountState
from signer.domain.activation import Asked, AttemptState, Claim, Slot
from signer.domain.audit import AuditRecord
from signer.domain.credential import CredentialState
from signer.domain.outgoing import OutgoingMessage
from signer.domain.transaction import TransactionState

Enqueue = Callable[[Connection, OutgoingMessage], None]
Cancel = Callable[[Connection, str], None]

_INSERT_SLOTS = PreparedInsert(slots)
_DELETE_SLOTS = Prepared(delete(slots).where(slots.c.process == bindparam("process")))
_TAKE = Prepared(
    delete(slots)
    .where(
        slots.c.id == bindparam("slot"),
        slots.c.process == bindparam("process"),
        slots.c.client_id == bindparam("client"),
        slots.c.credential_id == bindparam("credential"),
        slots.c.account_id == bindparam("signer"),
        slots.c.epoch == bindparam("epoch"),
        slots.c.bindings_sha256 == bindparam("bindings_sha256"),
        slots.c.expires_at > bindparam("now"),
    )
    .returning(*slots.c)
)
_TO_CLAIMED = Prepared(
    update(transactions)
    .where(
        transactions.c.id == bindparam("transaction"),
        transactions.c.client_id == bindparam("client"),
        transactions.c.state == TransactionState.ASKED.value,
        transactions.c.expires_at > bindparam("now"),
    )
    .values(
        state=TransactionState.CLAIMED.value,
        claimed_at=bindparam("now"),
        replay_kcv=bindparam("winner"),
    )
    .returning(transactions.c.id)
)
_TO_ASKED = Prepared(
    update(transactions)
    .where(
        transactions.c.id == bindparam("transaction"),
        transactions.c.state == bindparam("expected"),
        transactions.c.expires_at > bindparam("now"),
    )
    .values(
        state=TransactionState.ASKED.value,
        handle_sha256=bindparam("handle"),
        attributes=bindparam("chosen"),
        epoch=bindparam("account_epoch"),
        channel=bindparam("by"),
        codes_sent=transactions.c.codes_sent + bindparam("sent"),
        code_sent_at=bindparam("now"),
        code_expires_at=bindparam("code_until"),
    )
    .returning(transactions.c.id)
)
_ACTIVE = Prepared(
    select(account.c.id)
    .join(credential, credential.c.account_id == account.c.id)
    .where(
        account.c.id == bindparam("signer"),
        account.c.epoch == bindparam("epoch"),
        account.c.state == AccountState.ACTIVE.value,
        credential.c.id == bindparam("credential"),
        credential.c.state == CredentialState.ACTIVE.value,
    )
    .with_for_update(read=True, of=account)
)


class Rollback(Exception):  # noqa: N818 - control flow inside the store
    """Leaves the transaction without committing it."""


def demand(condition: bool) -> None:  # noqa: FBT001 - reads as a sentence
    """Roll back unless the condition holds."""
    if not condition:
        raise Rollback


class SQLStagedStore:
    """The database decides who is first: conditional UPDATE and DELETE with RETURNING."""

    def __init__(
        self, database: Database, chain: AuditChain, *, enqueue: Enqueue, cancel: Cancel
    ) -> None:
        self._database = database
        self._chain = chain
        self._enqueue = enqueue
        self._cancel = cancel

    def ask(self, asked: Asked, *, audit: AuditRecord) -> bool:
        """CREATED to ASKED with slots and message; False when anything moved meanwhile."""
        try:
            with self._database.begin() as connection:
                _demand_unchanged(connection, asked)
                self._move(connection, asked, TransactionState.CREATED)
                _INSERT_SLOTS.run(connection, *(slot_values(slot) for slot in asked.slots))
                if asked.message is not None:
                    self._enqueue(connection, asked.message)
                self._chain.append(connection, audit)
        except Rollback:
            return False
        return True

    def replace_code(self, asked: Asked, *, replaces: str, audit: AuditRecord) -> bool:
        """The old code slot goes, the new one comes, unsent messages of the old are cancelled."""
        try:
            with self._database.begin() as connection:
                gone = delete(slots).where(slots.c.id == replaces).returning(slots.c.id)
                demand(connection.execute(gone).first() is not None)
                _demand_unchanged(connection, asked)
                self._move(connection, asked, TransactionState.ASKED)
                _INSERT_SLOTS.run(connection, *(slot_values(slot) for slot in asked.slots))
                self._cancel(connection, asked.transaction)
                if asked.message is not None:
                    self._enqueue(connection, asked.message)
                self._chain.append(connection, audit)
        except Rollback:
            return False
        return True

    def claim(self, claim: Claim, *, audit: Sequence[AuditRecord]) -> Slot | None:
        """Take the slot under all its conditions; None, with nothing changed, otherwise."""
        try:
            with self._database.begin() as connection:
                taken = self._take(connection, claim)
                demand(close_attempt(connection, claim.attempt, AttemptState.OK, claim.at))
                _DELETE_SLOTS.run(connection, process=claim.transaction)
                self._chain.append(connection, *audit)
        except Rollback:
            return None
        return taken

    def _take(self, connection: Connection, claim: Claim) -> Slot:
        context = claim.slot.context
        row = _TAKE.one_or_none(
            connection,
            slot=claim.slot.id,
            process=claim.transaction,
            client=claim.client,
            credential=claim.credential,
            signer=claim.signer,
            epoch=context.epoch,
            bindings_sha256=claim.bindings_sha256,
            now=claim.at,
        )
        if row is None:
            raise Rollback
        demand_active(connection, claim.signer, claim.account_epoch, claim.credential)
        moved = _TO_CLAIMED.hits(
            connection,
            transaction=claim.transaction,
            client=claim.client,
            now=claim.at,
            winner=claim.slot.key_check_value,
        )
        demand(moved)
        return slot_of(row)

    @staticmethod
    def _move(connection: Connection, asked: Asked, expected: TransactionState) -> None:
        moved = _TO_ASKED.hits(
            connection,
            transaction=asked.transaction,
            expected=expected.value,
            now=asked.at,
            handle=asked.handle_sha256,
            chosen=attributes_text(asked.attributes),
            account_epoch=asked.account_epoch,
            by=asked.channel,
            sent=1 if asked.message else 0,
            code_until=asked.code_expires_at,
        )
        demand(moved)


def _demand_unchanged(connection: Connection, asked: Asked) -> None:
    demand_active(connection, asked.credential.signer, asked.account_epoch, asked.credential.id)


def demand_active(connection: Connection, signer: str, epoch: int, credential_id: str) -> None:
    """Lock the account row and check that nothing moved (PostgreSQL; SQLite writes alone)."""
    demand(_ACTIVE.hits(connection, signer=signer, epoch=epoch, credential=credential_id))
