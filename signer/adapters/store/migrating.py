"""Brings a database's tables to the state this version of the program needs.

No alembic.ini: the tree of revisions ships inside the package.  ``python -m
signer.adapters.store.migrating YYYYMMDD_slug`` writes a new revision from what the tables say
beyond the newest one; with ``--initial`` it replaces the tree by that one revision.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypedDict

from alembic import command
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, pool

from signer.adapters.store.engine import open_database
from signer.adapters.store.tables import complete_metadata
from signer.adapters.store.tables.base import UTCDateTime
from signer.domain.errors import ConfigurationError

MIGRATIONS = Path(__file__).with_name("migrations")

_TEMPLATE = '''"""{message}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move forward."""
    {upgrade}


def downgrade() -> None:
    """Move back; data in what is dropped is lost."""
    {downgrade}
'''


class ComparisonOptions(TypedDict):
    """What alembic must know to compare tables alike everywhere."""

    target_metadata: MetaData
    compare_type: bool
    compare_server_default: bool
    render_as_batch: bool


def comparison_options() -> ComparisonOptions:
    """Options of every alembic context; batch mode because SQLite cannot alter columns."""
    return {
        "target_metadata": complete_metadata(),
        "compare_type": True,
        "compare_server_default": True,
        "render_as_batch": True,
    }


def upgrade(database_url: str, revision: str = "head") -> None:
    """Apply what is missing, in one transaction; raises StoreUnavailableError."""
    with _connected(database_url) as config:
        command.upgrade(config, revision)


def downgrade(database_url: str, revision: str) -> None:
    """Go back to ``revision`` (``base`` = no tables): data in dropped tables is lost."""
    with _connected(database_url) as config:
        command.downgrade(config, revision)


def current(database_url: str) -> str | None:
    """The database's revision; None when it was never migrated."""
    database = open_database(database_url)
    try:
        with database.read() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        database.dispose()


def heads() -> tuple[str, ...]:
    """The newest revisions of this program; a test demands exactly one."""
    return tuple(ScriptDirectory.from_config(_config()).get_heads())


def require_current(database_url: str) -> None:
    """Raise ConfigurationError unless the database has exactly the tables of this program."""
    found = current(database_url)
    if (found,) != heads():
        raise ConfigurationError(
            f"the database is at revision {found}, this program needs {heads()[0]}. "
            "Fix: run ./chancela db upgrade"
        )


def differences(connection: Connection) -> list[object]:
    """What alembic would still change in this database to match the tables; empty is right."""
    context = MigrationContext.configure(connection, opts={**comparison_options()})
    return list(compare_metadata(context, complete_metadata()))


def write_revision(revision: str, message: str, *, initial: bool = False) -> Path:
    """Write the revision that leads from the newest one to the tables as they are now.

    Deterministic: the same tables give the same file.  ``initial`` deletes all revisions first
    and writes one that makes everything.
    """
    versions = MIGRATIONS / "versions"
    if initial:
        for old in versions.glob("*.py"):
            old.unlink()
    engine = create_engine("sqlite://", poolclass=pool.StaticPool)
    with engine.begin() as connection:
        if not initial:
            command.upgrade(_config(connection), "head")
        text = _rendered(connection, revision, message, None if initial else heads()[0])
    engine.dispose()
    path = versions / f"{revision}.py"
    path.write_text(text)
    return path


def _rendered(connection: Connection, revision: str, message: str, down: str | None) -> str:
    context = MigrationContext.configure(
        connection, opts={**comparison_options(), "render_as_batch": down is not None}
    )
    script = produce_migrations(context, complete_metadata())
    operations = script.upgrade_ops, script.downgrade_ops
    forward, back = (
        render_python_code(
            found, render_as_batch=down is not None, render_item=_render, migration_context=context
        )
        for found in operations
        if found is not None
    )
    text = _TEMPLATE.format(
        message=message, revision=revision, down=down, upgrade=forward, downgrade=back
    )
    kept = (line.rstrip() for line in text.splitlines() if not line.strip().startswith("# ###"))
    return "\n".join(kept) + "\n"


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Revisions name database types only: our own types may change later."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, UTCDateTime) else False


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@contextmanager
def _connected(database_url: str) -> Iterator[Config]:
    database = open_database(database_url)
    try:
        with database.begin() as connection:
            yield _config(connection)
    finally:
        database.dispose()


def main() -> None:
    """Write a revision and say where."""
    parser = argparse.ArgumentParser(description=write_revision.__doc__)
    parser.add_argument("revision", help="YYYYMMDD_slug")
    parser.add_argument("--message", default="")
    parser.add_argument("--initial", action="store_true")
    given = parser.parse_args()
    path = write_revision(given.revision, given.message or given.revision, initial=given.initial)
    print(path)  # noqa: T201 - a developer's command line


if __name__ == "__main__":
    main()
