"""The native API: our own HTTP door at ``/api/v1``."""
