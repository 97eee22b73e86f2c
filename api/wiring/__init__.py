"""The composition root: the only place that sees settings and chooses adapters."""

from api.wiring.services import Services, open_services

__all__ = ["Services", "open_services"]
