"""From items to what is signed, and from signature values to results: what operations call."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import final

from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import ContainerSignature
from signer.domain.transaction import ItemKind, SigningItem
from signer.domain.values import SignatureAlgorithm, SignatureValue
from signer.formats.asic.cades import ASiCWithCAdES
from signer.formats.asic.signing import ASiC
from signer.formats.asic.xades import ASiCWithXAdES
from signer.formats.cades import CAdES
from signer.formats.jades.signing import JAdES
from signer.formats.pades import PAdES, PAdESDigest
from signer.formats.port import Prepared, SignatureFormat, SigningIdentity, TrustServices
from signer.formats.xades import XAdES


@final
@dataclass(frozen=True, slots=True)
class DocumentSigner:
    """Both halves of a signature over documents; the signature itself is made in between."""

    formats: Mapping[ItemKind, SignatureFormat]
    services: TrustServices

    def prepare(
        self,
        items: tuple[SigningItem, ...],
        identity: SigningIdentity,
        signing_time: datetime,
    ) -> tuple[Prepared, ...]:
        """What is to be signed for each item, in order.

        ``signing_time`` is in UTC.  Raises what :meth:`SignatureFormat.prepare` raises.
        """
        return tuple(self._prepare(item, identity, signing_time) for item in items)

    def finish(self, prepared: Prepared, value: SignatureValue, item: SigningItem) -> bytes:
        """The result: signature value, CMS (DER) or signed document.

        Raises TimestampUnavailableError or RevocationUnavailableError when the level cannot be
        reached now; the caller keeps ``prepared`` and ``value`` and calls again later: nothing is
        signed twice.
        """
        if prepared.kind is ItemKind.RAW:
            return value
        return self.formats[prepared.kind].complete(prepared, value, item, self.services)

    def _prepare(
        self, item: SigningItem, identity: SigningIdentity, signing_time: datetime
    ) -> Prepared:
        if item.kind is ItemKind.RAW:
            algorithm = SignatureAlgorithm.of(
                identity.key_algorithm, item.digest.algorithm, pss=item.options.pss
            )
            return Prepared(kind=item.kind, level=item.level, algorithm=algorithm)
        served = self.formats.get(item.kind)
        if served is None:
            msg = f"{item.kind} is not served here"
            raise InvalidRequestError(msg, field=f"items[{item.ordinal}].kind")
        return served.prepare(item, identity, signing_time, self.services)


def baseline_formats(pades: PAdES) -> Mapping[ItemKind, SignatureFormat]:
    """The formats of this release, by kind of item."""
    containers = ASiC(
        {ContainerSignature.XADES: ASiCWithXAdES(), ContainerSignature.CADES: ASiCWithCAdES()}
    )
    return MappingProxyType(
        {
            ItemKind.ASIC_E: containers,
            ItemKind.ASIC_S: containers,
            ItemKind.CADES: CAdES(),
            ItemKind.CADES_DIGEST: CAdES(),
            ItemKind.JADES: JAdES(),
            ItemKind.JADES_DIGEST: JAdES(),
            ItemKind.PADES: pades,
            ItemKind.PADES_DIGEST: PAdESDigest(),
            ItemKind.XADES: XAdES(),
            ItemKind.XADES_DIGEST: XAdES(),
        }
    )
