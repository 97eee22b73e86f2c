"""Professional bodies hosted here: set up, fed from files or programs, withdrawn at once."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from signer.domain.attribute import ProfessionalAttribute
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import ConflictError, InvalidRequestError, NotFoundError
from signer.domain.professional_body import (
    AttributeEntry,
    Change,
    Provider,
    ProviderRole,
    ProviderState,
)
from signer.domain.values import SignerId
from signer.operations import attribute_csv
from signer.operations.attribute_csv import CSVProblem, Progress
from signer.ports import Clock, KeyVault

HOLDER_PSEUDONYM: Final = "attribute-holder"
MAX_ENTRIES_PER_CALL: Final = 1_000
MAX_PAGE: Final = 1_000

ADDED: Final = "attribute.added"
"""Text id of the notice to a holder who gained or changed an attribute."""
WITHDRAWN: Final = "attribute.withdrawn"

_REASON: Final = re.compile(r"[a-z0-9_-]{1,40}")


class AttributeStore(Protocol):
    """Bodies, roles and statements; each change is one transaction with its audit record."""

    def add_provider(self, provider: Provider, *, at: datetime, audit: AuditRecord) -> bool:
        """False when the id is taken."""
        ...

    def set_provider_state(
        self, provider: str, state: ProviderState, *, audit: AuditRecord
    ) -> bool:
        """False when unknown."""
        ...

    def define_role(self, role: ProviderRole, *, audit: AuditRecord) -> bool:
        """False when the body is unknown."""
        ...

    def providers(self) -> tuple[Provider, ...]:
        """Ordered by id."""
        ...

    def roles(self, provider: str) -> tuple[ProviderRole, ...]:
        """Ordered by id."""
        ...

    def preview(self, provider: str, entries: Sequence[AttributeEntry]) -> Change:
        """What ``apply`` would do; raises as it does."""
        ...

    def apply(
        self,
        provider: str,
        entries: Sequence[AttributeEntry],
        *,
        source: str,
        at: datetime,
        audit: AuditRecord,
    ) -> Change:
        """Raises NotFoundError, InvalidRequestError or ConflictError."""
        ...

    def withdraw(
        self, provider: str, attribute_id: str, *, reason: str, at: datetime, audit: AuditRecord
    ) -> str | None:
        """The holder's key; None when there is no such living statement."""
        ...

    def listed(
        self, provider: str, *, after: str = "", limit: int = 100
    ) -> tuple[tuple[str, ProfessionalAttribute], ...]:
        """(holder key, attribute) by id."""
        ...


class Notifier(Protocol):
    """Tells a citizen about a change; the words are found by ``text_id``."""

    def notify(self, signer: SignerId, text_id: str, **values: str) -> None:
        """Put a notice into the outbox."""
        ...


@dataclass(frozen=True, slots=True)
class HolderNotices:
    """Tells holders who have an account here; others hear from their body."""

    notifier: Notifier
    signer_of: Callable[[str], SignerId | None]
    """The signer whose ``IdentityDocument.key`` this is."""

    def send(self, holder_key: str, text_id: str, provider: str) -> None:
        """Nothing happens for a holder without an account."""
        signer = self.signer_of(holder_key)
        if signer is not None:
            self.notifier.notify(signer, text_id, provider=provider)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or why it did nothing."""

    change: Change = field(default_factory=Change)
    problems: tuple[CSVProblem, ...] = ()
    dry_run: bool = False

    @property
    def stored(self) -> bool:
        """True when the file is in the database now."""
        return not self.problems and not self.dry_run


@dataclass(frozen=True, slots=True)
class SetUpProvider:
    """Create a professional body, define its roles, stop and resume it."""

    store: AttributeStore
    clock: Clock

    def create(self, provider: Provider, *, actor: str) -> None:
        """Raises ConflictError when the id is taken."""
        audit = _configured(provider.id, actor, changed="created")
        if not self.store.add_provider(provider, at=self.clock.now(), audit=audit):
            raise ConflictError(f"professional body {provider.id} exists already")

    def define_role(self, role: ProviderRole, *, actor: str) -> None:
        """Add a role, or change its labels; raises NotFoundError."""
        audit = _configured(role.provider, actor, changed="role", role=role.id)
        if not self.store.define_role(role, audit=audit):
            raise NotFoundError("there is no such professional body")

    def set_state(self, provider: str, state: ProviderState, *, actor: str) -> None:
        """A suspended body's attributes stop at the next activation; raises NotFoundError."""
        audit = _configured(provider, actor, changed=state.value)
        if not self.store.set_provider_state(provider, state, audit=audit):
            raise NotFoundError("there is no such professional body")


