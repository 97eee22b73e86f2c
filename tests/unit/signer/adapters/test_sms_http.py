"""The HTTP SMS channel against a real server that misbehaves."""

import base64
import json
import socket
import time
from urllib.parse import parse_qs

import pytest

from signer.adapters.channels.gsm7 import to_gsm7
from signer.adapters.channels.sms_http import HTTPSMSChannel, SMSGateway
from signer.adapters.http import HTTPCaller
from signer.domain.errors import (
    ChannelUnavailableError,
    ConfigurationError,
    InvalidRequestError,
)
from signer.domain.values import Secret
from tests.fixtures.channels import a_message


def gateway(url, **changes):
    values = {
        "url": url,
        "body": {"to": "{to}", "text": "{text}", "ref": "{id}", "from": "{sender}"},
        "sender": "Chancela",
        "plain_allowed": True,
    }
    return SMSGateway(**values | changes)


def test_the_receipt_is_the_gateways_id(web_server):
    web_server.will_answer(200, {"status": "queued", "id": "A-77"})
    assert HTTPSMSChannel(gateway(web_server.url)).deliver(a_message()) == "A-77"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, {"status": "ok"}, id="500"),
        pytest.param(429, {"status": "ok"}, id="429"),
        pytest.param(401, {"status": "ok"}, id="401"),
        pytest.param(200, {"status": "failed"}, id="says failed"),
        pytest.param(200, b"\xff\xfe<html>garbage", id="garbage"),
        pytest.param(200, b'{"status":"ok"}' + b" " * 70_000, id="too long"),
    ],
)
def test_an_answer_that_is_no_acceptance_is_unavailable(web_server, status, body):
    web_server.will_answer(status, body)
    with pytest.raises(ChannelUnavailableError):
        HTTPSMSChannel(gateway(web_server.url)).deliver(a_message())


def test_a_redirect_is_not_followed(web_server):
    web_server.will_answer(302, {"status": "ok"}, Location=f"{web_server.url}elsewhere")
    with pytest.raises(ChannelUnavailableError):
        HTTPSMSChannel(gateway(web_server.url)).deliver(a_message())
    assert len(web_server.requests) == 1


@pytest.mark.parametrize("fault", ["stall", "drip"])
def test_a_slow_gateway_is_given_up_after_the_time_for_the_whole_exchange(web_server, fault):
    web_server.will_answer(200, {"status": "ok", "id": "late", "pad": "x" * 60})
    web_server.stall, web_server.drip = (30.0, False) if fault == "stall" else (0.0, True)
    began = time.monotonic()
    with pytest.raises(ChannelUnavailableError):
        HTTPSMSChannel(gateway(web_server.url, timeout_seconds=0.5)).deliver(a_message())
    assert time.monotonic() - began < 3


def test_a_message_accepted_too_late_is_sent_again_with_the_same_id(web_server):
    web_server.stall = 30.0
    message = a_message()
    with pytest.raises(ChannelUnavailableError):
        HTTPSMSChannel(gateway(web_server.url, timeout_seconds=0.3)).deliver(message)
    web_server.stall = 0.0
    HTTPSMSChannel(gateway(web_server.url)).deliver(message)
    sent = [json.loads(request[3]) for request in web_server.requests]
    assert [entry["ref"] for entry in sent] == [message.id, message.id]
    assert sent[0]["text"] == sent[1]["text"]


def test_a_refused_connection_is_unavailable():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(ChannelUnavailableError):
            HTTPSMSChannel(gateway(url)).deliver(a_message())


def test_a_pattern_decides_which_numbers_never_work(web_server):
    web_server.will_answer(200, {"status": "ok", "error": "INVALID_MSISDN"})
    channel = HTTPSMSChannel(gateway(web_server.url, refused="INVALID_MSISDN"))
    with pytest.raises(InvalidRequestError):
        channel.deliver(a_message())


def test_a_form_is_sent_with_basic_credentials(web_server):
    settings = gateway(
        web_server.url, as_json=False, username="user", password=Secret("gw-secret"),
        body={"dest": "{digits}", "msg": "{text}"},
    )  # fmt: skip
    HTTPSMSChannel(settings).deliver(a_message(text="Código & 1"))
    _, _, headers, content = web_server.requests[-1]
    assert parse_qs(content.decode()) == {"dest": ["351912345678"], "msg": ["Codigo & 1"]}
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'user:gw-secret').decode()}"


def test_a_token_alone_is_a_bearer(web_server):
    HTTPSMSChannel(gateway(web_server.url, password=Secret("tkn"))).deliver(a_message())
    assert web_server.requests[-1][2]["Authorization"] == "Bearer tkn"


def test_a_url_template_is_percent_encoded(web_server):
    settings = gateway(f"{web_server.url}send?to={{to}}&text={{text}}", method="GET", body={})
    HTTPSMSChannel(settings).deliver(a_message(text="a&b=c {to}"))
    assert web_server.requests[-1][1] == "/send?to=%2B351912345678&text=a%26b%3Dc%20%28to%29"


def test_plain_http_is_refused_unless_allowed(web_server):
    with pytest.raises(ChannelUnavailableError):
        HTTPSMSChannel(gateway(web_server.url, plain_allowed=False)).deliver(a_message())
    assert web_server.requests == []


def test_tls_is_verified(tls_web_server, loopback_tls):
    channel = HTTPSMSChannel(gateway(tls_web_server.url))
    with pytest.raises(ChannelUnavailableError):
        channel.deliver(a_message())
    assert tls_web_server.requests == []
    trusting = HTTPCaller(tls=loopback_tls.client)
    assert HTTPSMSChannel(gateway(tls_web_server.url), caller=trusting).deliver(a_message())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"success": "("}, id="broken pattern"),
        pytest.param({"body": {"text": "{text} {pin}"}}, id="unknown placeholder"),
        pytest.param({"body": {"to": "{to}"}}, id="no text"),
    ],
)
def test_a_wrong_template_is_refused_at_start(changes):
    with pytest.raises(ConfigurationError):
        HTTPSMSChannel(gateway("http://127.0.0.1/", **changes))


def test_transliteration_keeps_length_and_stays_in_the_basic_table():
    text = 'Código 1 para "ação ãõçÁÍ€[x]•ﬃ漢" à é ñ'
    plain = to_gsm7(text)
    assert len(plain) == len(text)
    assert plain == 'Codigo 1 para "acao aocAIE(x)*f?" à é ñ'
