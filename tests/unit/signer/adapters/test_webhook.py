"""Webhooks against a real server: signature, refusals, guard against request forgery."""

import hashlib
import hmac
import re
import socket

import pytest

from signer.adapters.http import is_public
from signer.adapters.webhook import WebhookChannel
from signer.domain.errors import ChannelUnavailableError, InvalidRequestError
from signer.domain.values import Secret
from tests.fixtures.channels import a_message

EVENT = '{"event":"transaction.signed","id":"1"}'


class Secrets:
    def webhook_secret(self, client):
        return Secret("whsec-1") if client == "client-1" else None


def a_webhook(url, client="client-1"):
    return a_message(url, channel="webhook", text=EVENT, client=client)


def accepts(header, body, secret, now, window=300):
    """What the integration guide tells receivers to do, written independently."""
    stamp, mac = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", header).groups()
    expected = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(mac, expected) and abs(now - int(stamp)) <= window


def test_the_signature_verifies_for_this_body_secret_and_time_only(web_server, clock):
    WebhookChannel(Secrets(), clock, unsafe_any_address=True).deliver(a_webhook(web_server.url))
    _, _, headers, body = web_server.requests[-1]
    header, now = headers["Chancela-Signature"], clock.now().timestamp()
    assert body == EVENT.encode()
    assert accepts(header, body, b"whsec-1", now)
    assert not accepts(header, body + b" ", b"whsec-1", now)
    assert not accepts(header, body, b"whsec-2", now)
    assert not accepts(header, body, b"whsec-1", now + 301)


def test_a_retry_is_signed_anew_under_the_same_message_id(web_server, clock):
    channel, message = (
        WebhookChannel(Secrets(), clock, unsafe_any_address=True),
        a_webhook(web_server.url),
    )
    channel.deliver(message)
    clock.advance(minutes=10)
    channel.deliver(message)
    first, second = (request[2] for request in web_server.requests)
    assert first["Chancela-Message"] == second["Chancela-Message"] == message.id
    assert accepts(
        second["Chancela-Signature"], EVENT.encode(), b"whsec-1", clock.now().timestamp()
    )


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
def test_any_other_answer_is_tried_again(web_server, clock, status):
    web_server.will_answer(status, b"", Location=web_server.url)
    with pytest.raises(ChannelUnavailableError):
        WebhookChannel(Secrets(), clock, unsafe_any_address=True).deliver(a_webhook(web_server.url))
    assert len(web_server.requests) == 1


def test_a_client_without_secret_gets_nothing(web_server, clock):
    channel = WebhookChannel(Secrets(), clock, unsafe_any_address=True)
    with pytest.raises(InvalidRequestError):
        channel.deliver(a_webhook(web_server.url, client="client-2"))
    assert web_server.requests == []


def test_loopback_is_refused_over_tls_too(tls_web_server, loopback_tls, clock):
    channel = WebhookChannel(Secrets(), clock, tls=loopback_tls.client)
    with pytest.raises(InvalidRequestError):
        channel.deliver(a_webhook(tls_web_server.url))
    assert tls_web_server.requests == []
    allowed = WebhookChannel(Secrets(), clock, tls=loopback_tls.client, unsafe_any_address=True)
    allowed.deliver(a_webhook(tls_web_server.url))
    assert len(tls_web_server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "https://0.0.0.0/",
        "ftp://example.org/",
        "https:///",
    ],
)
def test_addresses_that_are_not_public_https_are_refused_for_good(clock, url):
    with pytest.raises(InvalidRequestError):
        WebhookChannel(Secrets(), clock).deliver(a_webhook(url))


def test_a_name_with_one_private_address_is_refused(clock, monkeypatch):
    def answers(host, port, **_options):
        assert host == "hook.example.org"
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("93.184.215.14", "192.168.1.10")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    with pytest.raises(InvalidRequestError):
        WebhookChannel(Secrets(), clock).deliver(a_webhook("https://hook.example.org/"))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:4700::1111", True),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::", False),
        ("not an address", False),
    ],
)
def test_public_addresses(address, public):
    assert is_public(address) is public
