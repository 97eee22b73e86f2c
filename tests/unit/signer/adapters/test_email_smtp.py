"""The e-mail channel against a real SMTP server that misbehaves."""

import socket
from email import message_from_bytes, policy

import pytest

from signer.adapters.channels.email_smtp import SMTPEmailChannel, SMTPSecurity, SMTPServer
from signer.domain.errors import ChannelUnavailableError, InvalidRequestError
from signer.domain.values import Secret
from tests.fixtures.channels import a_message


def settings(port, security=SMTPSecurity.PLAIN, **changes):
    values = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "chancela@example.pt",
        "sender_name": "Serviço",
        "security": security,
        "timeout_seconds": 5.0,
    }
    return SMTPServer(**values | changes)


def test_a_mail_has_our_id_subject_and_text(mail_server, clock):
    message = a_message("ana@example.pt")
    receipt = SMTPEmailChannel(settings(mail_server.port), clock).deliver(message)
    (envelope,) = mail_server.mailbox.mails
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert receipt == f"{message.id}@example.pt"
    assert mail["Message-ID"] == f"<{receipt}>"
    assert mail["Subject"] == "Chancela: o seu código"
    assert mail.get_content().strip() == message.text.reveal()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("chancela@example.pt", ["ana@example.pt"])


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        pytest.param("550 no such user", InvalidRequestError, id="refused for good"),
        pytest.param("450 mailbox busy", ChannelUnavailableError, id="temporary"),
        pytest.param("554 policy", ChannelUnavailableError, id="about us"),
    ],
)
def test_a_refused_recipient_is_permanent_only_when_it_is_about_the_mailbox(
    mail_server, clock, reply, error
):
    mail_server.mailbox.recipient_reply = reply
    with pytest.raises(error):
        SMTPEmailChannel(settings(mail_server.port), clock).deliver(a_message("ana@example.pt"))


def test_a_refusal_after_the_content_is_unavailable(mail_server, clock):
    mail_server.mailbox.data_reply = "451 try later"
    with pytest.raises(ChannelUnavailableError):
        SMTPEmailChannel(settings(mail_server.port), clock).deliver(a_message("ana@example.pt"))


def test_a_dropped_connection_is_unavailable(mail_server, clock):
    mail_server.mailbox.drop = True
    with pytest.raises(ChannelUnavailableError):
        SMTPEmailChannel(settings(mail_server.port), clock).deliver(a_message("ana@example.pt"))


def test_a_stalling_server_is_unavailable(mail_server, clock):
    mail_server.mailbox.stall = 1.5
    impatient = settings(mail_server.port, timeout_seconds=0.5)
    with pytest.raises(ChannelUnavailableError):
        SMTPEmailChannel(impatient, clock).deliver(a_message("ana@example.pt"))


def test_a_refused_connection_is_unavailable(clock):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        channel = SMTPEmailChannel(settings(closed.getsockname()[1]), clock)
        with pytest.raises(ChannelUnavailableError):
            channel.deliver(a_message("ana@example.pt"))


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_tls_servers_are_verified(start_mail_server, loopback_tls, clock, kind):
    server = start_mail_server(kind)
    chosen = settings(server.port, SMTPSecurity(kind))
    SMTPEmailChannel(chosen, clock, tls=loopback_tls.client).deliver(a_message("a@example.pt"))
    assert len(server.mailbox.mails) == 1
    with pytest.raises(ChannelUnavailableError):
        SMTPEmailChannel(chosen, clock).deliver(a_message("a@example.pt"))
    assert len(server.mailbox.mails) == 1


def test_starttls_never_falls_back_to_plain(mail_server, loopback_tls, clock):
    chosen = settings(mail_server.port, SMTPSecurity.STARTTLS)
    with pytest.raises(ChannelUnavailableError):
        SMTPEmailChannel(chosen, clock, tls=loopback_tls.client).deliver(a_message("a@example.pt"))
    assert mail_server.mailbox.mails == []


@pytest.mark.parametrize(("password", "arrives"), [("mail-password", True), ("wrong", False)])
def test_credentials_are_used(start_mail_server, loopback_tls, clock, password, arrives):
    server = start_mail_server("starttls-auth")
    chosen = settings(
        server.port, SMTPSecurity.STARTTLS, username="chancela", password=Secret(password)
    )
    channel = SMTPEmailChannel(chosen, clock, tls=loopback_tls.client)
    if arrives:
        channel.deliver(a_message("a@example.pt"))
    else:
        with pytest.raises(ChannelUnavailableError):
            channel.deliver(a_message("a@example.pt"))
    assert len(server.mailbox.mails) == int(arrives)


@pytest.mark.parametrize("address", ["ana", "ana@example.pt\r\nBcc: x@example.pt", "@", ""])
def test_what_is_no_address_is_refused_before_connecting(clock, address):
    channel = SMTPEmailChannel(settings(1), clock)
    with pytest.raises(InvalidRequestError):
        channel.deliver(a_message(address))