@dataclass(frozen=True, slots=True)
class ImportAttributes:
    """Take a body's CSV file: whole, or nothing of it."""

    store: AttributeStore
    clock: Clock
    notices: HolderNotices

    def __call__(
        self,
        provider: str,
        content: bytes,
        *,
        actor: str,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Problems are in the report; raises NotFoundError or ConflictError about the body.

        A dry run tells what would happen and stores nothing.
        """
        _demand_provider(self.store, provider)
        roles = {role.id for role in self.store.roles(provider)}
        parsed = attribute_csv.parse(content, roles=roles, progress=progress)
        if parsed.problems:
            return ImportReport(problems=parsed.problems, dry_run=dry_run)
        if dry_run:
            return ImportReport(self.store.preview(provider, parsed.entries), dry_run=True)
        change = self.store.apply(
            provider,
            parsed.entries,
            source="csv",
            at=self.clock.now(),
            audit=_imported(provider, actor, source="csv", entries=len(parsed.entries)),
        )
        for holder in change.holders:
            self.notices.send(holder, ADDED, provider)
        return ImportReport(change)


@dataclass(frozen=True, slots=True)
class UpsertAttributes:
    """Take statements from a body's own program: all of a call, or nothing."""

    store: AttributeStore
    clock: Clock
    vault: KeyVault
    notices: HolderNotices

    def __call__(self, provider: str, entries: Sequence[AttributeEntry], *, actor: str) -> Change:
        """Raises InvalidRequestError (number, duplicates, role), NotFoundError, ConflictError."""
        if not 1 <= len(entries) <= MAX_ENTRIES_PER_CALL:
            raise InvalidRequestError(f"1 to {MAX_ENTRIES_PER_CALL}", field="attributes")
        if len({entry.live_key(provider) for entry in entries}) != len(entries):
            raise InvalidRequestError("each document, role and reference once", field="attributes")
        audit = _imported(provider, actor, source="api", entries=len(entries))
        if len(entries) == 1:
            holder = self.vault.pseudonym(HOLDER_PSEUDONYM, entries[0].holder_key)
            audit = replace(audit, facts={**audit.facts, "holder": holder})
        change = self.store.apply(provider, entries, source="api", at=self.clock.now(), audit=audit)
        for holder_key in change.holders:
            self.notices.send(holder_key, ADDED, provider)
        return change


@dataclass(frozen=True, slots=True)
class WithdrawAttribute:
    """End a statement now: the next activation that wants it is refused."""

    store: AttributeStore
    clock: Clock
    notices: HolderNotices

    def __call__(self, provider: str, attribute_id: str, *, reason: str, actor: str) -> None:
        """``reason`` is one word, e.g. ``resigned``; raises InvalidRequestError, NotFoundError."""
        if not _REASON.fullmatch(reason):
            raise InvalidRequestError("one word of a-z 0-9 _ -, at most 40", field="reason")
        audit = AuditRecord(
            event=AuditEvent.ATTRIBUTE_WITHDRAWN,
            actor=actor,
            subject=attribute_id[:64],
            facts={"provider": provider, "attribute": attribute_id[:64], "reason": reason},
        )
        holder = self.store.withdraw(
            provider, attribute_id, reason=reason, at=self.clock.now(), audit=audit
        )
        if holder is None:
            raise NotFoundError("there is no such attribute of this body")
        self.notices.send(holder, WITHDRAWN, provider)


@dataclass(frozen=True, slots=True)
class ListProviders:
    """What is hosted here."""

    store: AttributeStore

    def all(self) -> tuple[tuple[Provider, tuple[ProviderRole, ...]], ...]:
        """Every body with its roles."""
        return tuple((one, self.store.roles(one.id)) for one in self.store.providers())

    def attributes(
        self, provider: str, *, after: str = "", limit: int = 100
    ) -> tuple[tuple[str, ProfessionalAttribute], ...]:
        """A page of (holder key, attribute); raises NotFoundError, InvalidRequestError."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequestError(f"1 to {MAX_PAGE}", field="limit")
        _demand_provider(self.store, provider)
        return self.store.listed(provider, after=after, limit=limit)


def _demand_provider(store: AttributeStore, provider: str) -> None:
    if all(one.id != provider for one in store.providers()):
        raise NotFoundError("there is no such professional body")


def _configured(provider: str, actor: str, **facts: str) -> AuditRecord:
    return AuditRecord(
        event=AuditEvent.ATTRIBUTE_BODY_CHANGED,
        actor=actor,
        subject=provider[:64],
        facts=dict(facts),
    )


def _imported(provider: str, actor: str, *, source: str, entries: int) -> AuditRecord:
    return AuditRecord(
        event=AuditEvent.ATTRIBUTE_IMPORTED,
        actor=actor,
        subject=provider[:64],
        facts={"provider": provider, "source": source, "attributes": entries},
    )
