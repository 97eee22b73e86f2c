"""What each door with pages or public data is given."""

from collections.abc import Callable

from api.cmd.certificate import CertificateDoor
from api.demo.devices import DemoDevices
from api.demo.views import DemoDoor
from api.native.extensions import ExtensionServices
from api.native.officers import OfficerServices
from api.native.providers import ProviderServices
from api.native.receipts import ReceiptServices
from api.operations.health import Readiness
from api.pki.services import PKIServices
from api.web.accounts import AccountPages
from api.web.enrolment import EnrolmentPages
from api.web.signing import SigningPage
from api.wiring.commands import CommandServices
from api.wiring.services import Services
from certs.setup import ISSUING, ROOT
from signer.adapters.phones import masked
from signer.domain.account import Account
from signer.domain.approval import Decision
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import ConfigurationError, NotFoundError
from signer.domain.statistics import CountedEvent
from signer.domain.transaction import Transaction
from signer.domain.values import ClientId, Secret, TransactionId
from signer.operations.deliver import Deliver


def signing_page(services: Services) -> SigningPage:
    """The pages at ``/sign``."""
    stores = services.stores

    def shown(transaction: Transaction) -> None:
        record = AuditRecord(
            event=AuditEvent.TRANSACTION_SHOWN,
            actor="citizen",
            subject=transaction.subject,
            transaction=transaction.id,
            facts={
                "text_version": transaction.text_version,
                "text_sha256": transaction.text_sha256,
                "locale": services.kit.locale,
            },
        )
        stores.audit_log.record(record)
        stores.statistics.count(CountedEvent.PAGE_SHOWN, client=transaction.client)

    def account_of(transaction: Transaction) -> Account | None:
        return stores.accounts.by_id(transaction.signer) if transaction.signer else None

    signing = services.signing
    return SigningPage(
        kit=services.kit,
        find=signing.find,
        shown=shown,
        enter_pin=signing.enter_pin,
        enter_code=signing.enter_code,
        resend=signing.resend,
        end=signing.end,
        account_of=account_of,
        mask=masked,
        label_of=_labels(services),
        clock=stores.clock,
        secure_cookies=services.settings.is_production,
    )


def _labels(services: Services) -> Callable[[str, str, str], str]:
    def label(provider: str, role: str, locale: str) -> str:
        for one in services.attribute_store.roles(provider):
            if one.id == role:
                return one.label_en if locale == "en" else one.label_pt
        return f"{role} ({provider})"

    return label


def enrolment_door(services: Services) -> EnrolmentPages:
    """The pages at ``/account/enrol``."""
    return EnrolmentPages(
        kit=services.kit, enrol=services.accounts.enrol, mask=masked, apps=services.sam.totp
    )


def account_door(services: Services) -> AccountPages:
    """The pages at ``/account``."""
    vault = services.device.sam.vault
    accounts = services.accounts

    def client_of(address: str) -> ClientId:
        return ClientId(f"page-{vault.pseudonym('address', address)}")

    return AccountPages(
        kit=services.kit,
        admit=accounts.admit,
        own=accounts.own,
        change_pin=accounts.change_pin,
        forgotten=accounts.forgotten,
        devices=accounts.devices,
        client_of=client_of,
    )


def officer_door(services: Services) -> OfficerServices:
    """The calls at ``/api/v1/citizens``."""
    return OfficerServices(
        callers=services.callers,
        accounts=services.stores.accounts,
        register=services.accounts.register,
        new_link=services.accounts.new_link,
        change=services.accounts.change,
    )


def extension_door(services: Services) -> ExtensionServices:
    """The call at ``/api/v1/extensions``."""
    return ExtensionServices(
        callers=services.callers,
        extend=services.signing.extend,
        document_limit=services.settings.document_maximum_megabytes * 1024 * 1024,
    )


def provider_door(services: Services) -> ProviderServices:
    """The calls at ``/api/v1/providers``."""
    operations = CommandServices(services)
    return ProviderServices(
        callers=services.callers,
        idempotent=services.signature_door.idempotent,
        upsert=operations.upsert_attributes,
        take_file=operations.import_attributes,
        withdraw=operations.withdraw_attribute,
        providers=operations.list_providers,
    )


def receipt_door(services: Services) -> ReceiptServices:
    """The SMS gateway's delivery reports at ``/api/v1/receipts/sms``."""
    settings, stores = services.settings, services.stores
    token = settings.sms_receipt_token
    # Reports send nothing: no channels are needed.
    report = Deliver(
        stores.outbox, services.device.sam.vault, {}, stores.statistics, stores.clock
    ).report

    def refused() -> None:
        stores.audit_log.record(
            AuditRecord(event=AuditEvent.CLIENT_REFUSED, outcome="secret", subject="sms-gateway")
        )

    return ReceiptServices(
        token=Secret(token.get_secret_value()) if token else None,
        report=report,
        refused=refused,
        id_field=settings.sms_receipt_id_field,
        status_field=settings.sms_receipt_status_field,
        arrived=settings.sms_receipt_arrived,
        lost=settings.sms_receipt_lost,
    )


def pki_door(services: Services) -> PKIServices:
    """Certificates, lists, OCSP, time-stamps; looked up late, so that an app starts without HSM."""
    trust = services.trust
    return PKIServices(
        ca_ders=trust.hierarchy.ca_ders,
        crls=trust.crls,
        responders=trust.responders,
        unit=trust.unit,
        trusted_list=trust.trusted_list.current,
    )


def certificate_door(services: Services) -> CertificateDoor:
    """The certificates at ``/certificado``."""
    return CertificateDoor(services.device.sam.ciphers.certificates)


def health_door(services: Services) -> Readiness:
    """Database, both tokens, ceremony's files."""

    def database() -> None:
        with services.stores.database.begin():
            pass

    def hierarchy() -> None:
        names = set(services.trust.hierarchy.ca_ders)
        if names != {ROOT, ISSUING}:
            raise ConfigurationError("certificates of our services are missing")

    def sam() -> None:
        services.device.sam.health.check()

    def pki() -> None:
        services.device.pki.health.check()

    return Readiness(
        checks={"database": database, "certificates": hierarchy, "sam": sam, "pki": pki},
        clock=services.stores.clock,
    )


def demo_door(services: Services) -> DemoDoor:
    """The outbox and links of the demo."""
    devices = DemoDevices(services.settings.var / "demo" / "devices")

    def approve(transaction_id: TransactionId, decision: Decision) -> None:
        transaction = services.stores.transactions.by_id(transaction_id)
        if transaction is None:
            raise NotFoundError
        devices.answer(transaction, decision, services.signing.answer)

    return DemoDoor(
        approve=approve,
        kit=services.kit,
        outbox=services.demo_outbox,
        description=services.settings.var / "demo" / "demo.json",
        normalise_phone=services.normalise_phone,
    )
