"""RSA unpadding of our own: every input costs about the same and fails the same way.

Modules report bad padding by error code and by time (Bleichenbacher, Manger, Marvin), so the HSM
only does the raw RSA operation.  Python gives no constant-time promise; the work done does not
depend on where the padding is wrong, nothing returns early.
"""

import hashlib
import hmac
from typing import Final

_HASH_BYTES: Final = 32
_EMPTY_LABEL_HASH: Final = hashlib.sha256(b"").digest()
_MINIMUM_PADDING: Final = 8


def _mgf1_sha256(seed: bytes, length: int) -> bytes:
    """MGF1 with SHA-256 (RFC 8017, B.2.1)."""
    blocks = range(-(-length // _HASH_BYTES))
    mask = b"".join(hashlib.sha256(seed + i.to_bytes(4, "big")).digest() for i in blocks)
    return mask[:length]


def _xor(left: bytes, right: bytes) -> bytes:
    both = int.from_bytes(left, "big") ^ int.from_bytes(right, "big")
    return both.to_bytes(len(left), "big")


def _is_zero(value: int) -> int:
    """1 for 0, 0 for 1..255, without a branch."""
    return ((value - 1) >> 8) & 1


def unpad_oaep_sha256(encoded: bytes) -> tuple[bool, bytes]:
    """Undo EME-OAEP with SHA-256, MGF1-SHA-256 and an empty label (RFC 8017, 7.1.2, step 3).

    Gives (valid, message); the message is meaningless when not valid.
    """
    masked_seed, masked_block = encoded[1 : 1 + _HASH_BYTES], encoded[1 + _HASH_BYTES :]
    seed = _xor(masked_seed, _mgf1_sha256(masked_block, _HASH_BYTES))
    block = _xor(masked_block, _mgf1_sha256(seed, len(masked_block)))
    good = _is_zero(encoded[0])
    good &= int(hmac.compare_digest(block[:_HASH_BYTES], _EMPTY_LABEL_HASH))
    looking, start = 1, 0
    for index in range(_HASH_BYTES, len(block)):
        is_one = _is_zero(block[index] ^ 1)
        start |= -(looking & is_one) & (index + 1)
        good &= 1 - (looking & (1 - is_one) & (1 - _is_zero(block[index])))
        looking &= 1 - is_one
    good &= 1 - looking
    return bool(good), block[start:]


def unpad_pkcs1v15(encoded: bytes, substitute: bytes) -> bytes:
    """Undo EME-PKCS1-v1_5 (RFC 8017, 7.2.2, step 3) with implicit rejection.

    When the padding is wrong, gives the end of ``substitute`` (as long as ``encoded``; random),
    cut where it itself says, so that no caller can tell bad padding from a wrong message.
    """
    good = _is_zero(encoded[0]) & _is_zero(encoded[1] ^ 2)
    looking, start = 1, 0
    for index in range(2, len(encoded)):
        zero = _is_zero(encoded[index])
        start |= -(looking & zero) & (index + 1)
        good &= 1 - (looking & zero & int(index < 2 + _MINIMUM_PADDING))
        looking &= 1 - zero
    good &= 1 - looking
    longest = len(encoded) - 3 - _MINIMUM_PADDING
    substitute_length = int.from_bytes(substitute[:4], "big") % (longest + 1)
    length = good * (len(encoded) - start) + (1 - good) * substitute_length
    chosen = bytes(
        (-good & a) & 0xFF | (-(1 - good) & b) & 0xFF
        for a, b in zip(encoded, substitute, strict=True)
    )
    return chosen[len(chosen) - length :]
