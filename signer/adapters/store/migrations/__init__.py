"""Alembic's view of the store: one tree of revisions, YYYYMMDD_slug."""
