"""Refuses at the start what could not be prepared after the code."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from signer.domain.errors import DocumentRefusedError, InvalidRequestError
from signer.domain.transaction import ItemKind, SigningItem
from signer.domain.values import KeyAlgorithm
from signer.formats.assembly import DocumentSigner
from signer.formats.port import SigningIdentity
from signer.ports import Clock

_OPTIONS = ("packaging", "pss", "container", "serialisation", "parallel", "pdf", "policy", "place")
"""Fields of errors that are members of ``options`` in a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Prepares an item as somebody who signs nothing, and throws the result away."""

    documents: DocumentSigner
    clock: Clock
    chain_der: Callable[[], tuple[bytes, ...]]
    """Certificates of the stand-in, leaf first."""

    def __call__(self, item: SigningItem, key_algorithm: KeyAlgorithm | None) -> None:
        """Raise DocumentRefusedError or InvalidRequestError naming the member of the request.

        ``key_algorithm`` as in the request.  No time-stamp is asked for.
        """
        if item.kind is ItemKind.RAW and not item.options.pss:
            return
        said = replace(item.options.properties, content_timestamp=False)
        quiet = replace(item, options=replace(item.options, properties=said))
        stand_in = SigningIdentity(
            key_algorithm=key_algorithm or KeyAlgorithm.RSA_3072, chain_der=self.chain_der()
        )
        try:
            self.documents.prepare((quiet,), stand_in, self.clock.now())
        except (DocumentRefusedError, InvalidRequestError) as error:
            raise type(error)(error.detail, field=_member(item, error.field)) from error


def _member(item: SigningItem, field: str | None) -> str:
    prefix = f"items[{item.ordinal}]"
    if field is None or field.startswith(prefix):
        return field or prefix
    root = field.partition(".")[0].partition("[")[0]
    return f"{prefix}.options.{field}" if root in _OPTIONS else f"{prefix}.{field}"
