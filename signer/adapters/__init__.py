"""Adapters that need only ports and domain: database, channels, attribute sources."""
