"""Bodies of the professional bodies' calls: what they state about people, and what is hosted."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.native.messages import Strict, Value, Word
from signer.domain.attribute import ProfessionalAttribute
from signer.domain.errors import InvalidRequestError
from signer.domain.professional_body import (
    MAX_SUB_ATTRIBUTES,
    AttributeEntry,
    Change,
    Provider,
    ProviderRole,
    ProviderState,
)
from signer.operations.attribute_csv import CSVProblem
from signer.operations.providers import MAX_ENTRIES_PER_CALL, MAX_PAGE, ImportReport

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 12, 31))]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$")]


class HolderIn(Strict):
    """The identity document of the person, as their account here names it."""

    type: Literal["BI", "CC", "PAS", "TR"]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "PT"
    """ISO 3166-1 alpha-2 of the issuer."""
    number: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,40}$")]

    @property
    def key(self) -> str:
        """As ``IdentityDocument.key``."""
        return f"{self.type}{self.country}-{self.number}"


class EntryIn(Strict):
    """One statement: this person has this role from that day to that day."""

    document: HolderIn
    role: Identifier
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{0,64}$")] = ""
    """The body's own name for the entry, when one person may hold a role more than once."""
    sub_attributes: Annotated[
        dict[Word, Value], Field(default_factory=dict, max_length=MAX_SUB_ATTRIBUTES)
    ]
    """What signatures may state beside the role, e.g. ``{"cedula": "12345L"}``."""
    valid_from: Day
    """First day, UTC."""
    valid_until: Day
    """Last day, UTC; included."""

    def value(self, ordinal: int) -> AttributeEntry:
        """As a domain value; raises InvalidRequestError naming the member."""
        try:
            return AttributeEntry(
                role=self.role,
                holder_key=self.document.key,
                reference=self.reference,
                sub_attributes=tuple(sorted(self.sub_attributes.items())),
                valid_from=_midnight(self.valid_from),
                valid_until=_midnight(self.valid_until) + timedelta(days=1),
            )
        except InvalidRequestError as error:
            field = f"attributes[{ordinal}].{error.field}"
            raise InvalidRequestError(error.detail, field=field) from error


class EntriesIn(Strict):
    """Statements to add or renew: all of a call, or nothing."""

    attributes: Annotated[list[EntryIn], Field(min_length=1, max_length=MAX_ENTRIES_PER_CALL)]


class ProviderPath(Strict):
    """Which professional body."""

    provider: Identifier


class AttributePath(ProviderPath):
    """Which of its attributes."""

    id: Annotated[str, Field(pattern="^[0-9a-f-]{36}$")]


class ImportQuery(Strict):
    """How to take a file."""

    dry_run: bool = False
    """Tell what would happen and store nothing."""


class PageQuery(Strict):
    """Which page."""

    after: Annotated[str, Field(pattern="^[0-9a-f-]{0,36}$")] = ""
    """``next`` of the page before."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100


class WithdrawQuery(Strict):
    """Why an attribute ends."""

    reason: Annotated[str, Field(pattern="^[a-z0-9_-]{1,40}$")]
    """One word, e.g. ``resigned``."""


class ChangeOut(BaseModel):
    """What a call did, in numbers of statements."""

    added: int
    changed: int
    unchanged: int


class ProblemOfFile(BaseModel):
    """What is wrong where."""

    line: int
    column: str
    fix: str


class ImportOut(ChangeOut):
    """What a file did, or in a dry run would do."""

    stored: bool
    problems: list[ProblemOfFile]


class StatementOut(BaseModel):
    """A living attribute."""

    id: str
    document: str
    """Type, country, dash, number of the person's document."""
    role: str
    label: str
    sub_attributes: dict[str, str]
    valid_from: date
    valid_until: date


class StatementsOut(BaseModel):
    """A page of a body's living attributes, by id."""

    attributes: list[StatementOut]
    next: str | None
    """``after`` of the next page; null on the last one."""


class RoleOut(BaseModel):
    """A role a body confirms."""

    id: str
    label_pt: str
    label_en: str


class ProviderOut(BaseModel):
    """A professional body and what can be demanded of it."""

    id: str
    name: str
    name_en: str
    uri: str
    state: ProviderState
    roles: list[RoleOut]


class ProvidersOut(BaseModel):
    """What is hosted here."""

    providers: list[ProviderOut]


def change_out(change: Change) -> ChangeOut:
    """Numbers only: who gained something is the body's to know."""
    return ChangeOut(added=change.added, changed=change.changed, unchanged=change.unchanged)


def import_out(report: ImportReport) -> ImportOut:
    """What happened to a file."""
    problems = [ProblemOfFile(line=p.line, column=p.column, fix=p.fix) for p in report.problems]
    numbers = change_out(report.change).model_dump()
    return ImportOut(**numbers, stored=report.stored, problems=problems)


def file_refused(problems: tuple[CSVProblem, ...]) -> InvalidRequestError:
    """Every problem of a file by its place: ``line 3, role``."""
    fields = {
        f"line {one.line}, {one.column}" if one.column else f"line {one.line}": one.fix
        for one in problems
    }
    return InvalidRequestError(f"{len(problems)} problems; nothing was stored", fields=fields)


def statement_out(holder_key: str, one: ProfessionalAttribute) -> StatementOut:
    """A living attribute; the last day is the one before validity ends."""
    return StatementOut(
        id=one.id,
        document=holder_key,
        role=one.role,
        label=one.label,
        sub_attributes=dict(one.sub_attributes),
        valid_from=one.valid_from.date(),
        valid_until=(one.valid_until - timedelta(microseconds=1)).date(),
    )


def provider_out(provider: Provider, roles: tuple[ProviderRole, ...]) -> ProviderOut:
    """A body with its roles."""
    return ProviderOut(
        id=provider.id,
        name=provider.name,
        name_en=provider.name_en,
        uri=provider.uri,
        state=provider.state,
        roles=[RoleOut(id=r.id, label_pt=r.label_pt, label_en=r.label_en) for r in roles],
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
