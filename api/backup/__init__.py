"""Backup and restore: database, tokens, certificates and the ceremony's transcript."""
