"""The activation chain: transactions, items, slots, grants, attempts, challenges."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from signer.adapters.store.tables.base import UTCDateTime, metadata

signing_transaction = Table(
    "signing_transaction",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("client_id", String(64), nullable=False, index=True),
    Column("relying_party", String(200), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("account_id", String(36), nullable=True, index=True),
    Column("subject", String(64), nullable=False),
    Column("credential_id", String(36), nullable=True),
    Column("key_algorithm", String(16), nullable=True),
    Column("state", String(16), nullable=False, index=True),
    Column("required_attributes", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("locale", String(5), nullable=False),
    Column("text_version", String(64), nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("handle_sha256", String(64), nullable=True, index=True),
    Column("page_token_sha256", String(64), nullable=True, unique=True),
    Column("epoch", Integer, nullable=True),
    Column("channel", String(16), nullable=True),
    Column("codes_sent", Integer, nullable=False),
    Column("code_sent_at", UTCDateTime, nullable=True),
    Column("code_expires_at", UTCDateTime, nullable=True),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False, index=True),
    Column("claimed_at", UTCDateTime, nullable=True),
    Column("ended_at", UTCDateTime, nullable=True),
    Column("failure", String(64), nullable=True),
    Column("callback_url", String(2000), nullable=True),
    # The winning code's KCV moves here, so that a repeated code finds the stored result.
    Column("replay_kcv", LargeBinary(16), nullable=True),
    Index("ix_signing_transaction_subject", "subject", "code_sent_at"),
)

signing_item = Table(
    "signing_item",
    metadata,
    Column("transaction_id", String(36), ForeignKey("signing_transaction.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("level", String(8), nullable=False),
    Column("name", String(300), nullable=False),
    Column("digest_algorithm", String(40), nullable=False),
    Column("digest", LargeBinary(64), nullable=False),
    Column("document", LargeBinary, nullable=True),
    Column("files", LargeBinary, nullable=True),
    Column("options", LargeBinary, nullable=True),
    Column("prepared", LargeBinary, nullable=True),
    Column("signature", LargeBinary, nullable=True),
    Column("result", LargeBinary, nullable=True),
)

slot = Table(
    "slot",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("stage", String(24), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("account_id", String(36), nullable=False, index=True),
    Column("credential_id", String(36), nullable=False, index=True),
    Column("process", String(36), nullable=False, index=True),
    Column("grant_id", String(36), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("expires_at", UTCDateTime, nullable=True, index=True),
    Column("svd_sha256", LargeBinary(32), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("master_key_id", String(64), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("bindings_sha256", LargeBinary(32), nullable=False),
    Column("secret_sha256", String(64), nullable=True, unique=True),
    Column("key_check_value", LargeBinary(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    # SAD slots: the granted list (canonical text) and how many digests are left.
    Column("granted", Text, nullable=True),
    Column("remaining", Integer, nullable=True),
)

granted_digest = Table(
    "granted_digest",
    metadata,
    Column("slot_id", String(36), ForeignKey("slot.id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("digest_algorithm", String(40), nullable=False),
    Column("digest", LargeBinary(64), nullable=False),
)

service_grant = Table(
    "service_grant",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("credential_id", String(36), nullable=False, index=True),
    Column("client_id", String(64), nullable=False),
    Column("bindings_sha256", LargeBinary(32), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("in_flight_key", String(100), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("state", String(8), nullable=False),
    Column("opened_at", UTCDateTime, nullable=False),
    Column("closed_at", UTCDateTime, nullable=True),
    Index("ix_attempt_subject_kind", "subject", "kind", "state", "closed_at"),
    Index("ix_attempt_client", "client_id", "state", "opened_at"),
    Index("ix_attempt_opened_at", "opened_at"),
)

# One comparison in flight per key, decided by the database.
Index(
    "uq_attempt_in_flight",
    attempt.c.in_flight_key,
    unique=True,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)

challenge = Table(
    "challenge",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("key_check_value", LargeBinary(16), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False, index=True),
    Index("uq_challenge_live", "purpose", "subject", "client_id", unique=True),
)
