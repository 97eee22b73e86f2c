"""Argon2id, with the one set of parameters this service uses."""

from typing import Final

from argon2.low_level import Type, hash_secret_raw

from signer.domain.values import Secret

MEMORY_KIB: Final = 19_456
ITERATIONS: Final = 2
LANES: Final = 1
LENGTH: Final = 32


def argon2id(pin: Secret, salt: bytes) -> bytes:
    """32 bytes of Argon2id (RFC 9106) over the PIN's UTF-8; ``salt`` is 16 bytes.

    Never stored: it enters a key derivation inside the HSM, and only that key's check value is.
    """
    return hash_secret_raw(
        pin.reveal().encode(),
        salt,
        time_cost=ITERATIONS,
        memory_cost=MEMORY_KIB,
        parallelism=LANES,
        hash_len=LENGTH,
        type=Type.ID,
    )
