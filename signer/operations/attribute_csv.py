"""The CSV file in which a professional body names its members.

UTF-8 with or without BOM; ``;`` or ``,`` (the header line decides); one header line.  Columns, in
any order: ``document_type`` (BI, CC, PAS, TR), ``document_country`` (ISO 3166-1 alpha-2, capitals),
``document_number``, ``role``, ``valid_from`` and ``valid_until`` (YYYY-MM-DD, both days included,
UTC); optional ``reference`` and any ``sub:<name>`` (an empty cell states nothing).
"""

import csv
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from signer.domain.errors import InvalidRequestError
from signer.domain.professional_body import AttributeEntry

MAX_BYTES: Final = 50_000_000
MAX_ROWS: Final = 200_000
MAX_LINE: Final = 10_000
MAX_PROBLEMS: Final = 1_000
PROGRESS_EVERY: Final = 1_000

REQUIRED: Final = (
    "document_type",
    "document_country",
    "document_number",
    "role",
    "valid_from",
    "valid_until",
)
OPTIONAL: Final = ("reference",)
SUB: Final = "sub:"

Progress = Callable[[int], None]
"""Called with the number of rows read so far."""


@dataclass(frozen=True, slots=True)
class CSVProblem:
    """What is wrong where: the line as an editor counts it, the column, and the fix.

    Never holds the cell's text: a file of names must not leak into logs.
    """

    line: int
    column: str
    fix: str


@dataclass(frozen=True, slots=True)
class ParsedCSV:
    """Entries in the file's order, or problems; never both used."""

    entries: tuple[AttributeEntry, ...]
    problems: tuple[CSVProblem, ...]


