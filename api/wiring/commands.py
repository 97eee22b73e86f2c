"""The operations that commands and the demo's set-up call, each made when asked for."""

import secrets
from functools import cached_property

from api.wiring.services import Services
from signer.adapters.store.accounts import SQLAccountStore
from signer.domain.errors import ChannelUnavailableError
from signer.domain.values import SignerId
from signer.operations.accounts import ChangeAccount, NewLink, RegisterCitizen
from signer.operations.applications import ChangeApplication, RegisterApplication
from signer.operations.clients import (
    ChangeClient,
    FindClients,
    RegisterClient,
    ResumeClient,
    RotateSecret,
    SuspendClient,
)
from signer.operations.outgoing import Notice, Recipient
from signer.operations.providers import (
    HolderNotices,
    ImportAttributes,
    ListProviders,
    SetUpProvider,
    UpsertAttributes,
    WithdrawAttribute,
)
from signer.ports import Clock


class CommandServices:
    """The operations that commands call, each made when asked for."""

    def __init__(self, process: Services) -> None:
        self.process = process

    @property
    def clock(self) -> Clock:
        """The process's clock."""
        return self.process.stores.clock

    @cached_property
    def register_client(self) -> RegisterClient:
        """New program."""
        return RegisterClient(
            store=self.process.stores.clients,
            vault=self.process.device.sam.vault,
            clock=self.clock,
            random_bytes=secrets.token_bytes,
        )

    @cached_property
    def rotate_secret(self) -> RotateSecret:
        """New secret, the old one lives on for a while."""
        return RotateSecret(
            store=self.process.stores.clients,
            clock=self.clock,
            random_bytes=secrets.token_bytes,
        )

    @cached_property
    def suspend_client(self) -> SuspendClient:
        """Stop a program, and what it had open."""
        return SuspendClient(store=self.process.stores.clients, clock=self.clock)

    @cached_property
    def resume_client(self) -> ResumeClient:
        """Let it call again."""
        return ResumeClient(store=self.process.stores.clients)

    @cached_property
    def change_client(self) -> ChangeClient:
        """Compare and set."""
        return ChangeClient(store=self.process.stores.clients)

    @cached_property
    def find_clients(self) -> FindClients:
        """Registered programs."""
        return FindClients(store=self.process.stores.clients)

    @cached_property
    def register_application(self) -> RegisterApplication:
        """New program of the CMD services."""
        stores = self.process.stores
        return RegisterApplication(
            stores.applications, stores.clients, self.clock, secrets.token_bytes
        )

    @cached_property
    def change_application(self) -> ChangeApplication:
        """Its rules."""
        return ChangeApplication(self.process.stores.applications)

    @property
    def account_search(self) -> SQLAccountStore:
        """Finding accounts."""
        return self.process.stores.accounts

    @property
    def register_citizen(self) -> RegisterCitizen:
        """New citizens."""
        return self.process.accounts.register

    @property
    def new_link(self) -> NewLink:
        """One-time links."""
        return self.process.accounts.new_link

    @property
    def change_account(self) -> ChangeAccount:
        """Suspend, resume, close."""
        return self.process.accounts.change

    @cached_property
    def set_up_provider(self) -> SetUpProvider:
        """Professional bodies and their roles."""
        return SetUpProvider(store=self.process.attribute_store, clock=self.clock)

    @cached_property
    def import_attributes(self) -> ImportAttributes:
        """A body's CSV."""
        return ImportAttributes(
            store=self.process.attribute_store, clock=self.clock, notices=self.holder_notices
        )

    @cached_property
    def upsert_attributes(self) -> UpsertAttributes:
        """Statements of a body's own program."""
        return UpsertAttributes(
            store=self.process.attribute_store,
            clock=self.clock,
            vault=self.process.device.sam.vault,
            notices=self.holder_notices,
        )

    @cached_property
    def withdraw_attribute(self) -> WithdrawAttribute:
        """Effective at the next activation."""
        return WithdrawAttribute(
            store=self.process.attribute_store, clock=self.clock, notices=self.holder_notices
        )

    @cached_property
    def list_providers(self) -> ListProviders:
        """What is hosted here."""
        return ListProviders(store=self.process.attribute_store)

    @cached_property
    def holder_notices(self) -> HolderNotices:
        """Tells holders of changes."""
        return HolderNotices(notifier=AttributeNotices(self.process), signer_of=self._signer_of)

    def _signer_of(self, holder_key: str) -> SignerId | None:
        account = self.process.stores.accounts.by_identity(holder_key)
        return account.id if account else None


class AttributeNotices:
    """Notices about professional attributes, through the outbox."""

    def __init__(self, process: Services) -> None:
        self._process = process

    def notify(self, signer: SignerId, text_id: str, **values: str) -> None:
        """``attribute.added`` or ``attribute.withdrawn``, naming the body."""
        account = self._process.stores.accounts.by_id(signer)
        if account is None:
            return
        try:
            message = self._process.composer.notice(
                Recipient.of(account),
                Notice(f"notice.{text_id}"),
                at=self._process.stores.clock.now(),
                client_name=values.get("provider", ""),
            )
        except ChannelUnavailableError:
            return
        self._process.stores.outbox.put(message)
