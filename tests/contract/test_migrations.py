"""The one tree of revisions makes exactly the tables, on both databases, forth and back."""

import re

import pytest
from sqlalchemy import inspect

from signer.adapters.store import migrating
from signer.adapters.store.engine import open_database
from signer.domain.errors import ConfigurationError


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    return request.getfixturevalue("empty_postgres_url")


@pytest.fixture
def opened(empty_url):
    database = open_database(empty_url)
    yield database
    database.dispose()


def tables(opened):
    with opened.read() as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def test_there_is_one_head_named_by_date_and_subject():
    (head,) = migrating.heads()
    assert re.fullmatch(r"20\d{6}_[a-z0-9_]+", head)


def test_forth_back_and_forth_again_gives_the_tables_as_declared(empty_url, opened):
    assert migrating.current(empty_url) is None
    migrating.upgrade(empty_url)
    assert tables(opened) == set(migrating.complete_metadata().tables)
    migrating.downgrade(empty_url, "base")
    assert tables(opened) == set()
    migrating.upgrade(empty_url)
    assert (migrating.current(empty_url),) == migrating.heads()
    with opened.read() as connection:
        assert migrating.differences(connection) == []


def test_a_missing_column_is_seen_as_a_difference(empty_url, opened):
    migrating.upgrade(empty_url)
    with opened.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE statistic DROP COLUMN count")
    with opened.read() as connection:
        assert migrating.differences(connection) != []


def test_upgrading_twice_changes_nothing(empty_url):
    migrating.upgrade(empty_url)
    migrating.upgrade(empty_url)
    assert (migrating.current(empty_url),) == migrating.heads()


def test_an_unmigrated_database_is_refused_with_the_fix(empty_url):
    with pytest.raises(ConfigurationError, match="chancela db upgrade"):
        migrating.require_current(empty_url)
    migrating.upgrade(empty_url)
    migrating.require_current(empty_url)


def test_a_failing_upgrade_leaves_the_database_as_it_was(empty_url, opened):
    """PostgreSQL and SQLite both roll table changes back."""
    with opened.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE statistic (day INTEGER)")
    with pytest.raises(Exception, match=r"(?i)statistic|not available"):
        migrating.upgrade(empty_url)
    assert tables(opened) == {"statistic"}
    assert migrating.current(empty_url) is None


def test_writing_the_first_revision_again_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(migrating, "MIGRATIONS", tmp_path)
    (tmp_path / "versions").mkdir()
    for name in ("env.py", "__init__.py"):
        (tmp_path / name).write_text("")
    first = migrating.write_revision("20260101_initial", "First.", initial=True).read_bytes()
    again = migrating.write_revision("20260101_initial", "First.", initial=True).read_bytes()
    assert first == again
