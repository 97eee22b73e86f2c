"""E-mail through an SMTP server (RFC 5321), with TLS unless told otherwise."""

import contextlib
import smtplib
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from enum import StrEnum, unique

from signer.domain.errors import ChannelUnavailableError, InvalidRequestError
from signer.domain.values import Secret
from signer.ports import Clock, Message

_ADDRESS_REPLIES = frozenset({550, 551, 552, 553, 555, 556})
"""Replies to RCPT that are about the mailbox, not about us."""


@unique
class SMTPSecurity(StrEnum):
    """How the connection is protected."""

    STARTTLS = "starttls"
    """Plain greeting, then TLS or nothing is sent."""
    TLS = "tls"
    """TLS from the first byte (RFC 8314)."""
    PLAIN = "plain"
    """None: for a server on the same host only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SMTPServer:
    """Where and as whom to send."""

    host: str
    port: int
    sender: str
    """Address of the From header and the envelope."""
    sender_name: str = ""
    security: SMTPSecurity = SMTPSecurity.STARTTLS
    username: str = ""
    password: Secret | None = None
    timeout_seconds: float = 10.0
    """Per step of the dialogue."""


class SMTPEmailChannel:
    """``Channel`` over one server; the receipt is the Message-ID, which is our message's id."""

    def __init__(
        self,
        server: SMTPServer,
        clock: Clock,
        *,
        name: str = "email",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``tls``: None takes the system's trust store; host names are checked."""
        self.name = name
        self._server = server
        self._clock = clock
        self._tls = tls or ssl.create_default_context()

    def deliver(self, message: Message) -> str:
        """Send; gives the Message-ID.

        Raises ChannelUnavailableError, or InvalidRequestError when the server refuses this
        address for good.
        """
        mail = self._mail(message)
        try:
            session = self._connected()
            try:
                session.send_message(mail, self._server.sender, [message.to])
                # Accepted: nothing that happens to the farewell makes it unsent.
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    session.quit()
            finally:
                session.close()
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            if code in _ADDRESS_REPLIES:
                raise InvalidRequestError(
                    "the mail server refuses this address", field="email"
                ) from error
            raise ChannelUnavailableError(f"mail server: recipient, reply {code}") from error
        except smtplib.SMTPResponseException as error:
            raise ChannelUnavailableError(f"mail server: reply {error.smtp_code}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise ChannelUnavailableError("mail server: no STARTTLS, AUTH or UTF-8") from error
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelUnavailableError(f"mail server: {type(error).__name__}") from error
        return str(mail["Message-ID"]).strip("<>")

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.security is SMTPSecurity.TLS:
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout_seconds, context=self._tls
            )
        else:
            session = smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)
        try:
            if server.security is SMTPSecurity.STARTTLS:
                session.starttls(context=self._tls)
            if server.password is not None:
                session.login(server.username, server.password.reveal())
        except BaseException:
            session.close()
            raise
        return session

    def _mail(self, message: Message) -> EmailMessage:
        local, _, domain = message.to.rpartition("@")
        _, _, own_domain = self._server.sender.rpartition("@")
        if not local or not domain:
            raise InvalidRequestError("not an e-mail address", field="email")
        mail = EmailMessage(policy=SMTP_POLICY)
        try:
            mail["From"] = Address(self._server.sender_name, addr_spec=self._server.sender)
            mail["To"] = Address(username=local, domain=domain)
            mail["Subject"] = " ".join(message.subject.split())
        except (ValueError, IndexError, AttributeError) as error:
            raise InvalidRequestError("not an e-mail address", field="email") from error
        mail["Message-ID"] = f"<{message.id}@{own_domain}>"
        mail["Date"] = self._clock.now()
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text.reveal())
        return mail
