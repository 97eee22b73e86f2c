"""Webhooks: tells a client program what happened to its transactions, signed with its secret.

Header ``Chancela-Signature: t=<Unix seconds>,v1=<hex>``: HMAC-SHA256 with the client's webhook
secret over ``<t>.<body>``.  The receiver recomputes it over the bytes it got, compares in constant
time and refuses a ``t`` more than five minutes off; ``Chancela-Message`` repeats over retries.
"""

import hashlib
import hmac
import ssl
from datetime import timedelta
from typing import Final, Protocol

from signer.adapters.http import AddressRefusedError, HTTPCaller, HTTPCallError
from signer.domain.errors import ChannelUnavailableError, InvalidRequestError
from signer.domain.values import ClientId, Secret, to_microseconds
from signer.ports import Clock, Message

SIGNATURE_HEADER: Final = "Chancela-Signature"
MESSAGE_HEADER: Final = "Chancela-Message"
REPLAY_WINDOW: Final = timedelta(minutes=5)
"""What receivers should accept; also in the integration guide."""


class WebhookSecrets(Protocol):
    """Secrets of client programs."""

    def webhook_secret(self, client: ClientId) -> Secret | None:
        """None when the client has none (any more): its webhooks are dropped."""
        ...


class WebhookChannel:
    """``Channel`` whose address is a client's URL."""

    def __init__(
        self,
        secrets: WebhookSecrets,
        clock: Clock,
        *,
        unsafe_any_address: bool = False,
        timeout_seconds: float = 10.0,
        tls: ssl.SSLContext | None = None,
        name: str = "webhook",
    ) -> None:
        """``unsafe_any_address``: http and private addresses too, for demo and tests only."""
        self.name = name
        self._secrets = secrets
        self._clock = clock
        self._caller = HTTPCaller(
            timeout_seconds=timeout_seconds,
            max_bytes=4096,
            public_only=not unsafe_any_address,
            plain_allowed=unsafe_any_address,
            tls=tls,
        )

    def deliver(self, message: Message) -> str:
        """POST the event; a 2xx is acceptance, everything else is tried again later.

        Raises ChannelUnavailableError, or InvalidRequestError for 410, an address this service
        does not call, or a client without secret.
        """
        secret = self._secrets.webhook_secret(message.client)
        if secret is None:
            raise InvalidRequestError("the client has no webhook secret", field="callback_url")
        body = message.text.reveal().encode()
        seconds = to_microseconds(self._clock.now()) // 1_000_000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "chancela-webhook/1",
            MESSAGE_HEADER: message.id,
            SIGNATURE_HEADER: signature_header(secret, seconds, body),
        }
        try:
            answer = self._caller.call("POST", message.to, headers, body)
        except AddressRefusedError as error:
            raise InvalidRequestError(f"webhook: {error}", field="callback_url") from error
        except HTTPCallError as error:
            raise ChannelUnavailableError(f"webhook: {error}") from error
        if answer.status == 410:  # noqa: PLR2004 - Gone: the receiver asks us to stop
            raise InvalidRequestError("webhook: gone", field="callback_url")
        if answer.status // 100 != 2:  # noqa: PLR2004 - 2xx
            raise ChannelUnavailableError(f"webhook: HTTP {answer.status}")
        return ""


def signature_header(secret: Secret, seconds: int, body: bytes) -> str:
    """``t=…,v1=…`` over ``body`` at ``seconds`` since 1970."""
    signed = f"{seconds}.".encode() + body
    mac = hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac}"
