"""Issued certificates, their status and history, and lists of revoked ones."""

import uuid
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import Database
from signer.adapters.store.prepared import AnyRow, Prepared
from signer.adapters.store.tables.certificates import (
    certificate,
    certificate_change,
    certificate_list,
)
from signer.domain.audit import AuditRecord
from signer.domain.certificate import (
    CertificateStatus,
    Reservation,
    RevocationReason,
    RevocationSnapshot,
    StatusEntry,
    StoredCRL,
)
from signer.domain.errors import NotFoundError

_STATUS_COLUMNS = (
    certificate.c.serial,
    certificate.c.status,
    certificate.c.reason,
    certificate.c.since,
    certificate.c.not_after,
)

# Built once: OCSP asks this for every answer.
_STATUS_OF = Prepared(
    select(*_STATUS_COLUMNS).where(
        certificate.c.issuer == bindparam("issuer"),
        certificate.c.serial == bindparam("serial"),
        certificate.c.der.is_not(None),
    )
)


class SQLCertificateStore:
    """Certificates of all our CAs; every change and its audit record are one transaction."""

    def __init__(self, database: Database, chain: AuditChain) -> None:
        self._database = database
        self._chain = chain

    def reserve(self, wanted: Reservation, *, audit: AuditRecord) -> Reservation:
        """Insert the reservation, or give the one this credential already has."""
        try:
            with self._database.begin() as connection:
                connection.execute(
                    insert(certificate),
                    {
                        "issuer": wanted.issuer,
                        "serial": _text(wanted.serial),
                        "credential_id": wanted.credential,
                        "subject": wanted.subject,
                        "not_before": wanted.not_before,
                        "not_after": wanted.not_after,
                        "der": None,
                        "status": CertificateStatus.GOOD.value,
                        "reason": RevocationReason.UNSPECIFIED.value,
                        "since": wanted.not_before,
                    },
                )
                self._chain.append(connection, audit)
        except IntegrityError:
            return self._reservation(wanted)
        return wanted

    def _reservation(self, wanted: Reservation) -> Reservation:
        query = select(certificate).where(
            certificate.c.issuer == wanted.issuer,
            certificate.c.credential_id == wanted.credential,
        )
        with self._database.read() as connection:
            row = connection.execute(query).one()
        return Reservation(
            issuer=row.issuer,
            serial=int(row.serial, 16),
            credential=row.credential_id,
            subject=row.subject,
            not_before=row.not_before,
            not_after=row.not_after,
        )

    def complete(self, reservation: Reservation, der: bytes, *, audit: AuditRecord) -> bytes:
        """Fill the reservation once; whoever comes second gets the first one's certificate."""
        fill = (
            update(certificate)
            .where(
                certificate.c.issuer == reservation.issuer,
                certificate.c.serial == _text(reservation.serial),
                certificate.c.der.is_(None),
            )
            .values(der=der)
            .returning(certificate.c.serial)
        )
        with self._database.begin() as connection:
            if connection.execute(fill).one_or_none() is not None:
                self._chain.append(connection, audit)
                return der
        kept = self.certificate_of(reservation.issuer, reservation.credential)
        if kept is None:
            raise NotFoundError("there is no such reservation")
        return kept

    def certificate_of(self, issuer: str, credential: str) -> bytes | None:
        """DER, or None when it was never issued (or only reserved)."""
        query = select(certificate.c.der).where(
            certificate.c.issuer == issuer, certificate.c.credential_id == credential
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else row.der

    def status(self, issuer: str, serials: tuple[int, ...]) -> dict[int, StatusEntry]:
        """Status of those serial numbers that were issued; a reserved one was not."""
        several = len(serials) > 1
        with self._database.read() if several else self._database.look() as connection:
            rows = [
                _STATUS_OF.one_or_none(connection, issuer=issuer, serial=_text(serial))
                for serial in serials
            ]
        return {entry.serial: entry for entry in (_entry(row) for row in rows if row is not None)}

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
        """One conditional update, its history row, the CA's counter and the audit record."""
        change = (
            update(certificate)
            .where(
                certificate.c.issuer == issuer,
                certificate.c.serial == _text(serial),
                certificate.c.der.is_not(None),
                certificate.c.status.not_in([CertificateStatus.REVOKED.value, status.value]),
            )
            .values(status=status.value, reason=reason.value, since=now)
            .returning(certificate.c.serial)
        )
        with self._database.begin() as connection:
            if connection.execute(change).one_or_none() is not None:
                self._remember(connection, issuer, serial, status, reason, now)
                self._chain.append(connection, audit)
                return True
        present = self.status(issuer, (serial,)).get(serial)
        if present is None:
            raise NotFoundError("this certificate was not issued here")
        return present.status is status

    def _remember(
        self,
        connection: Connection,
        issuer: str,
        serial: int,
        status: CertificateStatus,
        reason: RevocationReason,
        now: datetime,
    ) -> None:
        connection.execute(
            insert(certificate_change),
            {
                "id": str(uuid.uuid4()),
                "issuer": issuer,
                "serial": _text(serial),
                "ordinal": _count(connection, issuer, "changes"),
                "status": status.value,
                "reason": reason.value,
                "at": now,
            },
        )

    def history(self, issuer: str, serial: int) -> tuple[StatusEntry, ...]:
        """Changes of one certificate, oldest first."""
        query = (
            select(
                certificate_change.c.serial,
                certificate_change.c.status,
                certificate_change.c.reason,
                certificate_change.c.at.label("since"),
                certificate.c.not_after,
            )
            .join_from(
                certificate_change,
                certificate,
                (certificate.c.issuer == certificate_change.c.issuer)
                & (certificate.c.serial == certificate_change.c.serial),
            )
            .where(
                certificate_change.c.issuer == issuer, certificate_change.c.serial == _text(serial)
            )
            .order_by(certificate_change.c.ordinal)
        )
        with self._database.read() as connection:
            return tuple(_entry(row) for row in connection.execute(query))

    def current_crl(self, issuer: str) -> tuple[StoredCRL | None, int]:
        """The kept list, and the present counter of changes (0 before the first)."""
        query = select(certificate_list).where(certificate_list.c.issuer == issuer)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None, 0
        if row.der is None:
            return None, row.changes
        kept = StoredCRL(
            der=row.der,
            number=row.kept_number,
            changes=row.kept_changes,
            next_update=row.next_update,
        )
        return kept, row.changes

    def begin_crl(self, issuer: str) -> RevocationSnapshot:
        """Number, counter and entries agree: the counter's row is locked while reading."""
        entries = (
            select(*_STATUS_COLUMNS)
            .where(
                certificate.c.issuer == issuer,
                certificate.c.status.in_(
                    [CertificateStatus.SUSPENDED.value, CertificateStatus.REVOKED.value]
                ),
            )
            .order_by(certificate.c.since, certificate.c.serial)
        )
        with self._database.begin() as connection:
            number = _count(connection, issuer, "next_number")
            changes = connection.execute(
                select(certificate_list.c.changes).where(certificate_list.c.issuer == issuer)
            ).scalar_one()
            found = tuple(_entry(row) for row in connection.execute(entries))
        return RevocationSnapshot(number, changes, found)

    def keep_crl(self, issuer: str, crl: StoredCRL) -> None:
        """Later numbers win."""
        keep = (
            update(certificate_list)
            .where(certificate_list.c.issuer == issuer, certificate_list.c.kept_number < crl.number)
            .values(
                der=crl.der,
                kept_number=crl.number,
                kept_changes=crl.changes,
                next_update=crl.next_update,
            )
        )
        with self._database.begin() as connection:
            connection.execute(keep)


def _count(connection: Connection, issuer: str, column: str) -> int:
    """Add one to a counter of a CA's row, making the row at first use; gives the new value."""
    counter = certificate_list.c[column]
    add = (
        update(certificate_list)
        .where(certificate_list.c.issuer == issuer)
        .values({column: counter + 1})
        .returning(counter)
    )
    value = connection.execute(add).scalar_one_or_none()
    if value is None:
        first = {"changes": 0, "next_number": 0, "kept_number": 0, "kept_changes": 0}
        try:
            with connection.begin_nested():
                connection.execute(insert(certificate_list), {"issuer": issuer, **first})
        except IntegrityError:
            pass  # another process made the row first: count on it
        value = connection.execute(add).scalar_one()
    return int(value)


def _text(serial: int) -> str:
    return f"{serial:040x}"


def _entry(row: AnyRow) -> StatusEntry:
    return StatusEntry(
        serial=int(row.serial, 16),
        status=CertificateStatus(row.status),
        reason=RevocationReason(row.reason),
        since=row.since,
        not_after=row.not_after,
    )
