"""Which channels carry messages here."""

import json
from collections.abc import Mapping

from api.demo.robots import PatchyNetwork
from api.settings import Settings
from api.wiring.services import Services
from signer.adapters.channels.demo_outbox import DemoOutboxChannel
from signer.adapters.channels.email_smtp import SMTPEmailChannel, SMTPSecurity, SMTPServer
from signer.adapters.channels.sms_http import HTTPSMSChannel, SMSGateway
from signer.adapters.webhook import WebhookChannel
from signer.domain.errors import ConfigurationError
from signer.domain.values import ClientId, Secret
from signer.operations.clients import WebhookSecretOf
from signer.ports import Channel


def channels(services: Services) -> Mapping[str, Channel]:
    """Channel by the name messages carry; raises ConfigurationError."""
    settings, clock = services.settings, services.stores.clock
    found: dict[str, Channel] = {}
    if "demo" in settings.channel_order:
        for name in ("sms", "email"):
            found[name] = PatchyNetwork(
                DemoOutboxChannel(services.demo_outbox, clock, name=name),
                settings.var / "demo" / "demo.json",
            )
    if "sms" in settings.channel_order:
        found["sms"] = HTTPSMSChannel(_gateway(settings))
    if "email" in settings.channel_order:
        found["email"] = SMTPEmailChannel(_server(settings), clock)
    found["webhook"] = WebhookChannel(
        ClientSecrets(services),
        clock,
        unsafe_any_address=settings.webhook_private_addresses,
        timeout_seconds=settings.webhook_timeout_seconds,
    )
    return found


class ClientSecrets:
    """Webhook secrets, exposed for the moment of signing only."""

    def __init__(self, services: Services) -> None:
        self._clients = services.stores.clients
        self._expose = WebhookSecretOf(vault=services.device.sam.vault)

    def webhook_secret(self, client: ClientId) -> Secret | None:
        """None when the client has none."""
        found = self._clients.find(client)
        return self._expose(found) if found else None


def _gateway(settings: Settings) -> SMSGateway:
    try:
        body = json.loads(settings.sms_gateway_body)
    except ValueError as error:
        raise ConfigurationError(
            "CHANCELA_SMS_GATEWAY_BODY is not a JSON object of texts"
        ) from error
    token = settings.sms_gateway_token
    headers = dict(header.split(": ", 1) for header in settings.sms_gateway_headers)
    return SMSGateway(
        url=settings.sms_gateway_url,
        method=settings.sms_gateway_method,
        body=body,
        as_json=settings.sms_gateway_json,
        headers=headers,
        sender=settings.sms_gateway_sender,
        password=Secret(token.get_secret_value()) if token else None,
        success=settings.sms_gateway_success,
        receipt=settings.sms_gateway_receipt,
        gsm7=settings.message_transliterate,
        timeout_seconds=settings.sms_gateway_timeout_seconds,
        plain_allowed=not settings.is_production,
    )


def _server(settings: Settings) -> SMTPServer:
    password = settings.smtp_password
    return SMTPServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_sender,
        sender_name=settings.service_name,
        security=SMTPSecurity(settings.smtp_security),
        username=settings.smtp_user,
        password=Secret(password.get_secret_value()) if password else None,
        timeout_seconds=settings.smtp_timeout_seconds,
    )
