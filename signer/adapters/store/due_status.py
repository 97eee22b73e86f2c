"""Certificates whose CA must still be told: marked with the change, cleared when it was told."""

from sqlalchemy import select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.rows import chain_of
from signer.adapters.store.tables.accounts import credential as credentials
from signer.domain.audit import AuditRecord
from signer.domain.link import DueStatus
from signer.domain.values import CredentialId, SignerId


class SQLDueStatusStore:
    """A mark per credential; a newer change overwrites it, so only the last one counts."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def due(self, signer: SignerId | None = None, limit: int = 200) -> tuple[DueStatus, ...]:
        """What the CA does not know yet, of one citizen or of all."""
        query = select(credentials).where(
            credentials.c.due_status.is_not(None), credentials.c.account_id.is_not(None)
        )
        if signer is not None:
            query = query.where(credentials.c.account_id == signer)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(credentials.c.id).limit(limit)).all()
        found = []
        for row in rows:
            status, _, reason = row.due_status.partition(":")
            found.append(
                DueStatus(
                    credential=CredentialId(row.id),
                    signer=SignerId(row.account_id),
                    certificate_der=chain_of(row.chain)[0],
                    status=status,
                    reason=reason,
                )
            )
        return tuple(found)

    def told(self, due: DueStatus, *, audit: AuditRecord) -> bool:
        """Clear the mark; False when something newer is due."""
        mark = f"{due.status}:{due.reason}" if due.reason else due.status
        clearing = (
            update(credentials)
            .where(credentials.c.id == due.credential, credentials.c.due_status == mark)
            .values(due_status=None)
            .returning(credentials.c.id)
        )
        with self._database.begin() as connection:
            if connection.execute(clearing).first() is None:
                return False
            self._chain.append(connection, audit)
        return True
