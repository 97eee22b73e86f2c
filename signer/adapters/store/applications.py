"""CMD applications: a client, its first secret and its application are one transaction."""

from sqlalchemy import bindparam, select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.clients import client_of, insert_client
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import AnyRow, Prepared
from signer.adapters.store.staged import Rollback, demand
from signer.adapters.store.tables.applications import cmd_application as applications
from signer.adapters.store.tables.clients import client
from signer.adapters.store.upsert import insert_for
from signer.domain.audit import AuditRecord
from signer.domain.cmd_application import BareHash, BasicRule, CMDApplication
from signer.domain.values import ClientId

_ALL = select(
    applications.c.application_id,
    applications.c.username,
    applications.c.basic,
    applications.c.bare_hash,
    *client.c,
).join(client, client.c.id == applications.c.client_id)
_BY_ID = Prepared(_ALL.where(applications.c.application_id == bindparam("application")))
_BY_USER = Prepared(_ALL.where(applications.c.username == bindparam("user")))


class SQLApplicationStore:
    """Rotation and suspension are the client's (:mod:`signer.adapters.store.clients`)."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def add(
        self, new: CMDApplication, username: str, secret_sha256: str, *, audit: AuditRecord
    ) -> bool:
        """False, with nothing written, when client id, ApplicationId or user name is taken."""
        try:
            with self._database.begin() as connection:
                demand(insert_client(connection, new.client, secret_sha256))
                added = connection.execute(
                    insert_for(connection, applications)
                    .values(
                        application_id=new.application_id,
                        client_id=new.client.id,
                        username=username,
                        basic=new.basic.value,
                        bare_hash=new.bare_hash.value,
                        created_at=new.client.created_at,
                    )
                    .on_conflict_do_nothing()
                    .returning(applications.c.client_id)
                ).first()
                demand(added is not None)
                self._chain.append(connection, audit)
        except Rollback:
            return False
        return True

    def by_application_id(self, application_id: str) -> CMDApplication | None:
        """Whatever its state; ``application_id`` in lower case."""
        with self._database.look() as connection:
            row = _BY_ID.one_or_none(connection, application=application_id)
        return None if row is None else _application(row)

    def by_username(self, username: str) -> CMDApplication | None:
        """Whatever its state."""
        with self._database.look() as connection:
            row = _BY_USER.one_or_none(connection, user=username)
        return None if row is None else _application(row)

    def all(self) -> tuple[tuple[CMDApplication, str], ...]:
        """Every application with its user name, ordered by client."""
        with self._database.read() as connection:
            rows = connection.execute(_ALL.order_by(client.c.id)).all()
        return tuple((_application(row), row.username) for row in rows)

    def change(
        self,
        client_id: ClientId,
        *,
        basic: BasicRule,
        bare_hash: BareHash,
        audit: AuditRecord,
    ) -> bool:
        """Set both rules; False when the client is no application."""
        changed = (
            update(applications)
            .where(applications.c.client_id == client_id)
            .values(basic=basic.value, bare_hash=bare_hash.value)
            .returning(applications.c.client_id)
        )
        with self._database.begin() as connection:
            if connection.execute(changed).first() is None:
                return False
            self._chain.append(connection, audit)
            return True


def _application(row: AnyRow) -> CMDApplication:
    return CMDApplication(
        application_id=row.application_id,
        client=client_of(row),
        basic=BasicRule(row.basic),
        bare_hash=BareHash(row.bare_hash),
    )
