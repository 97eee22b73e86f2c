"""Requests with an Idempotency-Key, and their answers."""

from sqlalchemy import Column, Integer, LargeBinary, String, Table, Text

from signer.adapters.store.tables.base import UTCDateTime, metadata

idempotent_request = Table(
    "idempotent_request",
    metadata,
    Column("client_id", String(64), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("operation", Text, nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("execution_id", String(36), nullable=False),
    Column("started_at", UTCDateTime, nullable=False, index=True),
    # NULL while the first request is still being executed.
    Column("status", Integer, nullable=True),
    Column("headers", Text, nullable=True),
    Column("body", LargeBinary, nullable=True),
)
