"""The relational store: SQLite for one host, PostgreSQL beyond."""
