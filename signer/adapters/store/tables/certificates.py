"""Certificates: what was issued, each change of status, lists of revoked ones."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, UniqueConstraint

from signer.adapters.store.tables.base import UTCDateTime, metadata

certificate = Table(
    "certificate",
    metadata,
    Column("issuer", String(32), primary_key=True),
    Column("serial", String(40), primary_key=True),  # lower-case hexadecimal, 20 octets
    Column("credential_id", String(64), nullable=False),
    Column("subject", String(64), nullable=False, index=True),
    Column("not_before", UTCDateTime, nullable=False),
    Column("not_after", UTCDateTime, nullable=False),
    Column("der", LargeBinary, nullable=True),  # null: reserved, not signed yet
    Column("status", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("since", UTCDateTime, nullable=False),
    UniqueConstraint("issuer", "credential_id"),
    Index("ix_certificate_status", "issuer", "status"),
)

certificate_change = Table(
    "certificate_change",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("issuer", String(32), nullable=False),
    Column("serial", String(40), nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    UniqueConstraint("issuer", "ordinal"),
    Index("ix_certificate_change_serial", "issuer", "serial"),
)

certificate_list = Table(
    "certificate_list",
    metadata,
    Column("issuer", String(32), primary_key=True),
    Column("changes", BigInteger, nullable=False),
    Column("next_number", BigInteger, nullable=False),
    Column("kept_number", BigInteger, nullable=False),
    Column("kept_changes", BigInteger, nullable=False),
    Column("der", LargeBinary, nullable=True),
    Column("next_update", UTCDateTime, nullable=True),
)
