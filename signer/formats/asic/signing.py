"""ASiC containers with whichever signature format the request chose."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import final

from signer.asic import Container
from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import ContainerSignature, SignedFile
from signer.domain.transaction import Level, SigningItem
from signer.domain.values import SignatureValue
from signer.formats.asic.cades import signature_files
from signer.formats.port import (
    Extender,
    Prepared,
    SignatureFormat,
    SigningIdentity,
    TrustServices,
)


@final
@dataclass(frozen=True, slots=True)
class ASiC:
    """Passes on by ``options.container``; raises InvalidRequestError for what is not served."""

    formats: Mapping[ContainerSignature, SignatureFormat]

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        return self._chosen(item).prepare(item, identity, signing_time, services)

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        return self._chosen(item).complete(prepared, value, item, services)

    def _chosen(self, item: SigningItem) -> SignatureFormat:
        chosen = self.formats.get(item.options.container)
        if chosen is None:
            msg = f"containers with {item.options.container} are not served here"
            raise InvalidRequestError(msg, field="container")
        return chosen


@final
@dataclass(frozen=True, slots=True)
class ASiCExtender:
    """Passes on by what a container's signatures are."""

    xades: Extender
    cades: Extender

    def extend(
        self,
        signed: bytes,
        level: Level,
        services: TrustServices,
        detached: tuple[SignedFile, ...] = (),
    ) -> bytes:
        """See :class:`~signer.formats.port.Extender`."""
        chosen = self.cades if signature_files(Container.read(signed)) else self.xades
        return chosen.extend(signed, level, services, detached)
