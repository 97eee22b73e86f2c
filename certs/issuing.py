"""The certificate authority in this process: issues and withdraws signers' certificates."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from certs import profiles
from certs.authority import Authority, Validity, new_serial, spki_der, validity_of
from certs.ports import CertificateStore
from certs.profiles import Addresses, Extension, Organisation, Qualification
from signer.country import CountryProfile
from signer.domain.account import Account
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.certificate import CertificateStatus, Reservation, RevocationReason
from signer.domain.credential import Credential
from signer.domain.errors import (
    AccountStateError,
    CertificateAuthorityUnavailableError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    QSCDUnavailableError,
    StoreUnavailableError,
)
from signer.ports import Clock

_BACKDATED: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingPolicy:
    """What this CA puts into signers' certificates."""

    country: CountryProfile
    addresses: Addresses
    serial_number_form: str = ""
    """Name in the country profile (``bi``, ``pno``); empty = the country's default."""
    mark: str = ""
    """Put before every common name: ``TESTE`` in the demo."""
    qualification: Qualification = field(default_factory=Qualification)

    def __post_init__(self) -> None:
        self.country.serial_number(self.serial_number_form)
        if self.mark and (self.qualification.compliance or self.qualification.device):
            raise ConfigurationError(
                "statements of qualification are refused while names are marked as tests"
            )


class LocalCertificateAuthority:
    """The port ``CertificateAuthority`` on our own issuing CA and store."""

    def __init__(
        self,
        authority: Authority,
        parents_der: tuple[bytes, ...],
        policy: IssuingPolicy,
        store: CertificateStore,
        clock: Clock,
    ) -> None:
        """``parents_der``: certificates above ``authority``, root last."""
        self._authority = authority
        self._policy = policy
        self._store = store
        self._clock = clock
        self._chain = (authority.certificate.public_bytes(Encoding.DER), *parents_der)

    def issue(self, account: Account, credential: Credential, csr_der: bytes) -> tuple[bytes, ...]:
        """Certificate for a citizen's key, valid as long as the identity document.

        Repeating the call for a credential gives the certificate issued before.  Raises
        InvalidRequestError for a request that does not prove the credential's key,
        AccountStateError when the document expired, CertificateAuthorityUnavailableError.
        """
        form = self._policy.country.serial_number(self._policy.serial_number_form)
        identity = account.identity
        subject = profiles.person_name(
            identity,
            form.of(identity.document),
            self._policy.country.code,
            mark=self._policy.mark,
        )
        extensions = profiles.citizen(
            self._policy.country,
            self._policy.addresses,
            self._authority.name,
            semantics=form.semantics,
            qualification=self._policy.qualification,
        )
        return self._issue(credential, csr_der, subject, extensions, account.valid_until)

    def issue_seal(
        self,
        organisation: Organisation,
        common_name: str,
        credential: Credential,
        csr_der: bytes,
        *,
        valid_until: datetime,
    ) -> tuple[bytes, ...]:
        """Certificate for an organisation's seal key; raises as :meth:`issue`."""
        common = f"{self._policy.mark} {common_name}".strip()
        extensions = profiles.seal(
            self._policy.country,
            self._policy.addresses,
            self._authority.name,
            qualification=self._policy.qualification,
        )
        subject = profiles.organisation_name(organisation, common)
        return self._issue(credential, csr_der, subject, extensions, valid_until)

    def _issue(
        self,
        credential: Credential,
        csr_der: bytes,
        subject: x509.Name,
        extensions: Iterable[Extension],
        valid_until: datetime,
    ) -> tuple[bytes, ...]:
        try:
            kept = self._store.certificate_of(self._authority.name, credential.id)
            if kept is not None:
                return (kept, *self._chain)
            public_key = _proven_key(csr_der, credential)
            reservation = self._reserve(credential, valid_until)
            certificate = self._authority.issue(
                subject,
                public_key,
                Validity(not_before=reservation.not_before, not_after=reservation.not_after),
                extensions,
                serial=reservation.serial,
            )
            der = self._store.complete(
                reservation,
                certificate.public_bytes(Encoding.DER),
                audit=_issued(reservation, "ok"),
            )
        except (StoreUnavailableError, QSCDUnavailableError) as error:
            raise CertificateAuthorityUnavailableError(retry_after=error.retry_after) from error
        return (der, *self._chain)

    def _reserve(self, credential: Credential, valid_until: datetime) -> Reservation:
        now = self._clock.now().replace(microsecond=0)
        validity = Validity(not_before=now - _BACKDATED, not_after=valid_until).within(
            validity_of(self._authority.certificate)
        )
        if validity.not_after <= now:
            raise AccountStateError("the identity document is no longer valid")
        wanted = Reservation(
            issuer=self._authority.name,
            serial=new_serial(),
            credential=credential.id,
            subject=credential.signer,
            not_before=validity.not_before,
            not_after=validity.not_after,
        )
        return self._store.reserve(wanted, audit=_issued(wanted, "intended"))

    def set_status(self, certificate_der: bytes, status: str, *, reason: str = "") -> None:
        """Reinstate, suspend or revoke; effective at once here and in the next OCSP answer.

        Repeating a status changes nothing.  Raises InvalidRequestError for an unknown status or
        reason, NotFoundError for a certificate of others, ConflictError when it was revoked
        before, CertificateAuthorityUnavailableError.
        """
        wanted, why = _parsed(status, reason)
        certificate = self._own(certificate_der)
        if certificate is None:
            raise NotFoundError("this certificate was not issued here")
        record = AuditRecord(
            event=AuditEvent.CERTIFICATE_STATUS_CHANGED,
            actor="service",
            facts={
                "issuer": self._authority.name,
                "serial": f"{certificate.serial_number:x}",
                "status": wanted.value,
                "reason": why.value,
            },
        )
        try:
            changed = self._store.set_status(
                self._authority.name,
                certificate.serial_number,
                wanted,
                why,
                self._clock.now(),
                audit=record,
            )
        except StoreUnavailableError as error:
            raise CertificateAuthorityUnavailableError(retry_after=error.retry_after) from error
        if not changed:
            raise ConflictError("a revoked certificate stays revoked")

    def is_good(self, certificate_der: bytes) -> bool:
        """Issued here, valid now, neither revoked nor suspended; read from the store each time."""
        certificate = self._own(certificate_der)
        if certificate is None:
            return False
        validity = validity_of(certificate)
        if not validity.not_before <= self._clock.now() <= validity.not_after:
            return False
        serial = certificate.serial_number
        try:
            entry = self._store.status(self._authority.name, (serial,)).get(serial)
        except StoreUnavailableError as error:
            raise CertificateAuthorityUnavailableError(retry_after=error.retry_after) from error
        return entry is not None and entry.status is CertificateStatus.GOOD

    def _own(self, certificate_der: bytes) -> x509.Certificate | None:
        """The certificate if this CA signed it; a forged one with a known serial is not ours."""
        return _issued_by(self._authority.certificate, certificate_der)


