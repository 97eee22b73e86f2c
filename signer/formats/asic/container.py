"""The container itself, which validation reads too: see :mod:`signer.asic`."""

from signer.asic import (
    MANIFEST,
    META_INF,
    Container,
    ContainerFile,
    ContainerKind,
    ContainerLimits,
    is_container,
)

__all__ = [
    "MANIFEST",
    "META_INF",
    "Container",
    "ContainerFile",
    "ContainerKind",
    "ContainerLimits",
    "is_container",
]
