"""One method per operation: request members in, one operation of ours, answer members out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from api.cmd import messages, wcf
from api.cmd.envelope import Member
from api.cmd.errors import TOO_MANY, status_of
from api.cmd.messages import FieldReader, MemberError, Status, TooManyDocumentsError
from signer.domain.client import Client
from signer.domain.cmd_application import BareHash, CMDApplication
from signer.domain.cmd_process import CMDProcess, ProcessKind, Refusal
from signer.domain.errors import (
    InvalidRequestError,
    NotPermittedError,
    SigningServiceError,
    TransactionEndedError,
    UnavailableError,
)
from signer.domain.values import Secret, TransactionId
from signer.operations.cmd.begin import (
    BeginProcess,
    Begun,
    CertificateAsked,
    SignatureAsked,
    new_process_id,
)
from signer.operations.cmd.finish import Completed, FinishProcess
from signer.operations.cmd.lookup import LookUpCertificate
from signer.texts import Catalogue

_INVALID: Final = InvalidRequestError.code
_UNKNOWN: Final = Refusal(reason=NotPermittedError.code)
_ENDED: Final = Refusal(reason=TransactionEndedError.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request whose caller is known as far as it proved itself."""

    operation: str
    """As the caller spelt it: the answer's elements are named after it."""
    body: Member
    application: CMDApplication | None
    """None: unknown, suspended, or not the one whose Basic came."""
    legacy: bool
    authenticated: bool
    address: str

    @property
    def request(self) -> Member:
        """The data contract in ``request``; empty when it is missing."""
        return self.body.child("request") or Member("request", None)

    @property
    def wraps_bare_hashes(self) -> bool:
        """On the legacy service only, and by the application's policy."""
        policy = self.application.bare_hash if self.application else BareHash.REJECT
        return self.legacy and policy is BareHash.WRAP


