"""The signature device behind PKCS#11; the only package that loads a module.

Opening a token loads nothing: the first use in each process does.
"""

from hsm.service_keys import ServiceKey, ServiceKeys
from hsm.tokens import SAMToken, ServiceToken, TokenConfig, open_pki, open_root, open_sam

__all__ = [
    "SAMToken",
    "ServiceKey",
    "ServiceKeys",
    "ServiceToken",
    "TokenConfig",
    "open_pki",
    "open_root",
    "open_sam",
]
