"""Full certificate revocation lists per CA (RFC 5280, 5)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.authority import Authority
from certs.keys import hash_of
from certs.ports import CertificateStore
from signer.domain.certificate import (
    CertificateStatus,
    RevocationReason,
    RevocationSnapshot,
    StatusEntry,
    StoredCRL,
)
from signer.ports import Clock

_FLAGS: Final[Mapping[RevocationReason, x509.ReasonFlags]] = {
    reason: x509.ReasonFlags(reason.value) for reason in RevocationReason
}


class CRLSource(Protocol):
    """Gives a CA's list as it should be served now."""

    def current(self) -> bytes:
        """DER; raises StoreUnavailableError or QSCDUnavailableError."""
        ...


class FixedCRL:
    """A list made elsewhere: the root's, from the ceremony."""

    def __init__(self, der: bytes) -> None:
        self._der = der

    def current(self) -> bytes:
        """The list as it was made."""
        return self._der


class CRLIssuer:
    """Keeps a CA's list current: a new one after every change of status and before it is old.

    The signed list is kept in the store, so all processes serve the same one.
    """

    def __init__(
        self,
        authority: Authority,
        store: CertificateStore,
        clock: Clock,
        *,
        lifetime: timedelta,
        renew_before: timedelta,
    ) -> None:
        self._authority = authority
        self._store = store
        self._clock = clock
        self._lifetime = lifetime
        self._renew_before = renew_before

    def current(self) -> bytes:
        """The kept list, or a new one when statuses changed or it nears its end."""
        kept, changes = self._store.current_crl(self._authority.name)
        now = self._clock.now()
        if (
            kept is not None
            and kept.changes == changes
            and now < kept.next_update - self._renew_before
        ):
            return kept.der
        return self.renew()

    def renew(self) -> bytes:
        """Sign and keep a new list."""
        snapshot = self._store.begin_crl(self._authority.name)
        now = self._clock.now()
        der = signed_crl(self._authority, snapshot, now, self._lifetime)
        self._store.keep_crl(
            self._authority.name,
            StoredCRL(
                der=der,
                number=snapshot.number,
                changes=snapshot.changes,
                next_update=now + self._lifetime,
            ),
        )
        return der


def signed_crl(
    authority: Authority, snapshot: RevocationSnapshot, now: datetime, lifetime: timedelta
) -> bytes:
    """Sign a list of ``snapshot``; certificates past their end are left out."""
    now = now.replace(microsecond=0)
    key_identifier = authority.certificate.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    ).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now)
        .next_update(now + lifetime)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier),
            critical=False,
        )
        .add_extension(x509.CRLNumber(snapshot.number), critical=False)
    )
    for entry in snapshot.entries:
        if entry.not_after >= now:
            builder = builder.add_revoked_certificate(_revoked(entry))
    signed = builder.sign(authority.key, hash_of(authority.digest))
    return signed.public_bytes(Encoding.DER)


def _revoked(entry: StatusEntry) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(entry.serial)
        .revocation_date(entry.since.replace(microsecond=0))
    )
    reason = effective_reason(entry)
    if reason is not RevocationReason.UNSPECIFIED:  # RFC 5280, 5.3.1: then the code is left out
        builder = builder.add_extension(x509.CRLReason(_FLAGS[reason]), critical=False)
    return builder.build()


def effective_reason(entry: StatusEntry) -> RevocationReason:
    """What relying parties are told: a hold is a reason of its own."""
    if entry.status is CertificateStatus.SUSPENDED:
        return RevocationReason.CERTIFICATE_HOLD
    return entry.reason
