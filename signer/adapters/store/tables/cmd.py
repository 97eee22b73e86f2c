"""What the CMD doors remember: processes by the hash of their handle, and recent look-ups."""

from sqlalchemy import Boolean, Column, Integer, String, Table, Text

from signer.adapters.store.tables.base import UTCDateTime, metadata

cmd_process = Table(
    "cmd_process",
    metadata,
    Column("handle_sha256", String(64), primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("account_id", String(36), nullable=True),
    Column("transaction_id", String(36), nullable=True),
    # Set: doomed from the start, for this reason.
    Column("refusal", String(64), nullable=True),
    Column("refusal_field", String(64), nullable=True),
    # JSON array of [name, id] as the caller gave them.
    Column("labels", Text, nullable=False),
    Column("approvable", Boolean, nullable=False),
    Column("codes_sent", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False, index=True),
)

# Who lately asked for whose certificate with proof of who it is, from which address.
cmd_lookup = Table(
    "cmd_lookup",
    metadata,
    Column("client_id", String(64), primary_key=True),
    Column("subject", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("at", UTCDateTime, nullable=False, index=True),
)
