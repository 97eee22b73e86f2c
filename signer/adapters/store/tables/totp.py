"""Authenticator apps of citizens."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table

from signer.adapters.store.tables.base import UTCDateTime, metadata

totp_seed = Table(
    "totp_seed",
    metadata,
    Column("id", String(36), primary_key=True),
    # One app per person; the row of an enrolment not yet confirmed has no confirmed_at.
    Column("account_id", String(36), nullable=False, unique=True),
    # Encrypted under MK_field, purpose "totp", bound to id and account.
    Column("seed", LargeBinary, nullable=False),
    # The last accepted time step (RFC 6238, 4.2: T); the same or an older one is refused.
    Column("last_step", BigInteger, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("confirmed_at", UTCDateTime, nullable=True),
)
