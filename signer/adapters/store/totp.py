"""Authenticator apps as rows: a time step is spent by one conditional update."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.tables.totp import totp_seed
from signer.domain.audit import AuditRecord
from signer.domain.totp import TOTPSeed
from signer.domain.values import SignerId


class SQLTOTPStore:
    """At most one app per person."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def begin(self, seed: TOTPSeed, *, audit: AuditRecord) -> None:
        """Store an unconfirmed seed in place of any before."""
        with self._database.begin() as connection:
            connection.execute(delete(totp_seed).where(totp_seed.c.account_id == seed.signer))
            connection.execute(
                insert(totp_seed),
                {
                    "id": seed.id,
                    "account_id": seed.signer,
                    "seed": seed.protected,
                    "last_step": seed.last_step,
                    "created_at": seed.created_at,
                    "confirmed_at": seed.confirmed_at,
                },
            )
            self._chain.append(connection, audit)

    def of(self, signer: SignerId) -> TOTPSeed | None:
        """The person's app, confirmed or not."""
        with self._database.read() as connection:
            row = connection.execute(
                select(totp_seed).where(totp_seed.c.account_id == signer)
            ).one_or_none()
        if row is None:
            return None
        return TOTPSeed(
            id=row.id,
            signer=SignerId(row.account_id),
            protected=row.seed,
            last_step=row.last_step,
            created_at=row.created_at,
            confirmed_at=row.confirmed_at,
        )

    def spend(self, seed_id: str, step: int) -> bool:
        """Accept ``step``, once; False when it or a later one was accepted before."""
        spent = (
            update(totp_seed)
            .where(
                totp_seed.c.id == seed_id,
                totp_seed.c.last_step < step,
                totp_seed.c.confirmed_at.is_not(None),
            )
            .values(last_step=step)
            .returning(totp_seed.c.id)
        )
        with self._database.begin() as connection:
            return connection.execute(spent).first() is not None

    def confirm(self, seed_id: str, step: int, now: datetime, *, audit: AuditRecord) -> bool:
        """The person's first right code; False when confirmed, replaced or removed meanwhile."""
        confirmed = (
            update(totp_seed)
            .where(
                totp_seed.c.id == seed_id,
                totp_seed.c.last_step < step,
                totp_seed.c.confirmed_at.is_(None),
            )
            .values(last_step=step, confirmed_at=now)
            .returning(totp_seed.c.id)
        )
        with self._database.begin() as connection:
            if connection.execute(confirmed).first() is None:
                return False
            self._chain.append(connection, audit)
            return True

    def remove(self, signer: SignerId, *, audit: AuditRecord) -> bool:
        """Forget the app; False when there was none."""
        gone = delete(totp_seed).where(totp_seed.c.account_id == signer).returning(totp_seed.c.id)
        with self._database.begin() as connection:
            if connection.execute(gone).first() is None:
                return False
            self._chain.append(connection, audit)
            return True
