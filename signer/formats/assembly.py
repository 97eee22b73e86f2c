"""From items to what is signed, and from signature values to results: what operations call."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import final

from signer.domain.errors import InvalidRequestError
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import Digest, SignatureAlgorithm, SignatureValue
from signer.formats.cades import CAdES
from signer.formats.pades import PAdES, PAdESDigest
from signer.formats.port import Prepared, SignatureFormat, SigningIdentity
from signer.ports import TimestampAuthority


@final
@dataclass(frozen=True, slots=True)
class DocumentSigner:
    """Both halves of a signature over documents; the signature itself is made in between."""

    formats: Mapping[ItemKind, SignatureFormat]

    def prepare(
        self,
        items: tuple[SigningItem, ...],
        identity: SigningIdentity,
        signing_time: datetime,
    ) -> tuple[Prepared, ...]:
        """What is to be signed for each item, in order.

        ``signing_time`` is in UTC.  Raises InvalidRequestError (level or digest not served) or
        DocumentRefusedError.
        """
        return tuple(self._prepare(item, identity, signing_time) for item in items)

    def finish(
        self, prepared: Prepared, value: SignatureValue, authority: TimestampAuthority | None
    ) -> bytes:
        """The result: signature value, CMS (DER) or signed document.

        Raises TimestampUnavailableError when level B-T cannot be reached now; the caller keeps
        ``prepared`` and ``value`` and calls again later: nothing is signed twice.
        """
        if prepared.kind is ItemKind.RAW:
            return value
        timestamp = None
        if prepared.level is not Level.B_B:
            if authority is None:
                msg = f"level {prepared.level} needs a time-stamping authority"
                raise InvalidRequestError(msg, field="level")
            timestamp = authority.stamp(Digest.of(prepared.algorithm.digest, value))
        return self.formats[prepared.kind].complete(prepared, value, timestamp)

    def _prepare(
        self, item: SigningItem, identity: SigningIdentity, signing_time: datetime
    ) -> Prepared:
        if item.kind is ItemKind.RAW:
            algorithm = SignatureAlgorithm.of(identity.key_algorithm, item.digest.algorithm)
            return Prepared(kind=item.kind, level=item.level, algorithm=algorithm)
        return self.formats[item.kind].prepare(item, identity, signing_time)


def baseline_formats(pades: PAdES) -> Mapping[ItemKind, SignatureFormat]:
    """The formats of this release, by kind of item."""
    return MappingProxyType(
        {
            ItemKind.CADES: CAdES(),
            ItemKind.CADES_DIGEST: CAdES(),
            ItemKind.PADES: pades,
            ItemKind.PADES_DIGEST: PAdESDigest(),
        }
    )
