"""Suspending, resuming, closing, changing the phone: what is pending dies with the change."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from signer.adapters.store.accounts import duplicate_of
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.credentials import destroy_blobs
from signer.adapters.store.engine import Database
from signer.adapters.store.links import add_link, kill_links
from signer.adapters.store.queue import Queue
from signer.adapters.store.tables.accounts import account as accounts
from signer.adapters.store.tables.accounts import credential as credentials
from signer.adapters.store.tables.activation import challenge as challenges
from signer.adapters.store.tables.activation import signing_item as items
from signer.adapters.store.tables.activation import signing_transaction as transactions
from signer.adapters.store.tables.activation import slot as slots
from signer.domain.account import Account, AccountState, SigningRestriction
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.bindings import Stage
from signer.domain.certificate import CertificateStatus, RevocationReason
from signer.domain.credential import CredentialState
from signer.domain.errors import StoreUnavailableError
from signer.domain.link import AccountChange, Link
from signer.domain.transaction import TransactionState
from signer.domain.values import SignerId

_DEADLOCK: Final = "40P01"
_ATTEMPTS: Final = 4
_OPEN: Final = (TransactionState.CREATED.value, TransactionState.ASKED.value)


class SQLAccountLife:
    """Each change: epoch + 1, pending slots deleted, open transactions ended, one transaction."""

    def __init__(self, database: Database, chain: AuditChain, queue: Queue) -> None:
        self._database = database
        self._chain = chain
        self._queue = queue

    def suspend(self, account: Account, change: AccountChange) -> bool:
        """ACTIVE to SUSPENDED; keys stay, certificates are due to be put on hold."""

        def work(connection: Connection) -> bool:
            values = {"state": AccountState.SUSPENDED.value, "recovery_requested_at": None}
            if not _advance(connection, account, (AccountState.ACTIVE,), values):
                return False
            _mark(connection, account.id, CredentialState.ACTIVE, CredentialState.SUSPENDED)
            self._end_pending(connection, account.id, change)
            return True

        return self._changing(work, change)

    def resume(self, account: Account, change: AccountChange) -> bool:
        """SUSPENDED to ACTIVE; certificates are due to be reinstated."""

        def work(connection: Connection) -> bool:
            values = {"state": AccountState.ACTIVE.value}
            if not _advance(connection, account, (AccountState.SUSPENDED,), values):
                return False
            _mark(connection, account.id, CredentialState.SUSPENDED, CredentialState.ACTIVE)
            return True

        return self._changing(work, change)

    def close(self, account: Account, change: AccountChange) -> bool:
        """To CLOSED for ever: keys and slots gone, certificates due to be revoked.

        Phone and identity are free for another account.
        """
        gone: list[AuditRecord] = []

        def work(connection: Connection) -> bool:
            values = {
                "state": AccountState.CLOSED.value,
                "closed_at": change.at,
                "document_key": None,
                "phone_key": None,
                "authentication_kcv": None,
                "recovery_requested_at": None,
            }
            living = (AccountState.INVITED, AccountState.ACTIVE, AccountState.SUSPENDED)
            if not _advance(connection, account, living, values):
                return False
            destroyed = (
                update(credentials)
                .where(credentials.c.account_id == account.id, credentials.c.blob.is_not(None))
                .values(destroyed_at=change.at)
            )
            connection.execute(destroyed)
            gone[:] = destroy_blobs(connection, account.id, RevocationReason.CESSATION_OF_OPERATION)
            connection.execute(delete(slots).where(slots.c.account_id == account.id))
            kill_links(connection, account.id)
            self._end_pending(connection, account.id, change)
            return True

        return self._changing(work, change, gone)

    def restrict(
        self, account: Account, restriction: SigningRestriction | None, change: AccountChange
    ) -> bool:
        """Signing is refused for this reason from now on; None lifts it."""

        def work(connection: Connection) -> bool:
            values = {"signing_restriction": restriction.value if restriction else None}
            if not _advance(connection, account, (AccountState.ACTIVE,), values):
                return False
            self._end_pending(connection, account.id, change)
            return True

        return self._changing(work, change)

    def change_phone(self, account: Account, phone: str, link: Link, change: AccountChange) -> bool:
        """Another phone, not confirmed yet; raises DuplicatePhoneError."""

        def work(connection: Connection) -> bool:
            values = {
                "phone": phone,
                "phone_key": phone,
                "phone_confirmed": False,
                "phone_changed_at": change.at,
                "recovery_requested_at": None,
            }
            states = (AccountState.INVITED, AccountState.ACTIVE, AccountState.SUSPENDED)
            if not _advance(connection, account, states, values):
                return False
            kill_links(connection, account.id)
            add_link(connection, link)
            self._end_pending(connection, account.id, change)
            return True

        try:
            return self._changing(work, change)
        except IntegrityError as error:
            duplicate = duplicate_of(error)
            refused = AuditRecord(
                event=AuditEvent.ACCOUNT_REFUSED,
                outcome=duplicate.code,
                actor=change.audit[0].actor if change.audit else "",
                subject=account.id,
            )
            with self._database.begin() as connection:
                self._chain.append(connection, refused)
            raise duplicate from error

    def _changing(
        self,
        work: Callable[[Connection], bool],
        change: AccountChange,
        also: Sequence[AuditRecord] = (),
    ) -> bool:
        """Run ``work``; again when PostgreSQL chose it as the victim of a deadlock.

        ``work`` may fill ``also`` with records of what it did.
        Claims of slots lock slot, then account; a change locks them the other way round.
        """
        for attempt in range(_ATTEMPTS):
            try:
                with self._database.begin() as connection:
                    if not work(connection):
                        return False
                    self._queue.put(connection, change.outgoing)
                    self._chain.append(connection, *also, *change.audit)
            except StoreUnavailableError as error:
                if attempt == _ATTEMPTS - 1 or not _is_deadlock(error):
                    raise
            else:
                return True
        return False

    def _end_pending(self, connection: Connection, signer: SignerId, change: AccountChange) -> None:
        pending = (slots.c.account_id == signer) & (slots.c.stage != Stage.PIN.value)
        connection.execute(delete(slots).where(pending))
        connection.execute(delete(challenges).where(challenges.c.subject == signer))
        ended = connection.execute(
            update(transactions)
            .where(transactions.c.account_id == signer, transactions.c.state.in_(_OPEN))
            .values(state=TransactionState.FAILED.value, ended_at=change.at, failure=change.failure)
            .returning(transactions.c.id)
        )
        processes = [row.id for row in ended]
        if processes:
            connection.execute(
                update(items).where(items.c.transaction_id.in_(processes)).values(document=None)
            )
            self._queue.cancel(connection, processes)


def _advance(
    connection: Connection,
    account: Account,
    states: Sequence[AccountState],
    values: dict[str, Any],
) -> bool:
    able: ColumnElement[bool] = accounts.c.state.in_([state.value for state in states])
    advancing = (
        update(accounts)
        .where(accounts.c.id == account.id, accounts.c.epoch == account.epoch, able)
        .values(epoch=account.epoch + 1, **values)
        .returning(accounts.c.id)
    )
    return connection.execute(advancing).first() is not None


def _mark(
    connection: Connection, signer: SignerId, before: CredentialState, after: CredentialState
) -> None:
    status = {
        CredentialState.ACTIVE: CertificateStatus.GOOD,
        CredentialState.SUSPENDED: CertificateStatus.SUSPENDED,
    }[after]
    connection.execute(
        update(credentials)
        .where(credentials.c.account_id == signer, credentials.c.state == before.value)
        .values(state=after.value, due_status=status.value)
    )


def _is_deadlock(error: StoreUnavailableError) -> bool:
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", "") == _DEADLOCK
