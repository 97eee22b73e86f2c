"""People of the demo who always do the same: robots, so that product code has no special phones."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.demo.people import LATE, REFUSING, UNREACHABLE
from signer.adapters.channels.demo_outbox import DemoOutbox
from signer.domain.errors import ChannelUnavailableError, SigningServiceError
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import TransactionId
from signer.operations.signing.ending import EndSigning
from signer.ports import Channel, Message

LATE_SECONDS: Final = 20.0


class PatchyNetwork:
    """A channel that never reaches one phone and reaches another late, once all are enrolled."""

    def __init__(
        self, inner: Channel, description: Path, *, late_seconds: float = LATE_SECONDS
    ) -> None:
        self.inner = inner
        self.name = inner.name
        self._description = description
        self._late_seconds = late_seconds

    def deliver(self, message: Message) -> str:
        """Raise ChannelUnavailableError for the phone nothing reaches."""
        if message.to not in {UNREACHABLE, LATE} or not self._description.exists():
            return self.inner.deliver(message)
        if message.to == LATE:
            # Accepted now, in the person's hands later, as a slow network does it.
            later = threading.Timer(self._late_seconds, self.inner.deliver, (message,))
            later.daemon = True
            later.start()
            return f"late-{message.id}"
        raise ChannelUnavailableError("this phone is never reached (demo)")


@dataclass(slots=True)
class RefusingCitizen:
    """Refuses as soon as a code arrives; one pass looks at the newest messages."""

    outbox: DemoOutbox
    find: Callable[[TransactionId], Transaction | None]
    end: EndSigning

    def __call__(self) -> int:
        """Refuse what is open; gives how many."""
        refused = 0
        for message in self.outbox.read(to=REFUSING, limit=20):
            process = message.get("process")
            transaction = self.find(TransactionId(process)) if process else None
            if transaction is None or transaction.state is not TransactionState.ASKED:
                continue
            try:
                self.end(transaction, TransactionState.REFUSED)
            except SigningServiceError:
                continue
            refused += 1
        return refused
