"""What the CMD doors need from their neighbours, as small protocols."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from signer.domain.cmd_application import CMDApplication
from signer.domain.values import ClientId, Secret, TransactionId
from signer.operations.cmd.needs import Approvals

__all__ = ["Applications", "Approvals", "Archive", "Decryption", "Exchange"]


class Applications(Protocol):
    """Registered programs."""

    def find(self, application_id: str) -> CMDApplication | None:
        """The active one with this ApplicationId (any letter case); None: unknown, suspended."""
        ...

    def authenticate(self, username: str, password: Secret) -> CMDApplication:
        """The application whose HTTP Basic this is.

        Raises ClientAuthenticationError (unknown, suspended, wrong: the same after the same work).
        """
        ...


class Decryption(Protocol):
    """Fields encrypted to the published "cifra" certificate (SCMD only)."""

    @property
    def sizes(self) -> frozenset[int]:
        """Ciphertext lengths in bytes that the active keys take; anything else is code 800."""
        ...

    def decrypt(self, ciphertexts: Sequence[bytes]) -> tuple[Secret | None, ...]:
        """Each field's text, None for what no active key opens; one call for a whole request.

        The work does not depend on what comes out.  Raises QSCDUnavailableError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One answered call, as it came and went: the archive redacts it before it is stored."""

    service: str
    """``SCMDService`` or ``CCMovelDigitalSignature``."""
    operation: str
    application: ClientId | None
    """None: unknown."""
    transaction: TransactionId | None
    """Public id of the transaction the ProcessId stands for, when there is one."""
    request: bytes = field(repr=False)
    """The envelope with PIN, code, phone and ProcessId in it."""
    response: bytes = field(repr=False)
    at: datetime


class Archive(Protocol):
    """Requests and answers, kept ten years without secrets."""

    def keep(self, exchange: Exchange) -> None:
        """Store it redacted; never raises into the call it archives."""
        ...
