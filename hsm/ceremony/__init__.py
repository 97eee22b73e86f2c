"""The key ceremony: its own process, the only one that uses PyKCS11.

``python -m hsm.ceremony DESCRIPTION.toml --transcript OUT``
"""
