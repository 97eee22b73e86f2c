"""Audit: writers' chain heads, their records, the common log and its checkpoints."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Text

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

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    comment="One row: locked by whoever appends.",
)

audit_node = Table(
    "audit_node",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    comment="Complete nodes of the log's Merkle tree from level 1; leaves are audit_record.hash.",
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("body", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("algorithm", String(64), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("timestamp_token", LargeBinary, nullable=True),
)
