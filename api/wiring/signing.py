"""The signing operations, put together."""

from dataclasses import dataclass
from datetime import timedelta

from api.settings import Settings
from api.wiring.device import Device
from api.wiring.extension import extension
from api.wiring.messages import SigningMessages
from api.wiring.people import People
from api.wiring.stores import Stores
from api.wiring.trust import Trust
from signer.adapters.signature_check import verifies
from signer.authentication.attempts import Attempts
from signer.authentication.challenge import ChallengeAuthenticator
from signer.authentication.code import CodeAuthenticator
from signer.authentication.limits import Limits
from signer.authentication.pin import PINAuthenticator
from signer.authentication.spray import SprayGuard
from signer.authentication.totp import TOTPAuthenticator
from signer.domain.values import Secret, SignerId
from signer.formats.assembly import DocumentSigner, baseline_formats
from signer.formats.pades import PAdES
from signer.formats.pdf_process import PdfProcesses
from signer.formats.port import TrustServices
from signer.operations.extension import ExtendSignature
from signer.operations.outgoing import Composer
from signer.operations.signing.approval import AnswerApproval, ApprovedSigning
from signer.operations.signing.certificates import FindCertificates
from signer.operations.signing.code_entry import EnterCode
from signer.operations.signing.completion import Complete, Preparation
from signer.operations.signing.ending import EndSigning, FindTransaction, SigningHousekeeping
from signer.operations.signing.needs import Attributes
from signer.operations.signing.pin_entry import EnterPIN
from signer.operations.signing.resending import ResendCode
from signer.operations.signing.start import StartSigning
from signer.sam import Enrolment, Grants, ServiceActivation, StagedEntry
from signer.sam.approvals import DeviceApprovals
from signer.sam.enrolment import KeyMaker
from signer.sam.sealing import SlotSealer


def limits_of(settings: Settings) -> Limits:
    """The limits on guessing as configured."""
    return Limits(
        pin_failures=settings.limit_pin_failures,
        pin_failures_in_window=settings.limit_pin_failures_in_window,
        window=timedelta(days=settings.limit_window_days),
        code_failures=settings.limit_code_failures,
        code_failures_per_code=settings.limit_code_failures_per_code,
        code_lock=timedelta(hours=settings.limit_code_lock_hours),
        client_failures_per_hour=settings.limit_client_failures_per_hour,
        delays=tuple(timedelta(seconds=s) for s in settings.limit_pin_delays_seconds),
        resend_interval=timedelta(seconds=settings.limit_resend_interval_seconds),
        resends_per_transaction=settings.limit_resends_per_transaction,
        codes_per_hour=settings.limit_codes_per_hour,
        codes_per_day=settings.limit_codes_per_day,
        stale_attempt=timedelta(seconds=settings.limit_stale_attempt_seconds),
        busy_wait=timedelta(seconds=settings.limit_busy_wait_seconds),
    )


