"""Fails the run when a secret of a test turns up where secrets must never be.

Fixtures :func:`remember` the PINs, codes, SADs, handles and HSM PINs they make.  After each test
its logs, captured output, error texts and databases are searched for them, plain, reversed, in
hexadecimal and in Base64.  Plain short ones count as whole tokens only (six digits are in many
numbers); encoded forms of twelve or more characters count anywhere.  The demo's outbox file, whose
purpose is to show codes, is not searched.
"""

import base64
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text

LONG = 12
OURS = ("api", "certs", "hsm", "signer")
_TOKEN = re.compile(rb"[0-9A-Za-z]+")
_HEX_DIGITS = re.compile(rb"(?=((?:3[0-9]){6,8}))")
_DATABASES = ("database", "sqlite_database", "postgres_database")


@dataclass
class Canaries:
    """What must not be seen, and by which name it is called when it is."""

    short: dict[bytes, str] = field(default_factory=dict)
    """Forms that count as whole tokens."""
    hexadecimal: dict[bytes, str] = field(default_factory=dict)
    """Codes and PINs written in hexadecimal."""
    long: dict[bytes, str] = field(default_factory=dict)
    """Forms that count anywhere."""

    def add(self, value: str, name: str) -> None:
        """Remember a value in all its forms."""
        for form, how in _forms(value.encode()):
            named = f"{name} ({how})"
            if how.endswith("hexadecimal") and value.isdigit():
                self.hexadecimal[form] = named
            elif len(form) >= LONG:
                self.long[form] = named
            else:
                self.short[form.rstrip(b"=")] = named

    def found_in(self, data: bytes) -> set[str]:
        """Names of what is in ``data``; never the values."""
        found = {name for form, name in self.long.items() if form in data}
        if self.short:
            tokens = set(_TOKEN.findall(data))
            found |= {name for form, name in self.short.items() if form in tokens}
        if self.hexadecimal:
            for run in _HEX_DIGITS.findall(data):
                for length in range(LONG, len(run) + 1, 2):
                    if run[:length] in self.hexadecimal:
                        found.add(self.hexadecimal[run[:length]])
        return found

    def __or__(self, other: "Canaries") -> "Canaries":
        return Canaries(
            self.short | other.short,
            self.hexadecimal | other.hexadecimal,
            self.long | other.long,
        )


def _forms(value: bytes) -> Iterator[tuple[bytes, str]]:
    for plain, order in ((value, ""), (value[::-1], "reversed ")):
        yield plain, f"{order}plain"
        yield plain.hex().encode(), f"{order}hexadecimal"
        yield base64.b64encode(plain).rstrip(b"="), f"{order}Base64"
        yield base64.urlsafe_b64encode(plain).rstrip(b"="), f"{order}Base64url"


_of_session = Canaries()
_of_test = Canaries()
_texts: list[str] = []


def remember(value: object, name: str) -> None:
    """A secret of the running test: a text, or a ``Secret``."""
    _of_test.add(_revealed(value), name)


def remember_always(value: object, name: str) -> None:
    """A secret of the whole session."""
    _of_session.add(_revealed(value), name)


def _revealed(value: object) -> str:
    return value if isinstance(value, str) else value.reveal()


class _Collecting(logging.Handler):
    """Independent of caplog: it sees every record of ours, whatever a test does to its own."""

    def emit(self, record: logging.LogRecord) -> None:
        _texts.append(self.format(record))


def pytest_configure(config: pytest.Config) -> None:
    handler = _Collecting(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    _record_errors()
    config.pluginmanager.register(Watch(), "chancela-canaries")


def _record_errors() -> None:
    """Texts of errors become bodies at every door."""
    from signer.domain.errors import SigningServiceError

    original = SigningServiceError.__init__

    def init(self: SigningServiceError, *arguments: object, **named: object) -> None:
        original(self, *arguments, **named)
        _texts.append(self.detail)

    SigningServiceError.__init__ = init


class Watch:
    """Searches after each test; the run fails at its end."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.searched = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """While the databases still exist."""
        canaries = _of_session | _of_test
        for name in _DATABASES:
            database = getattr(item, "funcargs", {}).get(name)
            if database is not None:
                self._note(item.nodeid, "database", database_bytes(database), canaries)
                break
        self._note(item.nodeid, "log or error", _taken(), canaries)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What the test printed; then its secrets are forgotten."""
        canaries = _of_session | _of_test
        for title, printed in report.sections:
            self._note(report.nodeid, title, printed.encode(), canaries)
        if report.when == "teardown":
            for forms in (_of_test.short, _of_test.hexadecimal, _of_test.long):
                forms.clear()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep worse outcomes."""
        if self.hits and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name test, place and kind; never the value."""
        for hit in self.hits:
            terminalreporter.write_line(f"SECRET FOUND {hit}", red=True)

    def _note(self, nodeid: str, where: str, data: bytes, canaries: Canaries) -> None:
        self.searched += len(data)
        self.hits += [f"{nodeid}: {name} in {where}" for name in sorted(canaries.found_in(data))]


def _taken() -> bytes:
    joined = "\n".join(_texts)
    _texts.clear()
    return joined.encode(errors="replace")


def database_bytes(database: object) -> bytes:
    """Everything a copy of the database holds: every text and binary value, and SQLite's files.

    The values one by one, because in SQLite's pages they touch each other.
    """
    parts = list(_values(database))
    if database.is_sqlite:
        path = database.writer.url.database
        files = (Path(path + suffix) for suffix in ("", "-wal", "-journal"))
        parts += [file.read_bytes() for file in files if file.exists()]
    return b"\n".join(parts)


def _values(database: object) -> Iterable[bytes]:
    with database.read() as connection:
        found = inspect(connection)
        for table in found.get_table_names():
            columns = [text(f'"{column["name"]}"') for column in found.get_columns(table)]
            for row in connection.execute(select(*columns).select_from(text(f'"{table}"'))):
                for value in row:
                    if isinstance(value, str):
                        yield value.encode()
                    elif isinstance(value, (bytes, memoryview)):
                        yield bytes(value)
