"""API clients and the hashes of their secrets."""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from signer.adapters.store.tables.base import UTCDateTime, metadata

client = Table(
    "client",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    Column("state", String(16), nullable=False),
    # Sets and lists are JSON arrays of strings, sorted unless order matters.
    Column("roles", Text, nullable=False),
    Column("policies", Text, nullable=False),
    Column("redirect_urls", Text, nullable=False),
    Column("webhook_url", Text, nullable=True),
    Column("webhook_secret_protected", LargeBinary, nullable=True),
    Column("purposes", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("providers", Text, nullable=False),
    Column("failures_per_hour", Integer, nullable=False),
    Column("requests_per_minute", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("suspended_at", UTCDateTime, nullable=True),
)

client_secret = Table(
    "client_secret",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", String(64), ForeignKey("client.id"), nullable=False, index=True),
    Column("sha256", String(64), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    # NULL: the current one.
    Column("expires_at", UTCDateTime, nullable=True),
)
