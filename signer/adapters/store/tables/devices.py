"""Citizens' devices that approve signatures, and what they were asked and answered."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table

from signer.adapters.store.tables.base import UTCDateTime, metadata

device = Table(
    "device",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(36), ForeignKey("account.id"), nullable=False, index=True),
    Column("name", String(60), nullable=False),
    # SubjectPublicKeyInfo, DER, P-256.
    Column("svd_der", LargeBinary, nullable=False),
    # Keyed code over id, account, its authentication salt and the key: a row is not just written.
    Column("registration", String(64), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("revoked_at", UTCDateTime, nullable=True),
)

approval = Table(
    "approval",
    metadata,
    Column("transaction_id", String(36), ForeignKey("signing_transaction.id"), primary_key=True),
    Column("account_id", String(36), nullable=False),
    Column("asked_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    # NULL until the first answer, which is final.
    Column("device_id", String(36), ForeignKey("device.id"), nullable=True),
    Column("decision", String(8), nullable=True),
    # ECDSA-SHA256, r | s, 64 bytes.
    Column("signature", LargeBinary(64), nullable=True),
    Column("answered_at", UTCDateTime, nullable=True),
    Index("ix_approval_account_id", "account_id", "expires_at"),
)
