"""People of the demo who always do the same: robots, so that product code has no special phones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.demo.people import REFUSING, UNREACHABLE
from signer.adapters.channels.demo_outbox import DemoOutbox
from signer.domain.errors import ChannelUnavailableError, SigningServiceError
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import TransactionId
from signer.operations.signing.ending import EndSigning
from signer.ports import Channel, Message


class PatchyNetwork:
    """A channel that reaches everybody but one phone, once the people are enrolled."""

    def __init__(self, inner: Channel, description: Path) -> None:
        self.inner = inner
        self.name = inner.name
        self._description = description

    def deliver(self, message: Message) -> str:
        """Raise ChannelUnavailableError for the phone nothing reaches."""
        if message.to == UNREACHABLE and self._description.exists():
            raise ChannelUnavailableError("this phone is never reached (demo)")
        return self.inner.deliver(message)


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
