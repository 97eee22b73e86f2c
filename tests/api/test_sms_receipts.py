"""``/api/v1/receipts/sms``: the gateway tells whether a code arrived."""

import json

import pytest

from api.wiring.channels import channels
from signer.domain.errors import ConfigurationError
from signer.domain.outgoing import MessageKind
from signer.operations.deliver import Deliver
from tests.fixtures.service import Service, raw, unique

TOKEN = "receipts-9d1f0c6ab24e7753"
PATH = "/api/v1/receipts/sms"


@pytest.fixture(scope="module")
def reporting(service: Service) -> Service:
    return service.variant(sms_receipt_token=TOKEN)


@pytest.fixture
def receipt(reporting, web_server, rui):
    """A code that went out through a real gateway; gives (transaction, the gateway's id)."""
    variant = reporting.variant(
        channel_order="sms", sms_gateway_url=f"{web_server.url}send", sms_gateway_token="gw"
    )
    identifier = unique("gw")
    web_server.will_answer(200, {"status": "accepted", "id": identifier})
    reporting.deliver()
    started = reporting.api("native").started(rui, raw(b"receipt"))
    assert reporting.api("native").pin(started["id"], rui.signature_pin).status_code == 200
    stores = variant.services.stores
    deliver = Deliver(
        stores.outbox,
        variant.services.device.sam.vault,
        channels(variant.services),
        stores.statistics,
        stores.clock,
        kinds=(MessageKind.CODE,),
    )
    assert deliver() == 1
    (sent,) = web_server.requests
    assert json.loads(sent[3])["to"] == rui.phone
    return started["id"], identifier


def report(service: Service, body: dict, token: str | None = TOKEN, **options):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    options = options or {"json": body}
    return service.app.test_client().post(PATH, headers=headers, **options)


def records(service: Service, transaction: str, event: str) -> list[dict]:
    found = service.services.stores.audit_log.search(event=event, transaction=transaction)
    return [json.loads(one.body) for one in found]


@pytest.mark.parametrize(
    ("status", "event", "outcome"),
    [
        ("delivered", "code.delivered", "arrived"),
        ("DELIVRD", "code.delivered", "arrived"),
        ("undelivered", "code.undelivered", "not-arrived"),
        ("Expired", "code.undelivered", "not-arrived"),
    ],
)
def test_what_the_gateway_says_is_recorded_with_the_transaction(
    reporting, receipt, status, event, outcome
):
    transaction, identifier = receipt
    assert report(reporting, {"id": identifier, "status": status}).status_code == 204
    (one,) = [
        found for found in records(reporting, transaction, event) if found["outcome"] == outcome
    ]
    assert one["facts"]["receipt"] == identifier
    assert one["facts"]["channel"] == "sms"
    (message,) = reporting.services.stores.outbox.deliveries(transaction)
    assert one["facts"]["message"] == message.id
    expected = "delivered" if outcome == "arrived" else "undelivered"
    assert message.state.value == expected


def test_a_form_with_other_names_is_read_as_configured(reporting, receipt):
    variant = reporting.variant(
        sms_receipt_id_field="MessageSid",
        sms_receipt_status_field="MessageStatus",
        sms_receipt_arrived="OK[0-9]",
    )
    transaction, identifier = receipt
    form = {"MessageSid": identifier, "MessageStatus": "OK7"}
    answer = variant.app.test_client().post(PATH, data=form, auth=("gateway", TOKEN))
    assert answer.status_code == 204
    assert records(reporting, transaction, "code.delivered")[0]["outcome"] == "arrived"


def test_a_status_that_decides_nothing_changes_nothing(reporting, receipt):
    transaction, identifier = receipt
    assert report(reporting, {"id": identifier, "status": "sent"}).status_code == 204
    (message,) = reporting.services.stores.outbox.deliveries(transaction)
    assert message.state.value == "sent"


def test_a_report_counts_once(reporting, receipt):
    transaction, identifier = receipt
    assert report(reporting, {"id": identifier, "status": "delivered"}).status_code == 204
    for status in ("delivered", "failed"):
        assert report(reporting, {"id": identifier, "status": status}).status_code == 404
    arrived = [r for r in records(reporting, transaction, "code.delivered")
               if r["outcome"] == "arrived"]  # fmt: skip
    assert len(arrived) == 1


def test_an_unknown_id_is_not_found(reporting):
    answer = report(reporting, {"id": unique("nobody"), "status": "delivered"})
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (404, "not_found")


def test_without_the_right_token_nothing_is_taken(reporting, receipt):
    transaction, identifier = receipt
    for token in (None, "", "receipts-wrong", TOKEN + "x", TOKEN[:-1], "ção"):
        answer = report(reporting, {"id": identifier, "status": "delivered"}, token)
        assert answer.status_code == 401
        assert TOKEN not in answer.text
    (message,) = reporting.services.stores.outbox.deliveries(transaction)
    assert message.state.value == "sent"


@pytest.mark.parametrize("configured", [None, ""])
def test_an_installation_without_token_refuses_every_report(service, receipt, configured):
    _, identifier = receipt
    closed = service if configured is None else service.variant(sms_receipt_token=configured)
    for token in (None, "", "None", TOKEN):
        answer = report(closed, {"id": identifier, "status": "delivered"}, token)
        assert answer.status_code == 401


def test_a_refusal_is_recorded(reporting):
    log = reporting.services.stores.audit_log
    before = len(log.search(event="client.refused", subject="sms-gateway", limit=1000))
    report(reporting, {"id": "x", "status": "delivered"}, "wrong")
    after = log.search(event="client.refused", subject="sms-gateway", limit=1000)
    assert len(after) == before + 1


@pytest.mark.parametrize(
    ("options", "field"),
    [
        pytest.param({"json": {"id": "x"}}, "status", id="no status"),
        pytest.param({"json": {"status": "delivered"}}, "id", id="no id"),
        pytest.param({"json": {"id": ["x"], "status": "delivered"}}, "id", id="a list"),
        pytest.param({"json": {"id": "x" * 201, "status": "delivered"}}, "id", id="long"),
        pytest.param({"json": ["delivered"]}, "status", id="no object"),
        pytest.param({"data": b"{", "content_type": "application/json"}, "status", id="broken"),
        pytest.param({"data": {"status": "delivered"}}, "id", id="form without id"),
        pytest.param(
            {"data": b" " * 70_000, "content_type": "application/json"}, "body", id="too large"
        ),
    ],
)
def test_a_report_with_a_mistake_names_it(reporting, options, field):
    answer = report(reporting, {}, **options)
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["field"]) == (400, field)


def test_a_broken_pattern_is_told_at_the_start(reporting):
    with pytest.raises(ConfigurationError, match="pattern"):
        reporting.variant(sms_receipt_arrived="(")
