"""The application that the benchmark's gunicorn serves: the product, with open rate limits."""

from flask import Flask

from api.app import create_app
from api.rate_limits import RateLimits
from api.wiring import open_services

_NO_LIMIT = 10**9


def application() -> Flask:
    """All doors; one address sends everything here, which a real one never does."""
    services = open_services()
    services.rates = RateLimits(per_address=_NO_LIMIT)
    return create_app(services)
