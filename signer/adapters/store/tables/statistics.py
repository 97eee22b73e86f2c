"""Counts for public figures: events per day, channel and client, without any identity."""

from sqlalchemy import BigInteger, Column, String, Table

from signer.adapters.store.tables.base import metadata

statistic = Table(
    "statistic",
    metadata,
    Column("day", String(10), primary_key=True, comment="UTC, YYYY-MM-DD"),
    Column("event", String(32), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("client", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
)
