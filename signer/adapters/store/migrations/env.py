"""Run by alembic; the connection comes from :mod:`signer.adapters.store.migrating`."""

from alembic import context

from signer.adapters.store.migrating import comparison_options

context.configure(connection=context.config.attributes["connection"], **comparison_options())
with context.begin_transaction():
    context.run_migrations()
