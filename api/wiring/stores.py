"""The database and every store on it."""

from dataclasses import dataclass

from sqlalchemy import Connection, update

from api.settings import Settings
from signer.adapters.buffered_statistics import BufferedStatistics
from signer.adapters.store.account_life import SQLAccountLife
from signer.adapters.store.accounts import SQLAccountStore
from signer.adapters.store.applications import SQLApplicationStore
from signer.adapters.store.archive import SQLArchive
from signer.adapters.store.attempts import SQLAttemptStore
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.audit_log import SQLAuditLog
from signer.adapters.store.certificates import SQLCertificateStore
from signer.adapters.store.challenges import SQLChallengeStore
from signer.adapters.store.clients import SQLClientStore
from signer.adapters.store.cmd_processes import SQLCMDProcessStore
from signer.adapters.store.credentials import SQLCredentialStore
from signer.adapters.store.devices import SQLDeviceStore
from signer.adapters.store.engine import Database, open_database
from signer.adapters.store.grants import SQLGrantStore
from signer.adapters.store.idempotency import SQLIdempotencyStore
from signer.adapters.store.links import SQLLinkStore
from signer.adapters.store.outbox import SQLOutbox
from signer.adapters.store.queue import Queue
from signer.adapters.store.service import SQLServiceStore
from signer.adapters.store.staged import SQLStagedStore
from signer.adapters.store.statistics import SQLStatistics
from signer.adapters.store.tables.activation import signing_transaction
from signer.adapters.store.totp import SQLTOTPStore
from signer.adapters.store.transactions import SQLTransactionStore
from signer.adapters.system_clock import SystemClock
from signer.domain.transaction import TransactionState
from signer.domain.values import ClientId
from signer.ports import Clock


@dataclass(frozen=True, slots=True)
class Stores:
    """One database, one audit chain per process, all stores."""

    clock: Clock
    database: Database
    chain: AuditChain
    outbox: SQLOutbox
    attempts: SQLAttemptStore
    credentials: SQLCredentialStore
    transactions: SQLTransactionStore
    staged: SQLStagedStore
    grants: SQLGrantStore
    service: SQLServiceStore
    challenges: SQLChallengeStore
    accounts: SQLAccountStore
    account_life: SQLAccountLife
    links: SQLLinkStore
    clients: SQLClientStore
    applications: SQLApplicationStore
    archive: SQLArchive
    devices: SQLDeviceStore
    cmd_processes: SQLCMDProcessStore
    certificates: SQLCertificateStore
    idempotency: SQLIdempotencyStore
    totp: SQLTOTPStore
    audit_log: SQLAuditLog
    statistics: BufferedStatistics


class ClientTransactions:
    """Ends what a suspended client had open, in the suspension's own transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def end_for_client(self, connection: Connection, client_id: ClientId) -> int:
        """CREATED and ASKED to CANCELLED; gives how many.  Their slots no longer match."""
        ending = (
            update(signing_transaction)
            .where(
                signing_transaction.c.client_id == client_id,
                signing_transaction.c.state.in_(
                    [TransactionState.CREATED.value, TransactionState.ASKED.value]
                ),
            )
            .values(
                state=TransactionState.CANCELLED.value,
                ended_at=self._clock.now(),
                failure="client-suspended",
            )
            .returning(signing_transaction.c.id)
        )
        return len(connection.execute(ending).all())


def open_stores(settings: Settings, clock: Clock | None = None) -> Stores:
    """Nothing connects yet."""
    time = clock or SystemClock()
    database = open_database(settings.database_url)
    chain = AuditChain(time)
    outbox = SQLOutbox(database, chain, time)
    queue = Queue(outbox)
    credentials = SQLCredentialStore(database, chain)
    grants = SQLGrantStore(database, chain)
    return Stores(
        clock=time,
        database=database,
        chain=chain,
        outbox=outbox,
        attempts=SQLAttemptStore(database, chain),
        credentials=credentials,
        transactions=SQLTransactionStore(
            database, chain, enqueue=outbox.enqueue, cancel=outbox.cancel
        ),
        staged=SQLStagedStore(database, chain, enqueue=outbox.enqueue, cancel=outbox.cancel),
        grants=grants,
        service=SQLServiceStore(credentials, grants),
        challenges=SQLChallengeStore(
            database, chain, time, enqueue=outbox.enqueue, cancel=outbox.cancel
        ),
        accounts=SQLAccountStore(database, chain, queue),
        account_life=SQLAccountLife(database, chain, queue),
        links=SQLLinkStore(database, chain, queue),
        clients=SQLClientStore(database, chain, ClientTransactions(time)),
        applications=SQLApplicationStore(database, chain),
        archive=SQLArchive(database),
        devices=SQLDeviceStore(database, chain, queue),
        cmd_processes=SQLCMDProcessStore(database),
        certificates=SQLCertificateStore(database, chain),
        idempotency=SQLIdempotencyStore(database, time),
        totp=SQLTOTPStore(database, chain),
        audit_log=SQLAuditLog(database, chain),
        statistics=BufferedStatistics(SQLStatistics(database, time), time),
    )
