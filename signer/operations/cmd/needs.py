"""What the operations of the CMD doors need from their neighbours, as small protocols."""

from datetime import datetime
from typing import Protocol

from signer.domain.account import Account
from signer.domain.activation import Challenge
from signer.domain.cmd_process import CMDProcess
from signer.domain.outgoing import OutgoingMessage
from signer.domain.transaction import Transaction
from signer.domain.values import ClientId, Secret
from signer.operations.signing.needs import Outcome


class Processes(Protocol):
    """Where processes are rows."""

    def add(self, process: CMDProcess) -> None:
        """Insert."""
        ...

    def find(self, handle_sha256: str, client: ClientId, now: datetime) -> CMDProcess | None:
        """The unexpired one of this client."""
        ...

    def count_code(self, handle_sha256: str, *, limit: int) -> bool:
        """One more code; False when ``limit`` were sent already."""
        ...

    def looked_up(self, client: ClientId, subject: str, address: str, now: datetime) -> None:
        """Remember an authenticated look-up."""
        ...

    def has_looked_up(self, client: ClientId, subject: str, address: str, since: datetime) -> bool:
        """Tell whether one was made since."""
        ...


class Approvals(Protocol):
    """Approval on a registered device instead of a typed code (IsBiometricValidationEnable)."""

    def ask(self, transaction: Transaction) -> None:
        """After a right PIN: offer the transaction to the citizen's devices, if there are any."""
        ...

    def redeem(self, transaction: Transaction, handle: Secret) -> Outcome | None:
        """Sign when a device approved (the SAM verifies it); None when none has yet.

        Called by every poll and before every check of a code.  The one claim is shared with the
        code: who comes second waits for the stored result.  Raises as EnterCode does.
        """
        ...


class CertificateMessages(Protocol):
    """The words that carry the code of a certificate's process."""

    def certificate_code(
        self, account: Account, code: Secret, challenge: Challenge, client_name: str
    ) -> OutgoingMessage:
        """Raises ChannelUnavailableError."""
        ...


class CodesSent(Protocol):
    """Counting codes per person."""

    def codes_sent_since(self, subject: str, since: datetime) -> int:
        """For whatever purpose."""
        ...
