"""The archive of the CMD doors: redacts, then stores; a call never fails because of it."""

import logging
import uuid
from dataclasses import dataclass
from typing import Final, Protocol

from api.cmd.needs import Exchange
from api.cmd.redaction import redacted_answer, redacted_request
from signer.domain.cmd_archive import ArchivedExchange
from signer.domain.errors import StoreUnavailableError

_LOG: Final = logging.getLogger(__name__)


class ArchiveStore(Protocol):
    """Where redacted calls are rows."""

    def add(self, exchange: ArchivedExchange) -> None:
        """Insert; raises StoreUnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class RedactingArchive:
    """The ``Archive`` of the doors."""

    store: ArchiveStore

    def keep(self, exchange: Exchange) -> None:
        """Store it redacted; a store that is away is only logged: the audit has the act."""
        kept = ArchivedExchange(
            id=str(uuid.uuid4()),
            at=exchange.at,
            service=exchange.service,
            operation=exchange.operation[:64],
            client=exchange.application or "",
            transaction=exchange.transaction or "",
            request=redacted_request(exchange.request),
            response=redacted_answer(exchange.response),
        )
        try:
            self.store.add(kept)
        except StoreUnavailableError:
            _LOG.warning("a call of %s could not be archived", kept.service)
