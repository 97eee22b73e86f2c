"""Professional bodies and their attributes in the relational store."""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import Connection, Row, Select, and_, insert, select, update

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.tables.attributes import (
    attribute_provider,
    attribute_role,
    professional_attribute,
)
from signer.adapters.store.upsert import insert_for
from signer.domain.attribute import ProfessionalAttribute
from signer.domain.audit import AuditRecord
from signer.domain.errors import ConflictError, InvalidRequestError, NotFoundError
from signer.domain.professional_body import (
    AttributeEntry,
    AttributeState,
    Change,
    Provider,
    ProviderRole,
    ProviderState,
)

_BATCH: Final = 500
Item = TypeVar("Item")


class SQLAttributeStore:
    """Each change is one transaction with its audit record; history is never overwritten."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def add_provider(self, provider: Provider, *, at: datetime, audit: AuditRecord) -> bool:
        """False, with nothing written, when the id is taken."""
        with self._database.begin() as connection:
            added = connection.execute(
                insert_for(connection, attribute_provider)
                .values(
                    id=provider.id,
                    name=provider.name,
                    name_en=provider.name_en,
                    uri=provider.uri,
                    state=provider.state.value,
                    version=0,
                    created_at=at,
                )
                .on_conflict_do_nothing()
                .returning(attribute_provider.c.id)
            ).one_or_none()
            if added is None:
                return False
            self._chain.append(connection, audit)
            return True

    def set_provider_state(
        self, provider: str, state: ProviderState, *, audit: AuditRecord
    ) -> bool:
        """False when there is no such body."""
        with self._database.begin() as connection:
            done = connection.execute(
                update(attribute_provider)
                .where(attribute_provider.c.id == provider)
                .values(state=state.value, version=attribute_provider.c.version + 1)
                .returning(attribute_provider.c.id)
            ).one_or_none()
            if done is None:
                return False
            self._chain.append(connection, audit)
            return True

    def define_role(self, role: ProviderRole, *, audit: AuditRecord) -> bool:
        """Add a role or change its labels; False when there is no such body."""
        labels = {"label_pt": role.label_pt, "label_en": role.label_en}
        with self._database.begin() as connection:
            if _lock(connection, role.provider) is None:
                return False
            connection.execute(
                insert_for(connection, attribute_role)
                .values(provider_id=role.provider, id=role.id, **labels)
                .on_conflict_do_update(index_elements=["provider_id", "id"], set_=labels)
            )
            self._chain.append(connection, audit)
            return True

    def providers(self) -> tuple[Provider, ...]:
        """Every body, ordered by id."""
        with self._database.read() as connection:
            rows = connection.execute(select(attribute_provider).order_by("id")).all()
        return tuple(
            Provider(
                id=row.id,
                name=row.name,
                name_en=row.name_en,
                uri=row.uri,
                state=ProviderState(row.state),
            )
            for row in rows
        )

    def roles(self, provider: str) -> tuple[ProviderRole, ...]:
        """A body's roles, ordered by id."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(attribute_role)
                .where(attribute_role.c.provider_id == provider)
                .order_by(attribute_role.c.id)
            ).all()
        return tuple(
            ProviderRole(
                provider=row.provider_id, id=row.id, label_pt=row.label_pt, label_en=row.label_en
            )
            for row in rows
        )

    def preview(self, provider: str, entries: Sequence[AttributeEntry]) -> Change:
        """What :meth:`apply` would do now."""
        with self._database.read() as connection:
            row = connection.execute(
                select(attribute_provider.c.state).where(attribute_provider.c.id == provider)
            ).one_or_none()
            _demand(row)
            _demand_roles(connection, provider, entries)
            return _compare(connection, provider, entries)[0]

    def apply(
        self,
        provider: str,
        entries: Sequence[AttributeEntry],
        *,
        source: str,
        at: datetime,
        audit: AuditRecord,
    ) -> Change:
        """Add and supersede, all or nothing; the numbers join the audit record's facts.

        Entries differ in role, holder or reference.  Raises NotFoundError (body),
        InvalidRequestError (role) or ConflictError (body suspended).
        """
        with self._database.begin() as connection:
            _demand(_lock(connection, provider))
            _demand_roles(connection, provider, entries)
            change, replaced, new = _compare(connection, provider, entries)
            for batch in _batches(replaced):
                connection.execute(
                    update(professional_attribute)
                    .where(professional_attribute.c.id.in_(batch))
                    .values(state=AttributeState.SUPERSEDED.value, live_key=None, withdrawn_at=at)
                )
            for entry_batch in _batches(new):
                rows = [_to_row(provider, entry, source, at) for entry in entry_batch]
                connection.execute(insert(professional_attribute), rows)
            facts = {
                **audit.facts,
                "added": change.added,
                "changed": change.changed,
                "unchanged": change.unchanged,
            }
            self._chain.append(connection, replace(audit, facts=facts))
            return change

    def withdraw(
        self, provider: str, attribute_id: str, *, reason: str, at: datetime, audit: AuditRecord
    ) -> str | None:
        """End one statement at once; gives the holder's key, None when there is no living one."""
        row = professional_attribute.c
        with self._database.begin() as connection:
            if _lock(connection, provider) is None:
                return None
            gone = connection.execute(
                update(professional_attribute)
                .where(
                    row.id == attribute_id,
                    row.provider_id == provider,
                    row.state == AttributeState.ACTIVE.value,
                )
                .values(
                    state=AttributeState.WITHDRAWN.value,
                    live_key=None,
                    withdrawn_at=at,
                    reason=reason,
                )
                .returning(row.holder_key)
            ).one_or_none()
            if gone is None:
                return None
            self._chain.append(connection, audit)
            return str(gone.holder_key)

    def held(self, holder_key: str, at: datetime) -> tuple[ProfessionalAttribute, ...]:
        """What the holder has at that moment, of bodies that are not suspended."""
        row = professional_attribute.c
        statement = _joined().where(
            row.holder_key == holder_key,
            row.state == AttributeState.ACTIVE.value,
            row.valid_from <= at,
            row.valid_until > at,
            attribute_provider.c.state == ProviderState.ACTIVE.value,
        )
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(row.provider_id, row.id)).all()
        return tuple(_to_attribute(found) for found in rows)

    def listed(
        self, provider: str, *, after: str = "", limit: int = 100
    ) -> tuple[tuple[str, ProfessionalAttribute], ...]:
        """A body's living statements as (holder key, attribute), by id, from after that id."""
        row = professional_attribute.c
        statement = (
            _joined()
            .where(
                row.provider_id == provider,
                row.state == AttributeState.ACTIVE.value,
                row.id > after,
            )
            .order_by(row.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(statement).all()
        return tuple((found.holder_key, _to_attribute(found)) for found in rows)


def _joined() -> Select[tuple[object, ...]]:
    columns = professional_attribute.c
    return (
        select(
            columns.id,
            columns.provider_id,
            columns.role_id,
            columns.holder_key,
            columns.sub_attributes,
            columns.valid_from,
            columns.valid_until,
            attribute_provider.c.name.label("provider_name"),
            attribute_role.c.label_pt,
        )
        .join(attribute_provider, attribute_provider.c.id == columns.provider_id)
        .join(
            attribute_role,
            and_(
                attribute_role.c.provider_id == columns.provider_id,
                attribute_role.c.id == columns.role_id,
            ),
        )
    )


def _lock(connection: Connection, provider: str) -> Row[tuple[str]] | None:
    """Hold the body's row until the end of the transaction: its changes come one by one."""
    statement = (
        update(attribute_provider)
        .where(attribute_provider.c.id == provider)
        .values(version=attribute_provider.c.version + 1)
        .returning(attribute_provider.c.state)
    )
    return connection.execute(statement).one_or_none()


def _demand(row: Row[tuple[str]] | None) -> None:
    if row is None:
        raise NotFoundError("there is no such professional body")
    if row.state != ProviderState.ACTIVE.value:
        raise ConflictError("the professional body is suspended")


def _demand_roles(connection: Connection, provider: str, entries: Sequence[AttributeEntry]) -> None:
    known = set(
        connection.scalars(
            select(attribute_role.c.id).where(attribute_role.c.provider_id == provider)
        )
    )
    unknown = sorted({entry.role for entry in entries} - known)
    if unknown:
        raise InvalidRequestError(f"role {unknown[0]} is not defined", field="role")


def _compare(
    connection: Connection, provider: str, entries: Sequence[AttributeEntry]
) -> tuple[Change, list[str], list[AttributeEntry]]:
    """The numbers, ids of rows that are superseded, entries to insert."""
    added, unchanged = 0, 0
    replaced: list[str] = []
    new: list[AttributeEntry] = []
    columns = professional_attribute.c
    for batch in _batches(entries):
        by_key = {entry.live_key(provider): entry for entry in batch}
        rows = connection.execute(
            select(
                columns.live_key,
                columns.id,
                columns.sub_attributes,
                columns.valid_from,
                columns.valid_until,
            ).where(columns.live_key.in_(list(by_key)))
        ).all()
        there = {row.live_key: row for row in rows}
        for key, entry in by_key.items():
            row = there.get(key)
            if row is None:
                added += 1
                new.append(entry)
            elif (row.sub_attributes, row.valid_from, row.valid_until) == (
                _pairs(entry.sub_attributes),
                entry.valid_from,
                entry.valid_until,
            ):
                unchanged += 1
            else:
                replaced.append(row.id)
                new.append(entry)
    holders = tuple(dict.fromkeys(entry.holder_key for entry in new))
    change = Change(added=added, changed=len(replaced), unchanged=unchanged, holders=holders)
    return change, replaced, new


def _batches(values: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))


def _to_row(provider: str, entry: AttributeEntry, source: str, at: datetime) -> dict[str, object]:
    return {
        "id": str(uuid.uuid4()),
        "provider_id": provider,
        "role_id": entry.role,
        "holder_key": entry.holder_key,
        "reference": entry.reference,
        "sub_attributes": _pairs(entry.sub_attributes),
        "valid_from": entry.valid_from,
        "valid_until": entry.valid_until,
        "state": AttributeState.ACTIVE.value,
        "live_key": entry.live_key(provider),
        "source": source,
        "imported_at": at,
    }


def _to_attribute(row: Row[tuple[object, ...]]) -> ProfessionalAttribute:
    return ProfessionalAttribute(
        id=row.id,
        provider=row.provider_id,
        provider_name=row.provider_name,
        role=row.role_id,
        label=row.label_pt,
        sub_attributes=tuple((name, value) for name, value in json.loads(row.sub_attributes)),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )
