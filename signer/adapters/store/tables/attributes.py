"""Professional bodies hosted here: their roles, and who holds them."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from signer.adapters.store.tables.base import UTCDateTime, metadata

attribute_provider = Table(
    "attribute_provider",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("uri", Text, nullable=False),
    Column("state", String(16), nullable=False),
    # Goes up with every change of what it holds; the update serialises writers.
    Column("version", BigInteger, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)

attribute_role = Table(
    "attribute_role",
    metadata,
    Column("provider_id", String(64), ForeignKey("attribute_provider.id"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("label_pt", String(200), nullable=False),
    Column("label_en", String(200), nullable=False),
)

professional_attribute = Table(
    "professional_attribute",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("provider_id", String(64), ForeignKey("attribute_provider.id"), nullable=False),
    Column("role_id", String(64), nullable=False),
    Column("holder_key", String(64), nullable=False, index=True),
    Column("reference", String(64), nullable=False),
    # Canonical JSON array of sorted [name, value] pairs.
    Column("sub_attributes", Text, nullable=False),
    Column("valid_from", UTCDateTime, nullable=False),
    Column("valid_until", UTCDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    # Hex SHA-256 of provider, role, holder and reference; NULL once withdrawn or superseded,
    # so that history stays and only one live row exists.
    Column("live_key", String(64), nullable=True, unique=True),
    Column("source", String(8), nullable=False),
    Column("imported_at", UTCDateTime, nullable=False),
    Column("withdrawn_at", UTCDateTime, nullable=True),
    Column("reason", String(40), nullable=True),
    Index("ix_professional_attribute_provider_state", "provider_id", "state"),
)
