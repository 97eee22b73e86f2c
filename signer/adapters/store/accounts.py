"""Accounts: created once per identity and phone, found, searched, and their small changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from signer.adapters.store.account_rows import account_of, account_values, progress_of
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.links import add_link
from signer.adapters.store.prepared import Prepared
from signer.adapters.store.queue import Queue
from signer.adapters.store.tables.accounts import account as accounts
from signer.adapters.store.tables.audit import audit_record
from signer.domain.account import Account, AccountState
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import ConflictError, DuplicateIdentityError, DuplicatePhoneError
from signer.domain.link import AuthenticationPIN, Link, Progress
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import SignerId

_NOT_CLOSED = accounts.c.state != AccountState.CLOSED.value
MAX_PAGE = 200
_BY_ID = Prepared(select(accounts).where(accounts.c.id == bindparam("key")))
_BY_PHONE = Prepared(select(accounts).where(accounts.c.phone_key == bindparam("key")))
_BY_IDENTITY = Prepared(select(accounts).where(accounts.c.document_key == bindparam("key")))


class SQLAccountStore:
    """Uniqueness is the database's: closed accounts have NULL keys, all others collide."""

    def __init__(self, database: Database, chain: AuditChain, queue: Queue) -> None:
        self._database = database
        self._chain = chain
        self._queue = queue

    def create(
        self,
        account: Account,
        link: Link,
        *,
        identity_key: str,
        outgoing: Sequence[OutgoingMessage],
        audit: Sequence[AuditRecord],
    ) -> None:
        """Insert the account with its first link and the message that carries it.

        Raises DuplicateIdentityError or DuplicatePhoneError; the refusal is audited too.
        """
        try:
            with self._database.begin() as connection:
                connection.execute(insert(accounts), account_values(account, identity_key))
                add_link(connection, link)
                self._queue.put(connection, outgoing)
                self._chain.append(connection, *audit)
        except IntegrityError as error:
            duplicate = duplicate_of(error)
            self.refuse(
                AuditRecord(
                    event=AuditEvent.ACCOUNT_REFUSED,
                    outcome=duplicate.code,
                    actor=audit[0].actor if audit else "",
                )
            )
            raise duplicate from error

    def refuse(self, audit: AuditRecord) -> None:
        """Record a refusal; nothing else changes."""
        with self._database.begin() as connection:
            self._chain.append(connection, audit)

    def by_id(self, signer: SignerId) -> Account | None:
        """By internal id, closed ones too."""
        return self._one(_BY_ID, signer)

    def by_phone(self, phone: str) -> Account | None:
        """By E.164 phone, among those not closed."""
        return self._one(_BY_PHONE, phone)

    def by_identity(self, identity_key: str) -> Account | None:
        """By the key of the identity document, among those not closed."""
        return self._one(_BY_IDENTITY, identity_key)

    def search(
        self, text: str = "", *, state: AccountState | None = None, offset: int = 0, limit: int = 50
    ) -> tuple[tuple[Account, ...], int]:
        """A page of accounts, newest first, and how many match in all.

        ``text`` is part of a name, or a whole phone, document number or id.
        """
        condition = _matching(text, state)
        page = (
            select(accounts)
            .where(condition)
            .order_by(accounts.c.created_at.desc(), accounts.c.id)
            .offset(max(0, offset))
            .limit(min(max(1, limit), MAX_PAGE))
        )
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(accounts).where(condition)
            ).scalar_one()
            found = tuple(account_of(row) for row in connection.execute(page))
        return found, int(total)

    def progress(self, signer: SignerId) -> Progress | None:
        """What happened to the account beside its state."""
        with self._database.look() as connection:
            row = _BY_ID.one_or_none(connection, key=signer)
        return None if row is None else progress_of(row)

    def codes_sent_since(self, subject: str, since: datetime) -> int:
        """How many codes went to this person since, for whatever purpose."""
        query = select(func.count()).where(
            audit_record.c.subject == subject,
            audit_record.c.event == AuditEvent.CODE_SENT.value,
            audit_record.c.at > since,
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def confirm_phone(self, account: Account, *, audit: AuditRecord) -> bool:
        """The person got a code at this phone; False when the phone changed meanwhile."""
        same = accounts.c.phone_key == account.phone
        return self._change(account.id, same, {"phone_confirmed": True}, (), audit)

    def accept_terms(
        self, signer: SignerId, version: str, now: datetime, *, audit: AuditRecord
    ) -> bool:
        """Record which terms the person accepted, and when."""
        values = {"terms_version": version, "terms_accepted_at": now}
        return self._change(signer, _NOT_CLOSED, values, (), audit)

    def set_channels(
        self,
        signer: SignerId,
        channels: Sequence[str],
        *,
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool:
        """Set the fall-back order of channels."""
        values = {"channels": ",".join(channels)}
        return self._change(signer, _NOT_CLOSED, values, outgoing, audit)

    def set_authentication_pin(
        self,
        account: Account,
        before: AuthenticationPIN,
        after: AuthenticationPIN,
        *,
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool:
        """Replace the authentication PIN; False when it or the epoch changed meanwhile."""
        same = and_(
            accounts.c.epoch == account.epoch,
            accounts.c.state == AccountState.ACTIVE.value,
            accounts.c.authentication_kcv == before.key_check_value,
        )
        values = {"authentication_salt": after.salt, "authentication_kcv": after.key_check_value}
        return self._change(account.id, same, values, outgoing, audit)

    def request_recovery(
        self,
        account: Account,
        now: datetime,
        *,
        lapsed_before: datetime,
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool:
        """Start the wait for a new signature PIN; False when it runs already.

        A request from before ``lapsed_before`` no longer counts.
        """
        asked_at = accounts.c.recovery_requested_at
        able = and_(
            or_(asked_at.is_(None), asked_at < lapsed_before),
            accounts.c.epoch == account.epoch,
            accounts.c.state == AccountState.ACTIVE.value,
        )
        values = {"recovery_requested_at": now}
        return self._change(account.id, able, values, outgoing, audit)

    def _change(
        self,
        signer: SignerId,
        condition: ColumnElement[bool],
        values: Mapping[str, object],
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool:
        changing = (
            update(accounts)
            .where(accounts.c.id == signer, condition)
            .values(**values)
            .returning(accounts.c.id)
        )
        with self._database.begin() as connection:
            if connection.execute(changing).first() is None:
                return False
            self._queue.put(connection, outgoing)
            self._chain.append(connection, audit)
        return True

    def _one(self, query: Prepared, key: str) -> Account | None:
        with self._database.look() as connection:
            row = query.one_or_none(connection, key=key)
        return None if row is None else account_of(row)


def duplicate_of(error: IntegrityError) -> ConflictError:
    """Which unique key collided: both databases name the column or its constraint."""
    said = str(error.orig)
    if "document_key" in said:
        return DuplicateIdentityError()
    return DuplicatePhoneError() if "phone_key" in said else ConflictError()


def _matching(text: str, state: AccountState | None) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [accounts.c.id.is_not(None)]
    if state is not None:
        conditions.append(accounts.c.state == state.value)
    if text:
        full_name = accounts.c.given_name + " " + accounts.c.surname
        conditions.append(
            or_(
                full_name.icontains(text, autoescape=True),
                accounts.c.phone == text,
                accounts.c.document_number == text,
                accounts.c.id == text,
            )
        )
    return and_(*conditions)
