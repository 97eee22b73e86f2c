"""The account operations, put together."""

from dataclasses import dataclass
from datetime import timedelta

from api.settings import Settings
from api.wiring.signing import SAMParts
from api.wiring.stores import Stores
from signer.adapters.phones import masked, normalised
from signer.adapters.store.due_status import SQLDueStatusStore
from signer.authentication.pin_policy import PINPolicy
from signer.operations.accounts import (
    AccountCodes,
    AccountMessages,
    AccountRules,
    AdmitCitizen,
    ChangeAccount,
    ChangePIN,
    DocumentRules,
    EnrolCitizen,
    FindAccount,
    ForgottenSignaturePIN,
    IssueCertificates,
    NewLink,
    OwnAccount,
    RegisterCitizen,
    TellAuthority,
)
from signer.operations.accounts.devices import OwnDevices
from signer.operations.outgoing import Composer
from signer.ports import CertificateAuthority, KeyVault


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What officers and citizens do with accounts."""

    rules: AccountRules
    find: FindAccount
    register: RegisterCitizen
    new_link: NewLink
    change: ChangeAccount
    enrol: EnrolCitizen
    admit: AdmitCitizen
    own: OwnAccount
    change_pin: ChangePIN
    forgotten: ForgottenSignaturePIN
    devices: OwnDevices
    issue: IssueCertificates
    tell: TellAuthority
    messages: AccountMessages


def rules_of(settings: Settings, terms_version: str) -> AccountRules:
    """The rules as configured."""
    return AccountRules(
        base_url=settings.base_url,
        terms_version=terms_version,
        link_lifetime=timedelta(hours=settings.enrolment_link_lifetime_hours),
        code_lifetime=timedelta(seconds=settings.code_lifetime_seconds),
        code_interval=timedelta(seconds=settings.limit_resend_interval_seconds),
        codes_per_hour=settings.limit_codes_per_hour,
        codes_per_day=settings.limit_codes_per_day,
        entry_lifetime=timedelta(minutes=settings.session_lifetime_minutes),
        recovery_wait=timedelta(hours=settings.recovery_wait_hours),
        phone_freeze=timedelta(hours=settings.limit_phone_change_freeze_hours),
        pins=PINPolicy(
            signature_minimum=settings.pin_signature_minimum,
            authentication_minimum=settings.pin_authentication_minimum,
            maximum=settings.pin_maximum,
        ),
    )


def accounts(
    settings: Settings,
    stores: Stores,
    vault: KeyVault,
    parts: SAMParts,
    authority: CertificateAuthority,
    composer: Composer,
    terms_version: str,
) -> Accounts:
    """Wire the operations; :class:`~api.wiring.services.Services` calls this once."""
    clock, store, outbox = stores.clock, stores.accounts, stores.outbox
    rules = rules_of(settings, terms_version)
    region = settings.country_profile.upper()

    def e164(phone: str) -> str:
        return normalised(phone, region=region)

    messages = AccountMessages(
        composer=composer, clock=clock, base_url=settings.base_url, masked=masked
    )
    find = FindAccount(accounts=store, vault=vault, normalised=e164)
    links = NewLink(store=stores.links, messages=messages, rules=rules, clock=clock)
    codes = AccountCodes(
        challenges=parts.challenges, accounts=store, messages=messages, rules=rules, clock=clock
    )
    tell = TellAuthority(due=SQLDueStatusStore(stores.database, stores.chain), authority=authority)
    issue = IssueCertificates(
        accounts=store,
        credentials=stores.credentials,
        authority=authority,
        messages=messages,
        outbox=outbox,
    )
    change = ChangeAccount(
        accounts=store,
        life=stores.account_life,
        links=links,
        tell=tell,
        messages=messages,
        normalised=e164,
        clock=clock,
        has_totp=parts.totp.is_enrolled,
    )
    admit = AdmitCitizen(
        find=find, accounts=store, pins=parts.pins, codes=codes, rules=rules, clock=clock
    )
    return Accounts(
        rules=rules,
        find=find,
        register=RegisterCitizen(
            accounts=store,
            links=links,
            documents=DocumentRules.load(settings.country_profile),
            normalised=e164,
            rules=rules,
            clock=clock,
        ),
        new_link=links,
        change=change,
        enrol=EnrolCitizen(
            accounts=store,
            links=stores.links,
            codes=codes,
            enrolment=parts.enrolment,
            issue=issue,
            tell=tell,
            attempts=stores.attempts,
            messages=messages,
            outbox=outbox,
            rules=rules,
            clock=clock,
        ),
        admit=admit,
        own=OwnAccount(admit=admit, change=change),
        change_pin=ChangePIN(
            admit=admit,
            accounts=store,
            credentials=stores.credentials,
            pins=parts.pins,
            enrolment=parts.enrolment,
            messages=messages,
            outbox=outbox,
            rules=rules,
            clock=clock,
        ),
        forgotten=ForgottenSignaturePIN(
            admit=admit,
            accounts=store,
            enrolment=parts.enrolment,
            attempts=stores.attempts,
            issue=issue,
            tell=tell,
            messages=messages,
            outbox=outbox,
            rules=rules,
            clock=clock,
        ),
        devices=OwnDevices(
            admit=admit,
            devices=stores.devices,
            approvals=parts.approvals,
            messages=messages,
            clock=clock,
        ),
        issue=issue,
        tell=tell,
        messages=messages,
    )
