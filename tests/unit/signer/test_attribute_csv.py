"""Files of professional bodies: every bad line is named, nothing surprises."""

import csv
import io
import string
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.operations import attribute_csv
from signer.operations.attribute_csv import parse

HEADER = "document_type;document_country;document_number;role;valid_from;valid_until;sub:cedula"
ROW = "BI;PT;12345678;advogado;2026-01-01;2026-12-31;12345L"
ROLES = {"advogado"}


def parsed(*lines, encoding="utf-8", end="\n"):
    return parse(end.join(lines).encode(encoding), roles=ROLES)


def only_problem(*lines):
    result = parsed(*lines)
    assert result.entries == ()
    (problem,) = result.problems
    return problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_a_good_file_is_read_however_it_was_saved(encoding, end, delimiter):
    lines = [line.replace(";", delimiter) for line in (HEADER, ROW, "")]
    (entry,) = parsed(*lines, encoding=encoding, end=end).entries
    assert entry.holder_key == "BIPT-12345678"
    assert entry.role == "advogado"
    assert entry.sub_attributes == (("cedula", "12345L"),)
    assert entry.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert entry.valid_until == datetime(2027, 1, 1, tzinfo=UTC)


def with_cell(column, text):
    cells = ROW.split(";")
    cells[HEADER.split(";").index(column)] = text
    return ";".join(cells)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("document_type", "XX"),
        ("document_type", "bi"),
        ("document_country", "pt"),
        ("document_country", "PRT"),
        ("document_number", ""),
        ("document_number", "1234 5678"),
        ("document_number", "1" * 41),
        ("document_number", "Á"),
        ("role", "juiz"),
        ("role", ""),
        ("valid_from", "01-01-2026"),
        ("valid_from", "20260101"),
        ("valid_from", "2026-02-30"),
        ("valid_from", "0001-01-01"),
        ("valid_until", "9999-12-31"),
        ("valid_until", "2025-12-31"),
        ("sub:cedula", "x" * 201),
        ("sub:cedula", "a\u202eb"),
    ],
)
def test_a_bad_cell_is_reported_with_line_column_and_fix(column, text):
    problem = only_problem(HEADER, with_cell(column, text))
    assert (problem.line, problem.column) == (2, column)
    assert problem.fix
    assert len(text) < 5 or text not in problem.fix


def test_all_bad_lines_are_reported_and_counted_as_an_editor_counts():
    quoted = ROW.replace("12345L", '"12\n34"')
    result = parsed(HEADER, ROW, with_cell("role", "x"), "", quoted, with_cell("valid_from", "x"))
    assert [(p.line, p.column) for p in result.problems] == [
        (3, "role"),
        (5, "sub:cedula"),
        (7, "valid_from"),
    ]


def test_a_duplicate_names_the_first_line():
    result = parsed(HEADER, ROW, ROW)
    assert result.problems[0].line == 3
    assert "line 2" in result.problems[0].fix


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace("role;", ""),
        HEADER + ";role",
        HEADER + ";name",
        "",
    ],
    ids=["missing", "twice", "unknown", "empty"],
)
def test_a_bad_header_is_refused(header):
    assert only_problem(header, ROW).line == 1


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ((HEADER, ROW + ";x"), 2),
        ((HEADER, ROW.rpartition(";")[0]), 2),
        ((HEADER, ROW, 'a"b;"c"d;'), 3),
        ((HEADER, ROW, '"open'), 3),
        ((HEADER, "a\0b"), 2),
        ((HEADER, "x" * 10_001), 2),
        ((HEADER,), 2),
        ((HEADER, "", ""), 2),
    ],
    ids=["more cells", "fewer", "quotes", "open quote", "NUL", "long", "no rows", "blank rows"],
)
def test_a_broken_line_is_reported(lines, line):
    assert parsed(*lines).problems[0].line == line


def test_other_encodings_are_refused_with_the_line():
    content = f"{HEADER}\n{ROW}\n".encode() + b"\xe7\xe3o"
    (problem,) = parse(content, roles=ROLES).problems
    assert problem.line == 3
    assert "UTF-8" in problem.fix


def test_sizes_are_limited(monkeypatch):
    monkeypatch.setattr(attribute_csv, "MAX_ROWS", 2)
    rows = [ROW.replace("12345678", str(n)) for n in range(3)]
    assert not parsed(HEADER, *rows[:2]).problems
    assert parsed(HEADER, *rows).problems[0].line == 4
    monkeypatch.setattr(attribute_csv, "MAX_BYTES", 10)
    assert "larger" in parsed(HEADER, ROW).problems[0].fix


def test_problems_are_limited():
    result = parsed(HEADER, *["x"] * 1500)
    assert len(result.problems) == attribute_csv.MAX_PROBLEMS


def test_progress_is_told_on_the_way_and_at_the_end():
    told = []
    rows = [ROW.replace("12345678", str(n)) for n in range(2500)]
    parse("\n".join([HEADER, *rows]).encode(), roles=ROLES, progress=told.append)
    assert told == [1000, 2000, 2500]


@given(st.binary(max_size=300))
def test_no_file_whatever_makes_it_fall_over(content):
    result = parse(content, roles=ROLES)
    assert result.problems


@given(st.text(max_size=300))
def test_no_row_whatever_makes_it_fall_over(text):
    result = parse(f"{HEADER}\n{text}".encode("utf-8", "surrogatepass"), roles=ROLES)
    assert result.problems or result.entries


DAYS = st.dates(date(1990, 1, 1), date(2190, 1, 1))
VALUES = st.text(
    string.ascii_letters + string.digits + ' ;,"ãçé/-', min_size=1, max_size=40
).filter(lambda value: value == value.strip() and value)


@given(
    rows=st.lists(
        st.tuples(
            st.text(string.digits + string.ascii_uppercase, min_size=1, max_size=20), DAYS, VALUES
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0],
    ),
    delimiter=st.sampled_from(";,"),
    bom=st.booleans(),
)
def test_what_a_spreadsheet_writes_is_what_is_read(rows, delimiter, bom):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(HEADER.split(";"))
    for number, day, value in rows:
        until = day + timedelta(days=30)
        writer.writerow(["CC", "PT", number, "advogado", day, until, value])
    encoded = text.getvalue().encode("utf-8-sig" if bom else "utf-8")
    result = parse(encoded, roles=ROLES)
    assert result.problems == ()
    assert [(e.holder_key, e.valid_from.date(), e.sub_attributes) for e in result.entries] == [
        (f"CCPT-{number}", day, (("cedula", value),)) for number, day, value in rows
    ]
