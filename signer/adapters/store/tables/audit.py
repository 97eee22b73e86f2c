"""Audit: writers' chain heads, their records, the common log and its checkpoints."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text

from signer.adapters.store.tables.base import UTCDateTime, metadata

audit_writer = Table(
    "audit_writer",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("started_at", UTCDateTime, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("head", LargeBinary(32), nullable=False),
)

audit_record = Table(
    "audit_record",
    metadata,
    Column("writer_id", String(36), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("at", UTCDateTime, nullable=False, index=True),
    Column("event", String(64), nullable=False, index=True),
    Column("subject", String(64), nullable=False, index=True),
    Column("transaction_id", String(64), nullable=False, index=True),
    Column("body", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("log_index", BigInteger, nullable=True, unique=True),
)
