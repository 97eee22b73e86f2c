"""Builds the messages people and programs get, encrypted before any transaction opens."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from signer.domain.account import Account
from signer.domain.display import joined, shown
from signer.domain.errors import ChannelUnavailableError, IntegrityAlarmError
from signer.domain.outgoing import NOBODY, ClaimedMessage, MessageKind, OutgoingMessage
from signer.domain.values import ClientId, Secret
from signer.ports import Clock, KeyVault, Message
from signer.texts import Catalogue, Texts

PURPOSE: Final = "outbox"
"""The purpose bodies are protected under."""
WEBHOOK: Final = "webhook"
"""Name of the channel webhooks go through."""

_NOTICE_LIFE: Final = timedelta(days=3)
_WEBHOOK_LIFE: Final = timedelta(days=3)


@unique
class CodePurpose(StrEnum):
    """What a code is for; the value names its text."""

    SIGN = "code.sign"
    AUTHORISE = "code.authorise"
    """Together entry: sent before the digests are known, so it names no document."""
    LOGIN = "code.login"
    PHONE = "code.phone"
    ACCOUNT = "code.account"
    CERTIFICATE = "code.certificate"
    """Somebody with the signature PIN asks for the certificate; nothing is signed."""


@unique
class LinkPurpose(StrEnum):
    """What a one-time link is for; the value names its text."""

    ENROL = "link.enrol"
    RECOVER = "link.recover"
    PHONE = "link.phone"


@unique
class Notice(StrEnum):
    """What a person is told afterwards; the value names its text."""

    SIGNATURE = "notice.signature"
    SIGNATURES = "notice.signatures"
    LOGIN = "notice.login"
    SIGNATURE_PIN_CHANGED = "notice.pin-changed.signature"
    AUTHENTICATION_PIN_CHANGED = "notice.pin-changed.authentication"
    SIGNATURE_PIN_LOCKED = "notice.locked.signature"
    AUTHENTICATION_PIN_LOCKED = "notice.locked.authentication"
    CODE_LOCKED = "notice.locked.code"
    RECOVERY = "notice.recovery"
    SUSPENDED = "notice.suspended"
    RESUMED = "notice.resumed"
    SIGNING_RESTRICTED = "notice.signing-restricted"
    SIGNING_UNRESTRICTED = "notice.signing-unrestricted"
    CLOSED = "notice.closed"
    CERTIFICATE = "notice.certificate"
    REVOKED = "notice.revoked"
    PHONE_CHANGED = "notice.phone-changed"
    EMAIL_CHANGED = "notice.email-changed"
    CHANNELS_CHANGED = "notice.channels-changed"
    TOTP_ADDED = "notice.totp-added"
    TOTP_REMOVED = "notice.totp-removed"
    DEVICE_ADDED = "notice.device-added"
    DEVICE_REMOVED = "notice.device-removed"
    ATTRIBUTE_ADDED = "notice.attribute.added"
    ATTRIBUTE_WITHDRAWN = "notice.attribute.withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Where a person can be reached, in the order the person chose."""

    subject: str
    """Signer id."""
    locale: str
    addresses: Mapping[str, str] = field(repr=False)
    """Channel name to address, best first: E.164 phone or e-mail."""

    @classmethod
    def of(cls, account: Account, *, first: str | None = None) -> "Recipient":
        """The person behind ``account``; ``first`` moves one channel to the front.

        Channels that carry no messages (TOTP, push) or have no address are left out.
        """
        known = {"sms": account.phone, "email": account.identity.email or ""}
        order = sorted(account.channels, key=lambda name: name != first)
        return cls(
            subject=account.id,
            locale=account.identity.locale,
            addresses={name: known[name] for name in order if known.get(name)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is encrypted: addresses and words."""

    addresses: Mapping[str, str]
    text: str
    subject: str = ""
    code: str | None = None

    def to_bytes(self) -> bytes:
        """UTF-8 JSON."""
        content = {
            "to": dict(self.addresses),
            "text": self.text,
            "subject": self.subject,
            "code": self.code,
        }
        return json.dumps(content, ensure_ascii=False).encode()


def message_for(claimed: ClaimedMessage, plaintext: bytes) -> Message:
    """The message as the next channel of its route takes it.

    Raises IntegrityAlarmError when the decrypted body is not one of ours.
    """
    message, channel = claimed.message, claimed.route.channel
    try:
        content = json.loads(plaintext)
        code = content["code"]
        return Message(
            id=message.id,
            channel=channel,
            to=str(content["to"][channel]),
            text=Secret(content["text"]),
            subject=str(content["subject"]),
            process=message.process,
            code=None if code is None else Secret(code),
            client=message.client,
        )
    except (ValueError, KeyError, TypeError) as error:
        msg = f"the body of message {message.id} is not readable"
        raise IntegrityAlarmError(msg) from error


class Composer:
    """Words in the person's language, encrypted under MK_field (one HSM call per message)."""

    def __init__(
        self, vault: KeyVault, texts: Texts, clock: Clock, *, service: str, contact: str
    ) -> None:
        """``service`` is our name, ``contact`` the page or number to suspend an account at."""
        self._vault = vault
        self._texts = texts
        self._clock = clock
        self._service = service
        self._contact = contact

    def code_message(
        self,
        recipient: Recipient,
        code: Secret,
        purpose: CodePurpose,
        *,
        process: str,
        expires_at: datetime,
        client: ClientId = NOBODY,
        client_name: str = "",
        documents: Sequence[str] = (),
    ) -> OutgoingMessage:
        """A one-time code with who asks and what for; never a link.

        ``documents`` are the names as the client gave them.  Raises ChannelUnavailableError when
        the person has no address.
        """
        named = joined(documents)
        if purpose is CodePurpose.SIGN and not named:
            purpose = CodePurpose.AUTHORISE
        words = self._texts.get(recipient.locale)
        minutes = max(1, round((expires_at - self._clock.now()) / timedelta(minutes=1)))
        text = words.format(
            purpose,
            code=code.reveal(),
            documents=named,
            client=shown(client_name),
            service=shown(self._service),
            minutes=minutes,
        )
        return self._protected(
            OutgoingMessage(
                id=str(uuid.uuid4()),
                kind=MessageKind.CODE,
                channels=_channels(recipient),
                body=b"",
                created_at=self._clock.now(),
                expires_at=expires_at,
                subject=recipient.subject,
                client=client,
                process=process,
            ),
            Body(
                addresses=recipient.addresses,
                text=text,
                subject=words.format("code.subject", service=self._service),
                code=code.reveal(),
            ),
        )

    def link_message(
        self, recipient: Recipient, link: Secret, purpose: LinkPurpose, *, expires_at: datetime
    ) -> OutgoingMessage:
        """A one-time link; its text carries no name of anybody else's making."""
        words = self._texts.get(recipient.locale)
        text = words.format(
            purpose, service=self._service, link=link.reveal(), until=words.moment(expires_at)
        )
        return self._told(recipient, MessageKind.LINK, text, "link.subject", expires_at=expires_at)

    def notice(
        self,
        recipient: Recipient,
        what: Notice,
        *,
        at: datetime,
        process: str = "",
        client: ClientId = NOBODY,
        client_name: str = "",
        documents: Sequence[str] = (),
        until: datetime | None = None,
        phone: str = "",
    ) -> OutgoingMessage:
        """What happened, when, and whom to call; ``phone`` comes masked."""
        words = self._texts.get(recipient.locale)
        if what is Notice.SIGNATURE and len(documents) > 1:
            what = Notice.SIGNATURES
        text = words.format(
            what,
            service=self._service,
            contact=self._contact,
            at=words.moment(at),
            until=words.moment(until) if until else "",
            client=shown(client_name),
            documents=joined(documents),
            count=len(documents),
            phone=phone,
        )
        life = self._clock.now() + _NOTICE_LIFE
        return self._told(
            recipient,
            MessageKind.NOTICE,
            text,
            "notice.subject",
            expires_at=life,
            process=process,
            client=client,
        )

    def webhook(
        self, url: str, event: Mapping[str, object], *, client: ClientId, process: str
    ) -> OutgoingMessage:
        """An event for a client program; ``event`` becomes the JSON body, signed when sent."""
        now = self._clock.now()
        message = OutgoingMessage(
            id=str(uuid.uuid4()),
            kind=MessageKind.WEBHOOK,
            channels=(WEBHOOK,),
            body=b"",
            created_at=now,
            expires_at=now + _WEBHOOK_LIFE,
            client=client,
            process=process,
        )
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        return self._protected(message, Body(addresses={WEBHOOK: url}, text=text))

    def words(self, locale: str) -> Catalogue:
        """The texts of one language."""
        return self._texts.get(locale)

    def _told(
        self,
        recipient: Recipient,
        kind: MessageKind,
        text: str,
        subject: str,
        *,
        expires_at: datetime,
        process: str = "",
        client: ClientId = NOBODY,
    ) -> OutgoingMessage:
        message = OutgoingMessage(
            id=str(uuid.uuid4()),
            kind=kind,
            channels=_channels(recipient),
            body=b"",
            created_at=self._clock.now(),
            expires_at=expires_at,
            subject=recipient.subject,
            client=client,
            process=process,
        )
        title = self._texts.get(recipient.locale).format(subject, service=self._service)
        return self._protected(
            message, Body(addresses=recipient.addresses, text=text, subject=title)
        )

    def _protected(self, message: OutgoingMessage, body: Body) -> OutgoingMessage:
        sealed = self._vault.protect(PURPOSE, body.to_bytes(), aad=message.aad())
        return replace(message, body=sealed)


def _channels(recipient: Recipient) -> tuple[str, ...]:
    if not recipient.addresses:
        raise ChannelUnavailableError("this person has no channel that carries messages")
    return tuple(recipient.addresses)
