"""The signature device behind PKCS#11; the only package that loads a module.

Opening a token loads nothing: the first use in each process does.
"""

from hsm.tokens import SAMToken, TokenConfig, open_pki, open_root, open_sam

__all__ = ["SAMToken", "TokenConfig", "open_pki", "open_root", "open_sam"]
