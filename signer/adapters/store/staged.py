"""Slots of staged transactions: asked, resent, claimed; each one transaction with its audit."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from signer.adapters.store.attempts import close_attempt
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
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
                connection.execute(insert(slots), [slot_values(slot) for slot in asked.slots])
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
                connection.execute(insert(slots), [slot_values(slot) for slot in asked.slots])
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
                connection.execute(delete(slots).where(slots.c.process == claim.transaction))
                self._chain.append(connection, *audit)
        except Rollback:
            return None
        return taken

    def _take(self, connection: Connection, claim: Claim) -> Slot:
        context = claim.slot.context
        taking = (
            delete(slots)
            .where(
                slots.c.id == claim.slot.id,
                slots.c.process == claim.transaction,
                slots.c.client_id == claim.client,
                slots.c.credential_id == claim.credential,
                slots.c.account_id == claim.signer,
                slots.c.epoch == context.epoch,
                slots.c.bindings_sha256 == claim.bindings_sha256,
                slots.c.expires_at > claim.at,
            )
            .returning(*slots.c)
        )
        row = connection.execute(taking).one_or_none()
        if row is None:
            raise Rollback
        demand_active(connection, claim.signer, claim.account_epoch, claim.credential)
        moving = (
            update(transactions)
            .where(
                transactions.c.id == claim.transaction,
                transactions.c.client_id == claim.client,
                transactions.c.state == TransactionState.ASKED.value,
                transactions.c.expires_at > claim.at,
            )
            .values(
                state=TransactionState.CLAIMED.value,
                claimed_at=claim.at,
                replay_kcv=claim.slot.key_check_value,
            )
            .returning(transactions.c.id)
        )
        demand(connection.execute(moving).first() is not None)
        return slot_of(row)

    @staticmethod
    def _move(connection: Connection, asked: Asked, expected: TransactionState) -> None:
        moving = (
            update(transactions)
            .where(
                transactions.c.id == asked.transaction,
                transactions.c.state == expected.value,
                transactions.c.expires_at > asked.at,
            )
            .values(
                state=TransactionState.ASKED.value,
                handle_sha256=asked.handle_sha256,
                attributes=attributes_text(asked.attributes),
                epoch=asked.account_epoch,
                channel=asked.channel,
                codes_sent=transactions.c.codes_sent + (1 if asked.message else 0),
                code_sent_at=asked.at,
                code_expires_at=asked.code_expires_at,
            )
            .returning(transactions.c.id)
        )
        demand(connection.execute(moving).first() is not None)


def _demand_unchanged(connection: Connection, asked: Asked) -> None:
    demand_active(connection, asked.credential.signer, asked.account_epoch, asked.credential.id)


def demand_active(connection: Connection, signer: str, epoch: int, credential_id: str) -> None:
    """Lock the account row and check that nothing moved (PostgreSQL; SQLite writes alone)."""
    found = connection.execute(
        select(account.c.id)
        .join(credential, credential.c.account_id == account.c.id)
        .where(
            account.c.id == signer,
            account.c.epoch == epoch,
            account.c.state == AccountState.ACTIVE.value,
            credential.c.id == credential_id,
            credential.c.state == CredentialState.ACTIVE.value,
        )
        .with_for_update(read=True, of=account)
    ).first()
    demand(found is not None)
