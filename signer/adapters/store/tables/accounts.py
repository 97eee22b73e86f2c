"""Citizens' accounts and their credentials."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from signer.adapters.store.tables.base import UTCDateTime, metadata

account = Table(
    "account",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("given_name", String(200), nullable=False),
    Column("surname", String(200), nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("document_type", String(8), nullable=False),
    Column("document_country", String(2), nullable=False),
    Column("document_number", String(40), nullable=False),
    Column("document_expires_on", Date, nullable=False),
    # Unique among accounts that are not closed: closing sets both to NULL.
    Column("document_key", String(64), nullable=True, unique=True),
    Column("phone_key", String(20), nullable=True, unique=True),
    Column("phone", String(20), nullable=False),
    Column("phone_confirmed", Boolean, nullable=False),
    Column("phone_changed_at", UTCDateTime, nullable=True),
    Column("email", String(254), nullable=True),
    Column("locale", String(5), nullable=False),
    Column("channels", String(100), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("valid_until", UTCDateTime, nullable=False),
    Column("closed_at", UTCDateTime, nullable=True),
    Column("terms_version", String(64), nullable=True),
    Column("terms_accepted_at", UTCDateTime, nullable=True),
    Column("signature_salt", LargeBinary(16), nullable=False),
    Column("authentication_salt", LargeBinary(16), nullable=False),
    Column("authentication_kcv", LargeBinary(16), nullable=True),
    Column("recovery_requested_at", UTCDateTime, nullable=True),
    Column("signing_restriction", String(24), nullable=True),
)

credential = Table(
    "credential",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("account_id", String(36), ForeignKey("account.id"), nullable=True, index=True),
    Column("owner", String(100), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("epoch", Integer, nullable=False),
    Column("svd_der", LargeBinary, nullable=False),
    Column("csr_der", LargeBinary, nullable=False),
    Column("master_key_id", String(64), nullable=False),
    # NULL once destroyed: the certificate stays, the key does not.
    Column("blob", LargeBinary, nullable=True),
    Column("chain", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("destroyed_at", UTCDateTime, nullable=True),
    # What the CA has not been told yet: "good", "suspended" or "revoked:<reason>".
    Column("due_status", String(40), nullable=True, index=True),
)
