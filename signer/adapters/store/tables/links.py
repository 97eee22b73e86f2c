"""One-time links: enrolment, re-identification, confirmation of a changed phone."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from signer.adapters.store.tables.base import UTCDateTime, metadata

link = Table(
    "link",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(36), ForeignKey("account.id"), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False, index=True),
    Column("opened_at", UTCDateTime, nullable=True),
    Column("used_at", UTCDateTime, nullable=True),
    Column("session_sha256", String(64), nullable=True),
    Index("ix_link_account_kind", "account_id", "kind"),
)
