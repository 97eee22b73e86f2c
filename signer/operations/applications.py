"""Registering the programs of the CMD signature services, and proving who calls."""

import re
import uuid
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.client import Client, ClientState
from signer.domain.cmd_application import BareHash, BasicRule, CMDApplication
from signer.domain.errors import (
    ClientAuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from signer.domain.values import ClientId, Secret
from signer.operations.clients import AuthenticateClient, new_secret
from signer.ports import Clock, RandomBytes

_APPLICATION_ID: Final = re.compile(r"[0-9a-z-]{1,64}")
_USERNAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_NOBODY: Final = ClientId("")


class ApplicationStore(Protocol):
    """Applications; each change is one transaction with its audit record."""

    def add(
        self, new: CMDApplication, username: str, secret_sha256: str, *, audit: AuditRecord
    ) -> bool:
        """False, with nothing written, when client id, ApplicationId or user name is taken."""
        ...

    def by_application_id(self, application_id: str) -> CMDApplication | None:
        """Whatever its state; ``application_id`` in lower case."""
        ...

    def by_username(self, username: str) -> CMDApplication | None:
        """Whatever its state."""
        ...

    def all(self) -> tuple[tuple[CMDApplication, str], ...]:
        """Every application with its user name, ordered by client."""
        ...

    def change(
        self, client_id: ClientId, *, basic: BasicRule, bare_hash: BareHash, audit: AuditRecord
    ) -> bool:
        """Set both rules; False when the client is no application."""
        ...


class Refusals(Protocol):
    """Where refusals are recorded."""

    def refuse(self, *, audit: AuditRecord) -> None:
        """Record a refusal."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApplication:
    """What an operator decides; ids left empty are made."""

    client: Client
    application_id: str = ""
    username: str = ""
    basic: BasicRule = BasicRule.EXCEPT_MULTIPLE_SIGN
    bare_hash: BareHash = BareHash.REJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredApplication:
    """A new application and its password, which is shown once."""

    application: CMDApplication
    username: str
    password: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegisterApplication:
    """A client that calls by ApplicationId and HTTP Basic; its secret is the password."""

    store: ApplicationStore
    refusals: Refusals
    clock: Clock
    random_bytes: RandomBytes

    def __call__(self, new: NewApplication, *, actor: str) -> RegisteredApplication:
        """Raises InvalidRequestError naming the field, ConflictError when an id is taken."""
        application_id = (new.application_id or str(uuid.uuid4())).lower()
        username = new.username or new.client.id
        if not _APPLICATION_ID.fullmatch(application_id):
            raise InvalidRequestError("1 to 64 of 0-9 a-z -, e.g. a GUID", field="application_id")
        if not _USERNAME.fullmatch(username):
            raise InvalidRequestError("1 to 64 of A-Z a-z 0-9 . _ @ -", field="username")
        now = self.clock.now()
        application = CMDApplication(
            application_id=application_id,
            client=replace(new.client, state=ClientState.ACTIVE, created_at=now),
            basic=new.basic,
            bare_hash=new.bare_hash,
        )
        password = new_secret(self.random_bytes)
        audit = AuditRecord(
            event=AuditEvent.CLIENT_CREATED,
            actor=actor,
            subject=new.client.id,
            facts={
                "application_id": application_id,
                "basic": new.basic.value,
                "bare_hash": new.bare_hash.value,
                "policies": " ".join(sorted(new.client.policies)),
            },
        )
        if not self.store.add(application, username, password.sha256(), audit=audit):
            self.refusals.refuse(audit=replace(audit, outcome="duplicate"))
            raise ConflictError("the client id, ApplicationId or user name is taken")
        return RegisteredApplication(application=application, username=username, password=password)


@dataclass(frozen=True, slots=True)
class ChangeApplication:
    """When Basic is demanded, and what becomes of a bare hash."""

    store: ApplicationStore

    def __call__(
        self,
        client_id: ClientId,
        *,
        basic: BasicRule | None = None,
        bare_hash: BareHash | None = None,
        actor: str,
    ) -> CMDApplication:
        """None keeps what is.  Raises NotFoundError."""
        before = self.one(client_id)
        after = replace(
            before, basic=basic or before.basic, bare_hash=bare_hash or before.bare_hash
        )
        audit = AuditRecord(
            event=AuditEvent.CLIENT_CHANGED,
            actor=actor,
            subject=client_id,
            facts={
                "changed": "application",
                "basic": after.basic.value,
                "bare_hash": after.bare_hash.value,
            },
        )
        if not self.store.change(
            client_id, basic=after.basic, bare_hash=after.bare_hash, audit=audit
        ):
            raise NotFoundError(f"{client_id} is no CMD application")
        return after

    def one(self, client_id: ClientId) -> CMDApplication:
        """Raises NotFoundError."""
        for found, _ in self.store.all():
            if found.client.id == client_id:
                return found
        raise NotFoundError(f"{client_id} is no CMD application")

    def all(self) -> tuple[tuple[CMDApplication, str], ...]:
        """Every application with its user name."""
        return self.store.all()


@dataclass(frozen=True, slots=True)
class FindApplication:
    """Decides which registered program a call is from."""

    store: ApplicationStore
    authenticate_client: AuthenticateClient

    def find(self, application_id: str) -> CMDApplication | None:
        """The active one with this ApplicationId (any letter case); None: unknown, suspended."""
        found = self.store.by_application_id(application_id.lower())
        if found is None or found.client.state is not ClientState.ACTIVE:
            return None
        return found

    def authenticate(self, username: str, password: Secret) -> CMDApplication:
        """The application whose HTTP Basic this is.

        Raises ClientAuthenticationError (unknown, suspended, wrong: the same after the same work).
        """
        found = self.store.by_username(username)
        proven = self.authenticate_client(found.client.id if found else _NOBODY, password)
        if found is None:  # nobody's secret verifies: never reached
            raise ClientAuthenticationError
        return replace(found, client=proven)
