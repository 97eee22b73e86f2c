"""Several time-stamping authorities in order: when one fails the next, and it rests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from signer.domain.errors import TimestampUnavailableError
from signer.domain.values import Digest
from signer.operations.breaker import Breaker
from signer.ports import Clock, TimestampAuthority, TimestampToken

_RETRY_AFTER = 5


@dataclass(frozen=True, slots=True)
class _Member:
    authority: TimestampAuthority
    breaker: Breaker


@final
@dataclass(frozen=True, slots=True)
class OrderedTimestampAuthorities:
    """The port ``TimestampAuthority`` on others, which check their own tokens.

    An authority that keeps failing is passed over for half a minute, unless all are: then each is
    tried, so that none is given up while nobody else answers.
    """

    members: tuple[_Member, ...] = field(repr=False)

    @classmethod
    def of(
        cls, authorities: Sequence[TimestampAuthority], clock: Clock
    ) -> "OrderedTimestampAuthorities":
        """In order of preference."""
        return cls(tuple(_Member(one, Breaker(clock, failures=3)) for one in authorities))

    def stamp(self, digest: Digest) -> TimestampToken:
        """The first token had; raises TimestampUnavailableError when there is none."""
        awake = [one for one in self.members if not one.breaker.is_open]
        causes: list[Exception] = []
        for member in awake or self.members:
            try:
                token = member.authority.stamp(digest)
            except TimestampUnavailableError as error:
                member.breaker.failed()
                causes.append(error)
            else:
                member.breaker.succeeded()
                return token
        raise TimestampUnavailableError(retry_after=_RETRY_AFTER) from (
            ExceptionGroup("no time-stamping authority answered", causes) if causes else None
        )
