"""The capability to sign: a value that only the SAM mints, once."""

from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import NoReturn, final

from signer.domain._mint import MINT
from signer.domain.credential import WrappedKey
from signer.domain.values import DTBSR, CredentialId, SignatureAlgorithm, SignerId


@final
@dataclass(slots=True, kw_only=True)
class _Use:
    """Remembers in this process that an Authorisation was used (the database decided before)."""

    spent: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation:
    """Proof that a signer allowed these digests to be signed with this key, once.

    Carries what the device needs and nothing a caller could swap: the wrapped key, the activation
    value A that opens it (32 bytes) and the digests themselves.
    """

    signer: SignerId
    credential: CredentialId
    grant: str
    key: WrappedKey = field(repr=False)
    algorithm: SignatureAlgorithm
    dtbsrs: tuple[DTBSR, ...]
    expires_at: datetime
    activation: bytes = field(repr=False)
    _mint: InitVar[object]
    _use: _Use = field(default_factory=_Use, repr=False, compare=False)

    def __post_init__(self, _mint: object) -> None:
        if _mint is not MINT:
            msg = "only signer.sam mints an Authorisation"
            raise TypeError(msg)
        if not self.dtbsrs:
            msg = "an Authorisation covers at least one digest"
            raise TypeError(msg)
        if any(dtbsr.algorithm is not self.algorithm.digest for dtbsr in self.dtbsrs):
            msg = "every digest must be of the algorithm's kind"
            raise TypeError(msg)

    def spend(self) -> tuple[DTBSR, ...]:
        """Give the digests to sign; a second call raises :class:`TypeError`."""
        if self._use.spent:
            msg = "an Authorisation signs once"
            raise TypeError(msg)
        self._use.spent = True
        return self.dtbsrs

    def _no_copies(self, *_: object) -> NoReturn:
        msg = "an Authorisation cannot be copied or pickled"
        raise TypeError(msg)

    __copy__ = _no_copies
    __deepcopy__ = _no_copies
    __reduce__ = _no_copies
    __reduce_ex__ = _no_copies
