"""A client of the native API over HTTP: for ``chancela sign``, the benchmark and tests."""

from api.client.native import Authorising, NativeClient, Started, Wanted

__all__ = ["Authorising", "NativeClient", "Started", "Wanted"]
