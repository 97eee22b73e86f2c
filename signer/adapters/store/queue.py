"""What stores need of the outbox: messages go out if, and only if, their transaction commits."""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import Connection

from signer.domain.outgoing import OutgoingMessage


class Outbox(Protocol):
    """The outbox as other stores use it, inside their own transactions."""

    def enqueue(self, connection: Connection, message: OutgoingMessage) -> None:
        """Write one message."""
        ...

    def cancel(self, connection: Connection, process: str) -> None:
        """Cancel the unsent codes of a process."""
        ...


class Queue:
    """Several messages at once."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def put(self, connection: Connection, messages: Iterable[OutgoingMessage]) -> None:
        """Enqueue ``messages`` in the caller's transaction."""
        for message in messages:
            self._outbox.enqueue(connection, message)

    def cancel(self, connection: Connection, processes: Iterable[str]) -> None:
        """Cancel the unsent codes of ``processes`` in the caller's transaction."""
        for process in processes:
            self._outbox.cancel(connection, process)
