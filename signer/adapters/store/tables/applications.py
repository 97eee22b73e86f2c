"""What the CMD signature services know of a client beyond its registration."""

from sqlalchemy import Column, ForeignKey, String, Table

from signer.adapters.store.tables.base import UTCDateTime, metadata

cmd_application = Table(
    "cmd_application",
    metadata,
    # The ApplicationId's text, lower case.
    Column("application_id", String(64), primary_key=True),
    Column("client_id", String(64), ForeignKey("client.id"), nullable=False, unique=True),
    # The name in HTTP Basic; the password is the client's secret.
    Column("username", String(64), nullable=False, unique=True),
    Column("basic", String(32), nullable=False),
    Column("bare_hash", String(16), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)