def parse(content: bytes, *, roles: Collection[str], progress: Progress | None = None) -> ParsedCSV:
    """Read a whole file; reports up to 1,000 problems instead of stopping at the first."""
    if len(content) > MAX_BYTES:
        return _refused(1, "", f"the file is larger than {MAX_BYTES} bytes: split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _refused(line, "", "the file is not UTF-8: save it as CSV UTF-8")
    # Only these end a line: str.splitlines would also split at characters a cell may hold.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    unfit = _line_problem(lines)
    if unfit is not None:
        return ParsedCSV((), (unfit,))
    delimiter = ";" if lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    header, problem = _header(reader)
    if problem is not None:
        return ParsedCSV((), (problem,))
    return _Rows(header, frozenset(roles), progress).read(reader)


class _Reader(Protocol):
    """What :func:`csv.reader` gives; its own type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


class _Rows:
    """Collects entries and problems of one file."""

    def __init__(self, header: list[str], roles: frozenset[str], progress: Progress | None) -> None:
        self._header = header
        self._roles = roles
        self._progress = progress
        self._entries: list[AttributeEntry] = []
        self._problems: list[CSVProblem] = []
        self._first_line: dict[tuple[str, str, str], int] = {}

    def read(self, reader: _Reader) -> ParsedCSV:
        count = 0
        for line, cells in self._numbered(reader):
            count += 1
            if count > MAX_ROWS:
                self._note(line, "", f"more than {MAX_ROWS} rows: split the file")
                break
            self._row(line, cells)
            if self._progress is not None and count % PROGRESS_EVERY == 0:
                self._progress(count)
            if len(self._problems) >= MAX_PROBLEMS:
                break
        if self._progress is not None:
            self._progress(count)
        if not count and not self._problems:
            self._note(2, "", "the file has no rows")
        return ParsedCSV(tuple(self._entries), tuple(self._problems))

    def _numbered(self, reader: _Reader) -> Iterator[tuple[int, list[str]]]:
        """Rows with the line they begin on; blank lines are passed over."""
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                # After broken quotes nobody knows where the next row begins.
                self._note(line, "", "quotes do not match: close or double them")
                return
            if any(cell.strip() for cell in cells):
                yield line, cells

    def _note(self, line: int, column: str, fix: str) -> None:
        self._problems.append(CSVProblem(line, column, fix))

    def _row(self, line: int, cells: list[str]) -> None:
        if len(cells) != len(self._header):
            self._note(line, "", f"{len(cells)} cells instead of {len(self._header)}")
            return
        row = {name: cell.strip() for name, cell in zip(self._header, cells, strict=True)}
        before = len(self._problems)
        valid_from = self._day(line, row, "valid_from")
        last_day = self._day(line, row, "valid_until")
        self._document(line, row)
        if row["role"] not in self._roles:
            self._note(line, "role", "not a role of this body: define it first")
        if valid_from is None or last_day is None or len(self._problems) > before:
            return
        try:
            entry = AttributeEntry(
                role=row["role"],
                holder_key=_holder(row),
                reference=row.get("reference", ""),
                sub_attributes=tuple(
                    (name.removeprefix(SUB), cell)
                    for name, cell in row.items()
                    if name.startswith(SUB) and cell
                ),
                valid_from=valid_from,
                valid_until=last_day + timedelta(days=1),
            )
        except InvalidRequestError as error:
            column = (error.field or "").replace("sub_attributes.", SUB)
            self._note(line, column, error.detail)
            return
        key = (entry.role, entry.holder_key, entry.reference)
        first = self._first_line.setdefault(key, line)
        if first != line:
            fix = f"the same document, role and reference as line {first}: keep one"
            self._note(line, "reference", fix)
            return
        self._entries.append(entry)

    def _document(self, line: int, row: dict[str, str]) -> None:
        kind, country, number = (row[f"document_{part}"] for part in ("type", "country", "number"))
        if kind not in {"BI", "CC", "PAS", "TR"}:
            self._note(line, "document_type", "BI, CC, PAS or TR")
        if not (len(country) == 2 and country.isascii() and country.isupper()):  # noqa: PLR2004 - alpha-2
            self._note(line, "document_country", "two capital letters, e.g. PT")
        plain = number.isascii() and number.isalnum() and number == number.upper()
        if not plain or len(number) > 40:  # noqa: PLR2004 - the width of the accounts' column
            self._note(line, "document_number", "1 to 40 of A-Z and 0-9, without blanks")

    def _day(self, line: int, row: dict[str, str], column: str) -> datetime | None:
        cell = row[column]
        try:
            # The basic form YYYYMMDD and weeks are ISO dates too, but not what we document.
            day = date.fromisoformat(cell if len(cell) == len("2026-01-31") else "")
        except ValueError:
            self._note(line, column, "a day as YYYY-MM-DD")
            return None
        if not 1900 <= day.year <= 2200:  # noqa: PLR2004 - what no membership has
            self._note(line, column, "a year from 1900 to 2200")
            return None
        return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _holder(row: dict[str, str]) -> str:
    return f"{row['document_type']}{row['document_country']}-{row['document_number']}"


def _header(reader: _Reader) -> tuple[list[str], CSVProblem | None]:
    try:
        header = [name.strip() for name in next(reader)]
    except (StopIteration, csv.Error):
        return [], CSVProblem(1, "", "the header line cannot be read")
    return header, _header_problem(header)


def _header_problem(header: list[str]) -> CSVProblem | None:
    for name in REQUIRED:
        if name not in header:
            return CSVProblem(1, name, "the column is missing")
    for name in header:
        if header.count(name) > 1:
            return CSVProblem(1, name, "the column appears twice")
        if name not in {*REQUIRED, *OPTIONAL} and not name.startswith(SUB):
            return CSVProblem(1, name[:40], "unknown column: remove it or call it sub:<name>")
    return None


def _refused(line: int, column: str, fix: str) -> ParsedCSV:
    return ParsedCSV((), (CSVProblem(line, column, fix),))


def _line_problem(lines: Sequence[str]) -> CSVProblem | None:
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            return CSVProblem(number, "", f"the line is longer than {MAX_LINE} characters")
        if "\0" in line:
            return CSVProblem(number, "", "the line has a NUL character: remove it")
    return None
