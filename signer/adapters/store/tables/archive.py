"""Redacted calls of the CMD doors, kept for years."""

from sqlalchemy import Column, Index, String, Table, Text

from signer.adapters.store.tables.base import UTCDateTime, metadata

archived_exchange = Table(
    "archived_exchange",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", UTCDateTime, nullable=False, index=True),
    Column("service", String(40), nullable=False),
    Column("operation", String(64), nullable=False),
    # Empty: an application nobody knows.
    Column("client_id", String(64), nullable=False),
    # Public id; empty when no transaction belongs to it.
    Column("transaction_id", String(36), nullable=False),
    # XML without PIN, code, phone, ProcessId.
    Column("request", Text, nullable=False),
    Column("response", Text, nullable=False),
    Index("ix_archived_exchange_transaction", "transaction_id"),
    Index("ix_archived_exchange_client", "client_id", "at"),
)