def spray_guard(settings: Settings, stores: Stores) -> SprayGuard:
    """Watches the attempts of all clients together."""
    return SprayGuard(
        stores.attempts.tried_since,
        stores.clock,
        attempts=settings.limit_spray_attempts,
        percent=settings.limit_spray_percent,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMParts:
    """Authentication and SAM: every door shares these."""

    limits: Limits
    attempts: Attempts
    pins: PINAuthenticator
    codes: CodeAuthenticator
    challenges: ChallengeAuthenticator
    totp: TOTPAuthenticator
    enrolment: Enrolment
    staged: StagedEntry
    grants: Grants
    services: ServiceActivation
    approvals: DeviceApprovals


def sam_parts(settings: Settings, device: Device, stores: Stores, people: People) -> SAMParts:
    """Wire authentication and SAM to the token ``sam``."""
    vault, clock = device.sam.vault, stores.clock
    limits = limits_of(settings)
    attempts = Attempts(
        stores.attempts,
        clock,
        limits,
        on_lock=people.tell_locked,
        budget_of=people.failure_budget,
        sprayed=spray_guard(settings, stores),
    )
    sealer = SlotSealer(vault, clock)
    maker = KeyMaker(vault, device.sam.qscd, sealer, clock)
    return SAMParts(
        limits=limits,
        attempts=attempts,
        pins=PINAuthenticator(vault, attempts),
        codes=CodeAuthenticator(vault, attempts),
        challenges=ChallengeAuthenticator(vault, stores.challenges, attempts, clock),
        totp=TOTPAuthenticator(vault, stores.totp, clock, issuer=settings.service_name),
        enrolment=Enrolment(maker, stores.credentials, stores.credentials),
        staged=StagedEntry(sealer, stores.staged, stores.credentials, clock),
        grants=Grants(sealer, stores.grants, stores.credentials, clock),
        services=ServiceActivation(
            vault, sealer, maker, stores.service, stores.credentials, attempts
        ),
        approvals=DeviceApprovals(vault, verifies),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """The operations around one signature."""

    start: StartSigning
    enter_pin: EnterPIN
    enter_code: EnterCode
    resend: ResendCode
    end: EndSigning
    approved: ApprovedSigning
    answer: AnswerApproval
    find: FindTransaction
    certificates: FindCertificates
    housekeeping: SigningHousekeeping
    extend: ExtendSignature
    pades: PAdES


def signing(
    settings: Settings,
    device: Device,
    stores: Stores,
    trust: Trust,
    people: People,
    parts: SAMParts,
    attributes: Attributes,
    composer: Composer,
) -> Signing:
    """Wire the operations; :class:`~api.wiring.services.Services` calls this once."""
    clock, transactions, statistics = stores.clock, stores.transactions, stores.statistics
    messages = SigningMessages(composer, clock, people.webhook_url)
    pades = PAdES(
        PdfProcesses(),
        size_limit=settings.document_maximum_megabytes * 1024 * 1024,
        seal=trust.country.seal,
    )
    services = TrustServices(timestamps=trust.timestamps, validation_data=trust.validation_data)
    documents = DocumentSigner(baseline_formats(pades), services)
    code_lifetime = timedelta(seconds=settings.code_lifetime_seconds)
    end = EndSigning(
        transactions=transactions, messages=messages, statistics=statistics, clock=clock
    )
    complete = Complete(
        accounts=people,
        transactions=transactions,
        documents=documents,
        messages=messages,
        statistics=statistics,
        clock=clock,
    )

    def accept_totp(subject: str, code: Secret) -> bool:
        return parts.totp.accept(SignerId(subject), code)

    enter_code = EnterCode(
        accounts=people,
        credentials=stores.credentials,
        attributes=attributes,
        transactions=transactions,
        codes=parts.codes,
        staged=parts.staged,
        authority=trust.authority,
        preparation=Preparation(
            documents=documents,
            verify=verifies,
            clock=clock,
            attribute_authority_chain=trust.attribute_authority.chain_der,
        ),
        complete=complete,
        qscd=device.sam.qscd,
        messages=messages,
        statistics=statistics,
        clock=clock,
        accept_totp=accept_totp,
    )
    return Signing(
        start=StartSigning(
            accounts=people,
            credentials=stores.credentials,
            transactions=transactions,
            statistics=statistics,
            clock=clock,
            text_version=people.text_version,
        ),
        enter_pin=EnterPIN(
            accounts=people,
            credentials=stores.credentials,
            attributes=attributes,
            transactions=transactions,
            pins=parts.pins,
            staged=parts.staged,
            authority=trust.authority,
            messages=messages,
            statistics=statistics,
            limits=parts.limits,
            clock=clock,
            code_lifetime=code_lifetime,
            has_totp=parts.totp.is_enrolled,
            phone_freeze=timedelta(hours=settings.limit_phone_change_freeze_hours),
        ),
        enter_code=enter_code,
        approved=ApprovedSigning(
            approvals=stores.devices,
            accounts=people,
            devices=parts.approvals,
            enter=enter_code,
            clock=clock,
        ),
        answer=AnswerApproval(
            approvals=stores.devices,
            accounts=people,
            transactions=transactions,
            devices=parts.approvals,
            end=end,
            clock=clock,
        ),
        resend=ResendCode(
            accounts=people,
            credentials=stores.credentials,
            transactions=transactions,
            staged=parts.staged,
            messages=messages,
            statistics=statistics,
            limits=parts.limits,
            clock=clock,
            code_lifetime=code_lifetime,
        ),
        end=end,
        find=FindTransaction(transactions=transactions),
        certificates=FindCertificates(
            accounts=people, credentials=stores.credentials, cap=people.cap_lookups
        ),
        housekeeping=SigningHousekeeping(
            transactions=transactions, end=end, complete=complete, messages=messages, clock=clock
        ),
        extend=extension(pades, trust.anchors, trust.validation_data, services, clock),
        pades=pades,
    )
