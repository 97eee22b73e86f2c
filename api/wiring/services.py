"""Everything a process may need, made when first asked for."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import BoundedSemaphore

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.native.caller import Callers
from api.native.idempotent import Idempotent
from api.native.jwe import SecretReader
from api.native.signatures import SignatureServices
from api.rate_limits import RateLimits
from api.settings import Settings
from api.web.kit import PageKit
from api.wiring.accounts import Accounts, accounts
from api.wiring.device import Device
from api.wiring.people import People
from api.wiring.signing import SAMParts, Signing, sam_parts, signing
from api.wiring.stores import Stores, open_stores
from api.wiring.trust import Trust
from certs.setup import Role
from signer.adapters.channels.demo_outbox import DemoOutbox
from signer.adapters.phones import normalised
from signer.adapters.store.attributes import SQLAttributeStore
from signer.attributes.hosted import CitizenAttributes, HostedAttributeSource
from signer.domain.errors import RateLimitedError
from signer.domain.values import ClientId, Secret, SignerId
from signer.operations.clients import AuthenticateClient, FindClients
from signer.operations.outgoing import Composer
from signer.operations.signing.rehearsal import Rehearsal
from signer.ports import Clock
from signer.texts import Texts

LOOKUPS_PER_HOUR = 100
"""Distinct phones one client may look up (certificates) in an hour."""
ADDRESS_RATE = 60_000
"""Requests a minute of one address: relying parties call from few."""


_STAND_IN = (Role.ISSUING_CA, Role.ROOT_CA)
"""Whose certificates a rehearsed signature carries; nothing is signed."""


class Services:
    """The composition root of one process."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self._clock = clock

    @cached_property
    def stores(self) -> Stores:
        """The database."""
        return open_stores(self.settings, self._clock)

    @cached_property
    def device(self) -> Device:
        """The tokens."""
        return Device(self.settings)

    @cached_property
    def trust(self) -> Trust:
        """Certificates and time."""
        return Trust(self.settings, self.device, self.stores)

    @cached_property
    def texts(self) -> Texts:
        """Words for people."""
        return Texts()

    @cached_property
    def composer(self) -> Composer:
        """Builds messages."""
        return Composer(
            self.device.sam.vault,
            self.texts,
            self.stores.clock,
            service=self.settings.service_name,
            contact=self.settings.base_url,
        )

    @cached_property
    def people(self) -> People:
        """Finding citizens and clients."""
        return People(self.stores, self.device.sam.vault, self.texts, self.composer, LookupCap())

    @cached_property
    def sam(self) -> SAMParts:
        """Authentication and SAM."""
        return sam_parts(self.settings, self.device, self.stores, self.people)

    @cached_property
    def attribute_store(self) -> SQLAttributeStore:
        """Professional bodies hosted here."""
        return SQLAttributeStore(self.stores.database, self.stores.chain)

    @cached_property
    def attributes(self) -> CitizenAttributes:
        """Professional attributes as signatures need them."""

        def holder_key(signer: SignerId) -> str:
            account = self.stores.accounts.by_id(signer)
            return account.identity.document.key if account else ""

        source = HostedAttributeSource(self.attribute_store, self.stores.clock, holder_key)
        return CitizenAttributes(source, self.trust.attribute_authority, self.stores.clock)

    @cached_property
    def signing(self) -> Signing:
        """The operations around one signature."""
        return signing(
            self.settings,
            self.device,
            self.stores,
            self.trust,
            self.people,
            self.sam,
            self.attributes,
            self.composer,
        )

    @cached_property
    def accounts(self) -> Accounts:
        """What officers and citizens do with accounts."""
        return accounts(
            self.settings,
            self.stores,
            self.device.sam.vault,
            self.sam,
            self.trust.authority,
            self.composer,
            self.texts.get(self.settings.language).format("terms.version"),
        )

    @cached_property
    def authenticate(self) -> AuthenticateClient:
        """Proves a calling program."""
        return AuthenticateClient(store=self.stores.clients, clock=self.stores.clock)

    @cached_property
    def clients(self) -> FindClients:
        """Registered programs."""
        return FindClients(store=self.stores.clients)

    @cached_property
    def rates(self) -> RateLimits:
        """Requests a minute, per client and per address, in this process."""
        return RateLimits(per_address=ADDRESS_RATE)

    @cached_property
    def callers(self) -> Callers:
        """Authentication and rate limit of the native API."""
        return Callers(self.authenticate, self.rates.check_client)

    @cached_property
    def secret_reader(self) -> SecretReader:
        """Opens PINs and codes that clients carry."""
        return SecretReader(self.device.sam.fields, self.device.sam.agreement)

    @cached_property
    def signature_door(self) -> SignatureServices:
        """What the native signature calls need."""
        settings = self.settings
        return SignatureServices(
            callers=self.callers,
            idempotent=Idempotent(self.stores.idempotency, self.device.sam.vault),
            secrets=self.secret_reader,
            start=self.signing.start,
            enter_pin=self.signing.enter_pin,
            enter_code=self.signing.enter_code,
            resend=self.signing.resend,
            end=self.signing.end,
            find=self.signing.find,
            certificates=self.signing.certificates,
            rehearse=Rehearsal(
                documents=self.signing.enter_code.preparation.documents,
                clock=self.stores.clock,
                chain_der=lambda: tuple(map(self.trust.hierarchy.der, _STAND_IN)),
            ),
            normalise_phone=self.normalise_phone,
            page_url=self.page_url,
            document_limit=settings.document_maximum_megabytes * 1024 * 1024,
            items_limit=settings.transaction_maximum_items,
            lifetime=timedelta(seconds=settings.transaction_lifetime_seconds),
            waiting=BoundedSemaphore(max(1, settings.web_threads // 2)),
        )

    @cached_property
    def kit(self) -> PageKit:
        """Layout and security of all pages."""
        production = self.settings.is_production
        return PageKit(self.texts, demo=not production, secure_cookies=production)

    @property
    def secret_key(self) -> str:
        """Protects cookies and forms."""
        configured = self.settings.web_secret_key
        return secret_key_of(
            configured.get_secret_value() if configured else None, self.settings.var
        )

    @cached_property
    def demo_outbox(self) -> DemoOutbox:
        """What the demo "sent"."""
        return DemoOutbox(self.settings.var / "demo" / "outbox.jsonl")

    @property
    def normalise_phone(self) -> Callable[[str], str]:
        """Any spelling of a phone to E.164."""
        region = self.settings.country_profile.upper()
        return lambda phone: normalised(phone, region=region)

    def page_url(self, token: Secret) -> str:
        """Address of a signing page."""
        return f"{self.settings.base_url}/sign/{token.reveal()}"


class LookupCap:
    """Distinct phones a client may ask about in an hour, in this process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def __call__(self, client: ClientId, subject: str) -> None:
        """Count a phone once an hour; raise RateLimitedError past the limit."""
        if not self._limiter.hit(RateLimitItemPerHour(1), "seen", client, subject):
            return
        if not self._limiter.hit(RateLimitItemPerHour(LOOKUPS_PER_HOUR), "count", client):
            raise RateLimitedError("too many different phone numbers", retry_after=600)


def open_services(settings: Settings | None = None) -> Services:
    """The services of this process; raises SettingsError."""
    return Services(settings or Settings.load())


def secret_key_of(configured: str | None, directory: Path) -> str:
    """The key of cookies and forms: configured, or drawn once for the demo (0600)."""
    if configured:
        return configured
    file = directory / "web.key"
    if not file.exists():
        _draw_secret_key(file)
    return file.read_text()


def _draw_secret_key(file: Path) -> None:
    """Processes that start together agree: the key appears whole, and the first one's stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn = file.with_name(f".web.key.{secrets.token_hex(8)}")
    drawn.touch(mode=0o600, exist_ok=False)
    try:
        drawn.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            file.hardlink_to(drawn)
    finally:
        drawn.unlink()
