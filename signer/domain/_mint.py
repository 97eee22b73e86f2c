"""The one object that makes an Authorisation valid; an import contract guards this module."""

from typing import Final

MINT: Final = object()
