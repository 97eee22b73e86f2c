"""Programs that call this service: who they are, what they may ask for, how much."""

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Final
from urllib.parse import urlsplit

from signer.domain.errors import InvalidRequestError
from signer.domain.values import ClientId, TenantId

ANY: Final = "*"
"""In a list of what is allowed: everything.  An empty list allows nothing."""

MAX_URL_LENGTH: Final = 2000
MAX_NAME_LENGTH: Final = 100
MAX_RATE: Final = 100_000

_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@unique
class Role(StrEnum):
    """What kind of caller a client is; one may have several roles."""

    RELYING_PARTY = "relying-party"
    OFFICER = "officer"
    AUDITOR = "auditor"
    ADMIN = "admin"


@unique
class ClientPolicy(StrEnum):
    """Rights beyond the role's, each given one by one."""

    MAY_CARRY_PIN = "may_carry_pin"
    """A desktop program that may post PIN and code itself."""
    MAY_MAINTAIN_ATTRIBUTES = "may_maintain_attributes"
    """A professional body's own program; ``Client.providers`` says whose attributes."""


@unique
class ClientState(StrEnum):
    """A suspended client can do nothing; all it had open was ended."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """How much one client may do."""

    failures_per_hour: int = 100
    """Wrong PINs and codes it may bring before it is slowed down."""
    requests_per_minute: int = 600

    def __post_init__(self) -> None:
        for name in ("failures_per_hour", "requests_per_minute"):
            if not 1 <= getattr(self, name) <= MAX_RATE:
                msg = f"{name} must be between 1 and {MAX_RATE}"
                raise InvalidRequestError(msg, field=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registered program; checks itself, its secrets are elsewhere."""

    id: ClientId
    tenant: TenantId
    name: str
    """What people read on the page and in the message."""
    roles: frozenset[Role]
    state: ClientState = ClientState.ACTIVE
    policies: frozenset[ClientPolicy] = frozenset()
    redirect_urls: tuple[str, ...] = ()
    """Where a citizen's browser may be sent back to; compared whole."""
    webhook_url: str | None = None
    webhook_secret_protected: bytes | None = field(default=None, repr=False)
    """HMAC secret of the webhook under MK_field."""
    purposes: frozenset[str] = frozenset({"signature"})
    attributes: frozenset[str] = frozenset({ANY})
    """Demandable attributes: ``provider/role``, ``provider/*`` or ``*``."""
    providers: frozenset[str] = frozenset()
    """Professional bodies whose attributes it maintains."""
    limits: ClientLimits = ClientLimits()
    created_at: datetime

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            msg = "1 to 64 of a-z 0-9 . _ - that begin and end with a letter or digit"
            raise InvalidRequestError(msg, field="id")
        check_shown_text(self.name, "name", MAX_NAME_LENGTH)
        if not self.roles:
            msg = "a client has at least one role"
            raise InvalidRequestError(msg, field="roles")
        for url in self.redirect_urls:
            check_url(url, "redirect_urls")
        if self.webhook_url is not None:
            check_url(self.webhook_url, "webhook_url")

    def has_role(self, role: Role) -> bool:
        """Tell whether it is registered in ``role``."""
        return role in self.roles

    def may(self, policy: ClientPolicy) -> bool:
        """Tell whether the right was given."""
        return policy in self.policies

    def may_ask_for(self, purpose: str) -> bool:
        """Tell whether it may start a transaction of this purpose."""
        return ANY in self.purposes or purpose in self.purposes

    def may_demand(self, provider: str, role: str) -> bool:
        """Tell whether it may demand this professional attribute."""
        return not self.attributes.isdisjoint({ANY, f"{provider}/{ANY}", f"{provider}/{role}"})

    def may_maintain(self, provider: str) -> bool:
        """Tell whether it may add and withdraw attributes of this professional body."""
        return self.may(ClientPolicy.MAY_MAINTAIN_ATTRIBUTES) and provider in self.providers

    def may_redirect_to(self, url: str) -> bool:
        """Tell whether ``url`` is registered, character for character."""
        return url in self.redirect_urls


def check_shown_text(text: str, field_name: str, limit: int) -> None:
    """Refuse what people could not read as one plain line: raises InvalidRequestError.

    Refuses empty text, outer blanks, line breaks, control and text-direction characters.
    """
    if not text or text != text.strip() or len(text) > limit or not text.isprintable():
        msg = f"1 to {limit} printable characters without leading or trailing blanks"
        raise InvalidRequestError(msg, field=field_name)


def check_url(url: str, field_name: str) -> None:
    """Accept https everywhere and http on loopback, without user info or fragment."""
    msg = "an absolute https URL (http only on loopback) without user name or fragment"
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidRequestError(msg, field=field_name)
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise InvalidRequestError(msg, field=field_name) from error
    plain = parts.scheme == "http" and host is not None and is_loopback(host)
    clean = "@" not in parts.netloc and "#" not in url and "\\" not in url
    if not host or not (parts.scheme == "https" or plain) or not clean:
        raise InvalidRequestError(msg, field=field_name)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A client secret as it is kept: hex SHA-256, and when it stops working (None: stays)."""

    sha256: str = field(repr=False)
    expires_at: datetime | None = None
