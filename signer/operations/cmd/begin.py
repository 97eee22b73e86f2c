"""The first call: PIN checked, code sent, and a ProcessId in every case, doomed or not."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.client import ClientPolicy, Role
from signer.domain.cmd_application import CMDApplication
from signer.domain.cmd_process import CMDProcess, DocumentLabel, ProcessKind, Refusal
from signer.domain.errors import NotPermittedError, SigningServiceError
from signer.domain.transaction import SigningItem, Transaction, TransactionState
from signer.domain.values import Secret, SignerId, TransactionId
from signer.operations.cmd.certificate import CertificateCodes
from signer.operations.cmd.needs import Approvals, Processes
from signer.operations.signing.needs import Accounts, Credentials, Transactions
from signer.operations.signing.pin_entry import ClaimedPerson, EnterPIN
from signer.operations.signing.start import SigningRequest, StartSigning, choose
from signer.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureAsked:
    """A request to sign one hash, or several at once."""

    application: CMDApplication
    phone: str
    """E.164, or any text that nobody has as a phone."""
    pin: Secret
    kind: ProcessKind
    items: tuple[SigningItem, ...]
    labels: tuple[DocumentLabel, ...] = ()
    approvable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAsked:
    """A request for the certificate of whoever knows the PIN."""

    application: CMDApplication
    phone: str
    pin: Secret


@dataclass(frozen=True, slots=True)
class Begun:
    """What the caller comes back with; ``refusal`` set means it never leads anywhere."""

    process_id: Secret
    refusal: Refusal | None
    transaction: TransactionId | None = None
    """Public id, for the archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginProcess:
    """Unknown, closed, locked and wrong take the same steps and give the same answer."""

    start: StartSigning
    enter_pin: EnterPIN
    accounts: Accounts
    credentials: Credentials
    transactions: Transactions
    processes: Processes
    certificates: CertificateCodes
    approvals: Approvals
    clock: Clock
    lifetime: timedelta
    observe: Callable[[SigningServiceError], None]
    """Logs why something came to nothing."""

    def sign(self, asked: SignatureAsked) -> Begun:
        """Start a transaction and ask for its code.  Raises an UnavailableError of the store."""
        handle = new_process_id()
        application = asked.application
        if not may_call(application):
            return self.doom(application, asked.kind, _refused(self, NotPermittedError()))
        started = self.start(
            SigningRequest(
                client=application.client.id,
                relying_party=application.client.name,
                phone=asked.phone,
                items=asked.items,
                lifetime=self.lifetime,
            )
        )
        transaction = started.transaction
        refusal = None
        try:
            self.enter_pin(transaction, asked.pin, handle=handle, rsa_only=True)
            if asked.approvable:
                self._offer(transaction)
        except SigningServiceError as error:
            refusal = _refused(self, error)
            self._end(transaction, refusal)
        process = CMDProcess(
            handle_sha256=handle.sha256(),
            client=application.client.id,
            kind=asked.kind,
            subject=transaction.subject,
            signer=transaction.signer,
            transaction=transaction.id,
            refusal=refusal,
            labels=asked.labels,
            approvable=asked.approvable and refusal is None,
            created_at=transaction.created_at,
            expires_at=transaction.expires_at,
        )
        self.processes.add(process)
        return Begun(handle, refusal, transaction.id)

    def certificate(self, asked: CertificateAsked) -> Begun:
        """Check the PIN and send a code that gives the certificate; nothing is signed."""
        handle = new_process_id()
        application = asked.application
        if not may_call(application):
            refusal = _refused(self, NotPermittedError())
            return self.doom(application, ProcessKind.CERTIFICATE, refusal)
        account, subject = self.accounts.by_phone(asked.phone)
        credential = choose(self.credentials.of(account.id), None) if account else None
        client = application.client.id
        claimed = ClaimedPerson(account, credential, subject, client, str(uuid.uuid4()))
        refused = None
        try:
            person, _verified = self.enter_pin.authenticate(claimed, asked.pin, rsa_only=True)
            self.certificates.send(person.account, application.client, handle, self.lifetime)
        except SigningServiceError as error:
            refused = _refused(self, error)
        signer = account.id if account else None
        self._keep(application, ProcessKind.CERTIFICATE, handle, subject, signer, refused)
        return Begun(handle, refused)

    def doom(self, application: CMDApplication, kind: ProcessKind, refusal: Refusal) -> Begun:
        """A process that only repeats its refusal, for callers that do not read the first one."""
        handle = new_process_id()
        self._keep(application, kind, handle, "", None, refusal)
        return Begun(handle, refusal)

    def _keep(
        self,
        application: CMDApplication,
        kind: ProcessKind,
        handle: Secret,
        subject: str,
        signer: SignerId | None,
        refusal: Refusal | None,
    ) -> None:
        now = self.clock.now()
        self.processes.add(
            CMDProcess(
                handle_sha256=handle.sha256(),
                client=application.client.id,
                kind=kind,
                subject=subject,
                signer=signer,
                transaction=None,
                refusal=refusal,
                created_at=now,
                expires_at=now + self.lifetime,
            )
        )

    def _offer(self, transaction: Transaction) -> None:
        asked = self.transactions.by_id(transaction.id)
        if asked is None:
            return
        try:
            self.approvals.ask(asked)
        except SigningServiceError as error:
            # The message is on its way: the code still signs.
            self.observe(error)

    def _end(self, transaction: Transaction, refusal: Refusal) -> None:
        record = AuditRecord(
            event=AuditEvent.TRANSACTION_FAILED,
            outcome=refusal.reason,
            actor="service",
            subject=transaction.subject,
            transaction=transaction.id,
        )
        self.transactions.end(
            transaction.id,
            TransactionState.FAILED,
            self.clock.now(),
            failure=refusal.reason,
            audit=record,
        )


def new_process_id() -> Secret:
    """A random GUID, lower case: the handle, held by the caller only (122 random bits)."""
    return Secret(str(uuid.uuid4()))


def may_call(application: CMDApplication) -> bool:
    """Registered to ask for signatures and to carry PIN and code itself."""
    client = application.client
    return (
        client.has_role(Role.RELYING_PARTY)
        and client.may(ClientPolicy.MAY_CARRY_PIN)
        and client.may_ask_for("signature")
    )


def _refused(begin: BeginProcess, error: SigningServiceError) -> Refusal:
    begin.observe(error)
    return Refusal.of(error)
