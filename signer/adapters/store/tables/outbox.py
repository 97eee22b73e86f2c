"""Messages on their way out."""

from sqlalchemy import Column, Index, Integer, LargeBinary, SmallInteger, String, Table

from signer.adapters.store.tables.base import UTCDateTime, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("process", String(64), nullable=False, index=True),
    # As written (part of the body's AAD), then what is left of it.
    Column("channels", String(200), nullable=False),
    Column("left", String(200), nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("round", Integer, nullable=False),
    # Encrypted under MK_field; NULL once sent, cancelled, expired or refused for good.
    Column("body", LargeBinary, nullable=True),
    Column("attempts", Integer, nullable=False),
    # A claim moves due_at to the end of its lease: a killed worker's message is due again then.
    Column("due_at", UTCDateTime, nullable=False),
    Column("lease", String(36), nullable=True),
    Column("channel", String(32), nullable=False),
    Column("receipt", String(200), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime, nullable=True),
    Index("ix_outbox_state_due_at", "state", "due_at"),
    Index("ix_outbox_channel_receipt", "channel", "receipt"),
    Index("ix_outbox_expires_at", "expires_at"),
)
