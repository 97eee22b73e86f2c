"""XAdES (ETSI EN 319 132-1 V1.2.1): built as canonical octets, raised in level as a tree."""

from signer.formats.xades.extension import XAdESExtender
from signer.formats.xades.signing import XAdES

__all__ = ["XAdES", "XAdESExtender"]
