"""Certificates follow the account: issued when a key waits, put on hold, reinstated, revoked."""

from dataclasses import dataclass, field

import structlog

from signer.domain.account import Account, AccountState
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.certificate import CertificateStatus, RevocationReason
from signer.domain.credential import Credential, CredentialState
from signer.domain.errors import CertificateAuthorityUnavailableError, ConflictError
from signer.domain.values import SignerId
from signer.operations.accounts.messages import AccountMessages
from signer.operations.accounts.needs import (
    AccountReading,
    CredentialReading,
    DueStatuses,
    Outbox,
)
from signer.operations.outgoing import Notice
from signer.ports import CertificateAuthority

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueCertificates:
    """Retryable: in the citizen's request, and by the worker over what still waits."""

    accounts: AccountReading
    credentials: CredentialReading
    authority: CertificateAuthority
    messages: AccountMessages
    outbox: Outbox

    def __call__(self, signer: SignerId) -> int:
        """Issue what the account waits for; gives how many certificates were issued now.

        Raises CertificateAuthorityUnavailableError: nothing is lost, call again.
        """
        account = self.accounts.by_id(signer)
        if account is None or account.state is not AccountState.ACTIVE:
            return 0
        issued = sum(
            self._issue(account, credential, csr)
            for credential, csr in self.credentials.requests(signer)
            if credential.state is CredentialState.REQUESTED
        )
        if issued:
            notice = self.messages.notice(account, Notice.CERTIFICATE, until=account.valid_until)
            self.outbox.put(notice)
        return issued

    def waiting(self, signer: SignerId) -> bool:
        """Tell whether a key of the account still waits for its certificate."""
        return any(
            credential.state is CredentialState.REQUESTED
            for credential, _ in self.credentials.requests(signer)
        )

    def all_waiting(self) -> int:
        """For the worker: issue for everybody who waits; one failure does not stop the others."""
        issued = 0
        for signer in self.credentials.awaiting_certificate():
            try:
                issued += self(signer)
            except CertificateAuthorityUnavailableError as error:
                _LOG.warning("certificate.still_waiting", subject=signer, code=error.code)
        return issued

    def _issue(self, account: Account, credential: Credential, csr_der: bytes) -> bool:
        chain = self.authority.issue(account, credential, csr_der)
        record = AuditRecord(
            event=AuditEvent.CERTIFICATE_ISSUED,
            outcome="installed",
            actor="service",
            subject=account.id,
            facts={"credential": credential.id, "algorithm": credential.algorithm.value},
        )
        if self.credentials.set_chain(credential.id, chain, audit=record):
            return True
        now = self.credentials.credential(credential.id)
        if now is not None and now.state is CredentialState.DESTROYED:  # closed meanwhile
            self.authority.set_status(
                chain[0],
                CertificateStatus.REVOKED,
                reason=RevocationReason.CESSATION_OF_OPERATION,
            )
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class TellAuthority:
    """Tells the CA what became of certificates; what fails now the worker tells later."""

    due: DueStatuses
    authority: CertificateAuthority
    limit: int = field(default=200)

    def __call__(self, signer: SignerId | None = None) -> int:
        """Tell what is due for one citizen or for all; gives how many it was told.

        Never raises because of the CA: the change of the account is already effective.
        """
        told = 0
        for one in self.due.due(signer, self.limit):
            try:
                self.authority.set_status(one.certificate_der, one.status, reason=one.reason)
            except ConflictError:
                _LOG.info("certificate.was_revoked_before", credential=one.credential)
            except CertificateAuthorityUnavailableError as error:
                _LOG.warning("certificate.status_due", credential=one.credential, code=error.code)
                continue
            record = AuditRecord(
                event=AuditEvent.CERTIFICATE_STATUS_CHANGED,
                outcome="told",
                actor="service",
                subject=one.signer,
                facts={"credential": one.credential, "status": one.status, "reason": one.reason},
            )
            told += self.due.told(one, audit=record)
        return told
