"""An authenticator app of a citizen (RFC 6238)."""

from dataclasses import dataclass, field
from datetime import datetime

from signer.domain.values import SignerId, length_prefixed


@dataclass(frozen=True, slots=True, kw_only=True)
class TOTPSeed:
    """The shared secret, encrypted, and the last time step it was used for."""

    id: str
    signer: SignerId
    protected: bytes = field(repr=False)
    last_step: int
    created_at: datetime
    confirmed_at: datetime | None
    """None until the person typed a first code: not a factor before."""

    @staticmethod
    def aad(seed_id: str, signer: SignerId) -> bytes:
        """What the encrypted seed is bound to."""
        return length_prefixed("chancela-totp/1", seed_id, signer)