@lru_cache(maxsize=4096)
def _issued_by(issuer: x509.Certificate, certificate_der: bytes) -> x509.Certificate | None:
    """Remembered, because the same bytes stay signed; status and validity are asked each time."""
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return None
    return certificate


def _proven_key(csr_der: bytes, credential: Credential) -> object:
    """Public key of a PKCS #10 request that signs itself and is for this credential's key."""
    try:
        request = x509.load_der_x509_csr(csr_der)
        proven = request.is_signature_valid
        public_key = request.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidRequestError("not a certificate request", field="csr") from error
    if not proven:
        raise InvalidRequestError("the request does not prove its key", field="csr")
    try:
        same = spki_der(public_key) == credential.svd_der
    except ConfigurationError as error:
        raise InvalidRequestError(error.detail, field="csr") from error
    if not same:
        raise InvalidRequestError("the request is for another key", field="csr")
    return public_key


def _parsed(status: str, reason: str) -> tuple[CertificateStatus, RevocationReason]:
    try:
        wanted = CertificateStatus(status)
    except ValueError as error:
        raise InvalidRequestError("unknown certificate status", field="status") from error
    try:
        why = RevocationReason(reason) if reason else RevocationReason.UNSPECIFIED
    except ValueError as error:
        raise InvalidRequestError("unknown revocation reason", field="reason") from error
    if why is RevocationReason.CERTIFICATE_HOLD and wanted is CertificateStatus.REVOKED:
        raise InvalidRequestError("certificateHold is the status `suspended`", field="reason")
    if wanted is CertificateStatus.SUSPENDED:
        return wanted, RevocationReason.CERTIFICATE_HOLD
    if wanted is CertificateStatus.GOOD:
        return wanted, RevocationReason.UNSPECIFIED
    return wanted, why


def _issued(reservation: Reservation, outcome: str) -> AuditRecord:
    return AuditRecord(
        event=AuditEvent.CERTIFICATE_ISSUED,
        outcome=outcome,
        actor="service",
        subject=reservation.subject,
        facts={
            "issuer": reservation.issuer,
            "serial": f"{reservation.serial:x}",
            "credential": reservation.credential,
            "not_after": reservation.not_after.isoformat(),
        },
    )
