"""All tables, one module per area, on one MetaData."""

from signer.adapters.store.tables.base import metadata

__all__ = ["metadata"]