@dataclass(frozen=True, slots=True)
class Answer:
    """The envelope, and which transaction it is about, for the archive."""

    envelope: bytes
    transaction: TransactionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The operations of both services: the same handlers under both names."""

    begin: BeginProcess
    finish: FinishProcess
    look_up: LookUpCertificate
    encrypted: FieldReader
    clear: FieldReader
    limit_client: Callable[[Client], None]
    limit_process: Callable[[str], None]
    """By the hash of the ProcessId: a poll a second must pass."""
    observe: Callable[[SigningServiceError], None]
    words: Catalogue

    def __call__(self, call: Call) -> Answer:
        """Raises KeyError for an operation that does not exist, and an UnavailableError."""
        return _HANDLERS[call.operation](self, call)

    @staticmethod
    def knows(operation: str) -> bool:
        """Tell whether there is such an operation."""
        return operation in _HANDLERS

    def fields(self, call: Call) -> FieldReader:
        """How this service carries secrets."""
        return self.clear if call.legacy else self.encrypted

    def get_certificate(self, call: Call) -> Answer:
        """There is no status: whatever is wrong with the request gives nil."""
        pem = None
        if call.application is not None:
            try:
                self.limit_client(call.application.client)
                phone = self._phone(call, "userId", call.body.value("userId"))
                chain = self.look_up(
                    call.application, phone, call.address, authenticated=call.authenticated
                )
                pem = messages.pem_chain(chain)
            except MemberError:
                pass
            except UnavailableError:
                raise
            except SigningServiceError as error:
                self.observe(error)
        return Answer(wcf.text_answer(call.operation, pem))

    def get_certificate_with_pin(self, call: Call) -> Answer:
        """``pin`` on one service, ``signaturePin`` on the other; both take both."""

        def begin(application: CMDApplication) -> Begun:
            pin = call.body.value("pin", "signaturePin")
            name = "signaturePin" if call.legacy else "pin"
            phone, secret = self._phone_and_pin(
                call, ("userId", call.body.value("userId")), (name, pin)
            )
            return self.begin.certificate(
                CertificateAsked(application=application, phone=phone, pin=secret)
            )

        return self._begun(call, ProcessKind.CERTIFICATE, begin)

    def sign(self, call: Call) -> Answer:
        """One hash."""

        def begin(application: CMDApplication) -> Begun:
            item = messages.single_item(call.request, wrap_bare=call.wraps_bare_hashes)
            phone, pin = self._signer(call)
            return self.begin.sign(
                SignatureAsked(
                    application=application,
                    phone=phone,
                    pin=pin,
                    kind=ProcessKind.SINGLE,
                    items=(item,),
                    approvable=messages.wants_approval(call.request),
                )
            )

        return self._begun(call, ProcessKind.SINGLE, begin)

    def multiple_sign(self, call: Call) -> Answer:
        """Several hashes, all or none."""

        def begin(application: CMDApplication) -> Begun:
            items, labels = messages.batch(
                call.body.child("documents"), wrap_bare=call.wraps_bare_hashes
            )
            phone, pin = self._signer(call)
            return self.begin.sign(
                SignatureAsked(
                    application=application,
                    phone=phone,
                    pin=pin,
                    kind=ProcessKind.BATCH,
                    items=items,
                    labels=labels,
                    approvable=messages.wants_approval(call.request),
                )
            )

        return self._begun(call, ProcessKind.BATCH, begin)

    def validate_otp(self, call: Call) -> Answer:
        """Sign; the optional fourth argument changes nothing."""

        def finish(application: CMDApplication, process: CMDProcess, handle: Secret) -> Outcome:
            self.limit_client(application.client)
            (code,) = self.fields(call).read(("code", call.body.value("code")))
            return self.finish.with_code(application, process, handle, code)

        return self._finished(call, finish)

    def poll(self, call: Call) -> Answer:
        """What there is now; not counted against the application."""

        def finish(_application: CMDApplication, process: CMDProcess, handle: Secret) -> Outcome:
            self.limit_process(process.handle_sha256)
            return self.finish.poll(process, handle)

        return self._finished(call, finish)

    def force_sms(self, call: Call) -> Answer:
        """Another code; the answer is a bare SignStatus."""

        def finish(application: CMDApplication, process: CMDProcess, handle: Secret) -> None:
            self.limit_client(application.client)
            phone = self._phone(call, "citizenId", call.body.value("citizenId"))
            self.finish.resend(application, process, handle, phone)

        result, process, handle = self._of_process(call, finish)
        status = self._status(call, result if isinstance(result, Refusal) else None, handle)
        envelope = wcf.structured_answer(call.operation, status.members())
        return Answer(envelope, process.transaction if process else None)

    # --- common parts -----------------------------------------------------------------------------

    def _begun(
        self, call: Call, kind: ProcessKind, begin: Callable[[CMDApplication], Begun]
    ) -> Answer:
        """Every answer has a ProcessId; a refusal lives on behind it, if it can be stored."""
        refusal: Refusal | None = _UNKNOWN
        begun = Begun(new_process_id(), refusal)
        if call.application is not None:
            try:
                self.limit_client(call.application.client)
                begun = self._begin_or_doom(call.application, kind, begin)
                refusal = begun.refusal
            except SigningServiceError as error:
                self.observe(error)
                refusal = Refusal.of(error)
        status = self._status(call, refusal, begun.process_id)
        envelope = wcf.structured_answer(call.operation, status.members())
        return Answer(envelope, begun.transaction)

    def _begin_or_doom(
        self,
        application: CMDApplication,
        kind: ProcessKind,
        begin: Callable[[CMDApplication], Begun],
    ) -> Begun:
        try:
            return begin(application)
        except MemberError as error:
            refusal = Refusal(reason=_INVALID, member=error.member, value=error.value)
        except TooManyDocumentsError:
            refusal = TOO_MANY
        return self.begin.doom(application, kind, refusal)

    def _finished(
        self, call: Call, finish: "Callable[[CMDApplication, CMDProcess, Secret], Outcome]"
    ) -> Answer:
        result, process, handle = self._of_process(call, finish)
        completed = result if isinstance(result, Completed) else None
        status = self._status(call, result if isinstance(result, Refusal) else None, handle)
        members = messages.sign_response(status, completed)
        envelope = wcf.structured_answer(call.operation, members)
        return Answer(envelope, process.transaction if process else None)

    def _of_process(
        self, call: Call, finish: "Callable[[CMDApplication, CMDProcess, Secret], Outcome | None]"
    ) -> "tuple[Outcome | None, CMDProcess | None, Secret]":
        """What ``finish`` gave or why it did not, the process, and the ProcessId to echo."""
        given = messages.process_id(call.body)
        handle = given or new_process_id()
        if call.application is None:
            return _UNKNOWN, None, handle
        if given is None:
            return Refusal(reason=_INVALID, member="processId"), None, handle
        process = None
        try:
            process = self.finish.find(call.application, handle)
            if process is None:
                self.limit_client(call.application.client)
                return _ENDED, None, handle
            return finish(call.application, process, handle), process, handle
        except MemberError as error:
            refusal = Refusal(reason=_INVALID, member=error.member, value=error.value)
        except SigningServiceError as error:
            self.observe(error)
            refusal = replace(Refusal.of(error), member=None)
        return refusal, process, handle

    def _status(self, call: Call, refusal: Refusal | None, handle: Secret) -> Status:
        code, text = status_of(refusal, legacy=call.legacy)
        return Status(
            code=code,
            message=self.words.format(text),
            process_id=handle.reveal(),
            member=refusal.member if refusal else None,
            value=refusal.value if refusal else None,
        )

    def _signer(self, call: Call) -> tuple[str, Secret]:
        request = call.request
        return self._phone_and_pin(
            call, ("UserId", request.value("UserId")), ("Pin", request.value("Pin"))
        )

    def _phone_and_pin(
        self, call: Call, user: tuple[str, str | None], pin: tuple[str, str | None]
    ) -> tuple[str, Secret]:
        reader = self.fields(call)
        phone, secret = reader.read(user, pin)
        return reader.phone(user[0], phone), secret

    def _phone(self, call: Call, name: str, text: str | None) -> str:
        reader = self.fields(call)
        (phone,) = reader.read((name, text))
        return reader.phone(name, phone)


Outcome = Completed | Refusal

MULTIPLE: Final = frozenset({"SCMDMultipleSign", "CCMovelMultipleSign"})
_HANDLERS: Final[dict[str, Callable[[Calls, Call], Answer]]] = {
    "GetCertificate": Calls.get_certificate,
    "GetCertificateWithPin": Calls.get_certificate_with_pin,
    "SCMDSign": Calls.sign,
    "CCMovelSign": Calls.sign,
    "SCMDMultipleSign": Calls.multiple_sign,
    "CCMovelMultipleSign": Calls.multiple_sign,
    "ValidateOtp": Calls.validate_otp,
    "ForceSMS": Calls.force_sms,
    "SignDocumentPooling": Calls.poll,
}
