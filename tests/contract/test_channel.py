"""Every Channel must pass these: what it sends, what it gives back, how it fails."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from signer.adapters.channels.demo_outbox import DemoOutbox, DemoOutboxChannel
from signer.adapters.channels.email_smtp import SMTPEmailChannel, SMTPSecurity, SMTPServer
from signer.adapters.channels.sms_http import HTTPSMSChannel, SMSGateway
from signer.adapters.webhook import WebhookChannel
from signer.domain.errors import ChannelUnavailableError, InvalidRequestError
from signer.domain.values import ClientId, Secret
from signer.ports import Channel
from tests.fixtures.channels import MailServer, RecordingChannel, WebServer, a_message


@dataclass
class Rig:
    """A channel, an address it reaches, and levers on the server behind it."""

    channel: Channel
    to: str
    received: Callable[[], list[str]]
    break_server: Callable[[], None]
    refuse_address: Callable[[], None] | None
    identifies: Callable[[str], bool]
    """Whether what arrived carries this message id, so that a repeat can be recognised."""


def _recording() -> Rig:
    channel = RecordingChannel()
    return Rig(
        channel=channel,
        to="+351912345678",
        received=lambda: [message.text.reveal() for message in channel.messages],
        break_server=lambda: setattr(channel, "unavailable", True),
        refuse_address=lambda: channel.refused.add("+351912345678"),
        identifies=lambda wanted: channel.messages[-1].id == wanted,
    )


def _sms(server: WebServer) -> Rig:
    gateway = SMSGateway(
        url=server.url,
        body={"to": "{to}", "text": "{text}", "reference": "{id}"},
        gsm7=False,
        plain_allowed=True,
    )
    return Rig(
        channel=HTTPSMSChannel(gateway),
        to="+351912345678",
        received=lambda: [json.loads(request[3])["text"] for request in server.requests],
        break_server=lambda: server.will_answer(500, {"error": "internal"}),
        refuse_address=lambda: server.will_answer(400, {"error": "unknown number"}),
        identifies=lambda wanted: json.loads(server.requests[-1][3])["reference"] == wanted,
    )


def _email(server: MailServer, clock: object) -> Rig:
    settings = SMTPServer(
        host="127.0.0.1",
        port=server.port,
        sender="chancela@example.pt",
        security=SMTPSecurity.PLAIN,
    )
    mailbox = server.mailbox

    def texts() -> list[str]:
        parsed = [message_from_bytes(m.content, policy=policy.default) for m in mailbox.mails]
        return [mail.get_content().strip() for mail in parsed]

    return Rig(
        channel=SMTPEmailChannel(settings, clock),
        to="ana@example.pt",
        received=texts,
        break_server=lambda: setattr(mailbox, "recipient_reply", "451 try later"),
        refuse_address=lambda: setattr(mailbox, "recipient_reply", "550 no such user"),
        identifies=lambda wanted: f"<{wanted}@example.pt>".encode() in mailbox.mails[-1].content,
    )


def _demo(path: Path, clock: object) -> Rig:
    outbox = DemoOutbox(path)
    return Rig(
        channel=DemoOutboxChannel(outbox, clock, name="sms"),
        to="+351912345678",
        received=lambda: [entry["text"] or "" for entry in outbox.read()],
        break_server=lambda: path.symlink_to("/dev/full"),
        refuse_address=None,
        identifies=lambda wanted: json.loads(path.read_bytes().splitlines()[-1])["id"] == wanted,
    )


class _OneSecret:
    def webhook_secret(self, client: ClientId) -> Secret | None:
        return Secret("whsec") if client == "client-1" else None


def _webhook(server: WebServer, clock: object) -> Rig:
    return Rig(
        channel=WebhookChannel(_OneSecret(), clock, unsafe_any_address=True),
        to=server.url,
        received=lambda: [request[3].decode() for request in server.requests],
        break_server=lambda: server.will_answer(500, b"oops"),
        refuse_address=lambda: server.will_answer(410, b"gone"),
        identifies=lambda wanted: server.requests[-1][2]["Chancela-Message"] == wanted,
    )


@pytest.fixture(params=["recording", "sms", "email", "demo", "webhook"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    clock = request.getfixturevalue("clock")
    match request.param:
        case "sms":
            yield _sms(request.getfixturevalue("web_server"))
        case "email":
            yield _email(request.getfixturevalue("mail_server"), clock)
        case "demo":
            yield _demo(request.getfixturevalue("demo_outbox_path"), clock)
        case "webhook":
            yield _webhook(request.getfixturevalue("web_server"), clock)
        case _:
            yield _recording()


def test_the_text_arrives_unchanged(rig):
    message = a_message(rig.to, channel=rig.channel.name, client="client-1")
    assert isinstance(rig.channel.deliver(message), str)
    assert rig.received() == [message.text.reveal()]


def test_the_message_id_travels_with_it(rig):
    message = a_message(rig.to, client="client-1")
    rig.channel.deliver(message)
    assert rig.identifies(message.id)


def test_a_broken_server_is_channel_unavailable(rig):
    rig.break_server()
    with pytest.raises(ChannelUnavailableError):
        rig.channel.deliver(a_message(rig.to, client="client-1"))


def test_an_address_that_never_works_is_an_invalid_request(rig):
    if rig.refuse_address is None:
        return
    rig.refuse_address()
    with pytest.raises(InvalidRequestError):
        rig.channel.deliver(a_message(rig.to, client="client-1"))


def test_no_failure_shows_the_code_or_the_address(rig):
    for lever in (rig.break_server, rig.refuse_address):
        if lever is None:
            continue
        lever()
        with pytest.raises((ChannelUnavailableError, InvalidRequestError)) as caught:
            rig.channel.deliver(a_message(rig.to, client="client-1", code="493018"))
        assert "493018" not in str(caught.value)
        assert rig.to not in str(caught.value)
