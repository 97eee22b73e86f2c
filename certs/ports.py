"""What this package needs from the store."""

from datetime import datetime
from typing import Protocol

from signer.domain.audit import AuditRecord
from signer.domain.certificate import (
    CertificateStatus,
    Reservation,
    RevocationReason,
    RevocationSnapshot,
    StatusEntry,
    StoredCRL,
)


class CertificateStore(Protocol):
    """Issued certificates by serial number and credential, their status and lists.

    Every method raises :class:`~signer.domain.errors.StoreUnavailableError`.
    """

    def reserve(self, wanted: Reservation, *, audit: AuditRecord) -> Reservation:
        """Record the intent to issue; gives the reservation the credential already has, if any."""
        ...

    def complete(self, reservation: Reservation, der: bytes, *, audit: AuditRecord) -> bytes:
        """Record the signed certificate; gives the one recorded first."""
        ...

    def certificate_of(self, issuer: str, credential: str) -> bytes | None:
        """DER of the certificate issued for a credential, or None."""
        ...

    def status(self, issuer: str, serials: tuple[int, ...]) -> dict[int, StatusEntry]:
        """Status of those serial numbers that were issued."""
        ...

    def set_status(
        self,
        issuer: str,
        serial: int,
        status: CertificateStatus,
        reason: RevocationReason,
        now: datetime,
        *,
        audit: AuditRecord,
    ) -> bool:
        """Change the status unless it is already so; False when revoked before (final).

        Raises NotFoundError for a serial number that was never issued.
        """
        ...

    def history(self, issuer: str, serial: int) -> tuple[StatusEntry, ...]:
        """All status changes of one certificate, oldest first."""
        ...

    def current_crl(self, issuer: str) -> tuple[StoredCRL | None, int]:
        """The last list kept, and the CA's present counter of status changes."""
        ...

    def begin_crl(self, issuer: str) -> RevocationSnapshot:
        """Reserve the next CRL number and read what is revoked or on hold."""
        ...

    def keep_crl(self, issuer: str, crl: StoredCRL) -> None:
        """Keep a signed list unless a later one is there."""
        ...
