"""All tables, one module per area, on one MetaData."""

import importlib
import pkgutil

from sqlalchemy import MetaData

from signer.adapters.store.tables.base import metadata

__all__ = ["complete_metadata", "metadata"]


def complete_metadata() -> MetaData:
    """Import the table modules of every area and give the MetaData they share."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return metadata
