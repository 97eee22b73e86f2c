"""The CMD doors, put together."""

from dataclasses import dataclass
from datetime import timedelta
from threading import BoundedSemaphore

from api.cmd.archive import RedactingArchive
from api.cmd.calls import Calls
from api.cmd.decryption import FieldDecryption
from api.cmd.messages import FieldReader
from api.cmd.views import CMDServices
from api.error_log import log_refusal
from api.wiring.services import Services
from signer.domain.account import Account
from signer.domain.activation import Challenge
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import Secret
from signer.operations.applications import FindApplication
from signer.operations.cmd.begin import BeginProcess
from signer.operations.cmd.certificate import CertificateCodes
from signer.operations.cmd.finish import FinishProcess
from signer.operations.cmd.lookup import LookUpCertificate
from signer.operations.outgoing import CodePurpose, Composer, Recipient


def cmd_door(services: Services) -> CMDServices:
    """The services at ``/Ama.Authentication.Frontend``."""
    settings, stores, clock = services.settings, services.stores, services.stores.clock
    signing, people, vault = services.signing, services.people, services.device.sam.vault
    lifetime = timedelta(seconds=settings.cmd_process_lifetime_seconds)
    codes = CertificateCodes(
        challenges=services.sam.challenges,
        messages=CertificateMessages(services.composer),
        sent=stores.accounts,
        limits=services.sam.limits,
        clock=clock,
    )
    approvals = signing.approved
    look_up = LookUpCertificate(
        certificates=signing.certificates,
        accounts=people,
        processes=stores.cmd_processes,
        clock=clock,
        pseudonym=lambda address: vault.pseudonym("address", address),
    )
    words = services.texts.get(settings.language)
    calls = Calls(
        begin=BeginProcess(
            start=signing.start,
            enter_pin=signing.enter_pin,
            accounts=people,
            credentials=stores.credentials,
            transactions=stores.transactions,
            processes=stores.cmd_processes,
            certificates=codes,
            approvals=approvals,
            clock=clock,
            lifetime=lifetime,
            observe=log_refusal,
        ),
        finish=FinishProcess(
            processes=stores.cmd_processes,
            transactions=stores.transactions,
            accounts=people,
            credentials=stores.credentials,
            enter_pin=signing.enter_pin,
            enter_code=signing.enter_code,
            resend_code=signing.resend,
            certificates=codes,
            approvals=approvals,
            clock=clock,
            lifetime=lifetime,
            resends=services.sam.limits.resends_per_transaction,
            waiting=BoundedSemaphore(max(1, settings.web_threads // 2)),
        ),
        look_up=look_up,
        encrypted=FieldReader(
            FieldDecryption(services.device.sam.ciphers),
            services.normalise_phone,
            lenient=settings.cmd_clear_fields,
        ),
        clear=FieldReader(None, services.normalise_phone),
        limit_client=services.rates.check_client,
        limit_process=services.rates.check_process,
        observe=log_refusal,
        words=words,
    )
    return CMDServices(
        calls=calls,
        applications=FindApplication(stores.applications, services.authenticate),
        archive=RedactingArchive(stores.archive),
        vouched=look_up.vouched,
        words=words,
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class CertificateMessages:
    """The words of codes that give a certificate."""

    composer: Composer

    def certificate_code(
        self, account: Account, code: Secret, challenge: Challenge, client_name: str
    ) -> OutgoingMessage:
        """Raises ChannelUnavailableError."""
        return self.composer.code_message(
            Recipient.of(account),
            code,
            CodePurpose.CERTIFICATE,
            process=challenge.id,
            expires_at=challenge.expires_at,
            client=challenge.client,
            client_name=client_name,
        )
