"""``POST /signatures``: what is fixed at the start, and what is refused without a trace."""

import base64
import hashlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signer.domain.client import Role
from tests.fixtures.service import (
    BODY,
    REDIRECT,
    ROLE,
    Browser,
    a_pdf,
    b64,
    hashed,
    raw,
    unique,
    whole,
)

UNKNOWN = "+351939999999"


def test_the_answer_says_what_will_be_signed_and_where_the_citizen_goes(service, portal, maria):
    answer = portal.start(maria, raw(b"a", "a.pdf"), hashed("cades-digest", b"b", "B-T"))
    assert answer.status_code == 201
    body = answer.get_json()
    assert answer.headers["Location"] == f"/api/v1/signatures/{body['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert body["state"] == "created"
    assert [item["kind"] for item in body["items"]] == ["raw", "cades-digest"]
    assert body["items"][0]["digest"] == b64(hashlib.sha256(b"a").digest())
    assert body["authorisation_url"].startswith(f"{service.services.settings.base_url}/sign/")
    browser = Browser(service.app)
    browser.open(body["authorisation_url"])
    assert "a.pdf" in browser.page
    assert body["verification_code"] in browser.page


def test_the_verification_code_comes_from_the_digests(portal, maria):
    digest = hashlib.sha256(b"a").digest()
    expected = int.from_bytes(hashlib.sha256(digest).digest()[-4:], "big") % 10_000
    assert portal.started(maria, raw(b"a"))["verification_code"] == f"{expected:04d}"


def test_the_address_of_the_page_is_told_once(portal, maria):
    started = portal.started(maria)
    assert portal.look(started["id"])["authorisation_url"] is None


def test_an_unknown_phone_starts_a_transaction_that_looks_the_same(portal, maria):
    known = portal.started(maria, raw(b"a"))
    unknown = portal.started(UNKNOWN, raw(b"a"))
    varying = {"id", "created_at", "expires_at", "authorisation_url"}
    assert {k: v for k, v in known.items() if k not in varying} == {
        k: v for k, v in unknown.items() if k not in varying
    }
    assert len(known["authorisation_url"]) == len(unknown["authorisation_url"])


def test_any_spelling_of_a_phone_finds_its_owner(service, native, maria):
    spelled = f"00351 {maria.phone[4:7]} {maria.phone[7:10]} {maria.phone[10:]}"
    started = native.started(spelled, raw(b"a"))
    assert service.transaction(started["id"]).signer == maria.account.id


def test_the_lifetime_is_the_one_asked_for(portal, maria):
    from datetime import datetime

    body = portal.started(maria, lifetime_seconds=60)
    begun, ends = (datetime.fromisoformat(body[key]) for key in ("created_at", "expires_at"))
    assert (ends - begun).total_seconds() == 60


def test_a_client_may_demand_only_the_attributes_it_was_given(service, maria):
    name = unique()
    api = service.register(name, attributes=frozenset({f"{BODY}/solicitador"}))
    answer = api.start(maria, required_attributes=[{"provider": BODY, "role": ROLE}])
    assert (answer.status_code, answer.get_json()["code"]) == (403, "client.not_permitted")
    assert BODY in answer.get_json()["detail"]


def test_a_client_without_the_purpose_may_not_ask(service, maria):
    api = service.register(unique(), purposes=frozenset({"login"}))
    answer = api.start(maria)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "client.not_permitted")


def test_a_suspended_client_is_refused_and_what_it_had_open_ends(service, maria):
    name = unique()
    api = service.register(name)
    started = api.started(maria)
    service.commands.suspend_client(api.client_id, reason="compromised", actor="tests")
    answer = api.start(maria)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "client.unauthenticated")
    ended = service.transaction(started["id"])
    assert (ended.state, ended.failure) == ("cancelled", "client-suspended")
    service.commands.resume_client(api.client_id, actor="tests")
    assert api.start(maria).status_code == 201


def test_a_hostile_pdf_is_refused_before_anything_is_stored(service, portal, maria):
    before = service.rows()
    for document in (b"%PDF-1.7\nnot really", b"not a PDF", a_pdf()[:200]):
        answer = portal.start(maria, whole("pades", document))
        assert answer.status_code == 422, answer.text
        assert answer.get_json()["code"] == "document.refused"
        assert answer.get_json()["field"] == "items[0].document"
    assert service.rows() == before


# --- bad values, field by field ------------------------------------------------------------------

DIGEST = raw(b"a")["digest"]
ITEM = raw(b"a")
LONG = "x" * 3000

BAD = {
    "citizen": [None, 1, "x", [], {}, {"phone": "+351910000001", "name": "x"}],
    "citizen.phone": [
        None,
        1,
        "",
        "abc",
        "12",
        "+",
        "+351 91",
        "x" * 30,
        "+3519\x0010000",
        "\ud800",
    ],
    "items": [None, {}, "x", [], [ITEM] * 101, 1],
    "items[0]": [None, 1, "x", [], ITEM | {"extra": 1}],
    "items[0].kind": [None, "", "RAW", "xmldsig", 1],
    "items[0].name": [None, "", " a", "a ", "a\nb", "a\x00", "a\u202eb", "a\u2028b", "x" * 201, 1],
    "items[0].digest": [None, "", "x", "====", DIGEST[:-4], DIGEST + "AAAA", "á", 1, "A" * 101],
    "items[0].digest_algorithm": [None, "", "SHA-1", "MD5", "sha256", 1],
    "items[0].document": ["AAAA", 1],
    "items[0].level": [None, "", "B-T", "B-LT", "b-b", 1],
    "required_attributes": [None, {}, "x", [{"provider": "a", "role": "b"}] * 9],
    "required_attributes[0].provider": [None, "", "x" * 65, "a\x00", 1],
    "required_attributes[0].role": [None, "", "x" * 65, "a\n", 1],
    "required_attributes[0].sub_attributes": [None, 1, [], {str(n): "x" for n in range(9)}],
    "required_attributes[0].sub_attributes.cedula": [None, 1, "", "x" * 201, "a\x00"],
    "key_algorithm": ["", "rsa", "dsa", 1],
    "locale": [None, "", "fr", 1],
    "redirect_url": ["", "x", REDIRECT + "/", "javascript:alert(1)", LONG, 1],
    "lifetime_seconds": [0, 59, 3601, -1, "x", 1.5],
    "unknown": [1, None],
}
CASES = [(field, value) for field, values in BAD.items() for value in values]


def body_with(phone, field, value):
    demand = {"provider": BODY, "role": ROLE, "sub_attributes": {"cedula": "1"}}
    body = {"citizen": {"phone": phone}, "items": [dict(ITEM)], "required_attributes": [demand]}
    *path, last = field.replace("[0]", ".0").split(".")
    target = body
    for step in path:
        target = target[int(step) if step.isdigit() else step]
    target[int(last) if last.isdigit() else last] = value
    return body


@pytest.mark.parametrize(("field", "value"), CASES, ids=lambda value: repr(value)[:40])
def test_a_bad_value_is_named_and_leaves_nothing(service, native, maria, field, value):
    service.deliver()
    before, sent = service.rows(), len(service.sms.messages)
    body = json.dumps(body_with(maria.phone, field, value))
    answer = native.call("POST", "/signatures", data=body, content_type="application/json")
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.mimetype == "application/problem+json"
    named = answer.get_json()["field"]
    assert named == field or named.startswith((f"{field}.", f"{field}[")), answer.text
    service.deliver()
    assert service.rows() == before
    assert len(service.sms.messages) == sent


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", "1", '"x"', "{", "NaN", '{"citizen": NaN}', "[" * 100_000, "\ud800"],
    ids=lambda body: repr(body)[:20],
)
def test_a_body_that_is_no_object_is_a_bad_request(service, native, body):
    before = service.rows()
    answer = native.call(
        "POST",
        "/signatures",
        data=body.encode("utf-8", "surrogatepass"),
        content_type="application/json",
    )
    assert answer.status_code == 400, answer.text
    assert answer.get_json()["field"]
    assert service.rows() == before


def test_another_content_type_is_refused(native):
    answer = native.call("POST", "/signatures", data="a=b", content_type="text/plain")
    assert answer.status_code == 415
    assert answer.get_json()["code"] == "http.415"


def test_a_body_past_the_limit_is_refused(service, maria):
    small = service.variant(document_maximum_megabytes=1).api("native")
    answer = small.start(maria, whole("cades", b"x" * (1024 * 1024 + 1)))
    assert (answer.status_code, answer.get_json()["field"]) == (400, "items[0].document")
    answer = small.start(maria, whole("cades", b"x" * (4 * 1024 * 1024)))
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert small.start(maria, whole("cades", b"x" * 1024 * 1024)).status_code == 201


def test_a_whole_document_and_a_digest_exclude_each_other(portal, maria):
    both = whole("pades", a_pdf()) | {"digest": DIGEST}
    assert portal.start(maria, both).get_json()["field"] == "items[0].digest"
    assert portal.start(maria, whole("cades", b"")).get_json()["field"] == "items[0].document"


def test_digest_algorithms_are_not_mixed(portal, maria):
    answer = portal.start(maria, raw(b"a"), raw(b"b", algorithm="SHA-512"))
    assert (answer.status_code, answer.get_json()["field"]) == (400, "items")


def schema_of(service):
    return service.app.test_client().get("/docs/openapi.json").get_json()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_a_member_of_the_documented_body_holds_is_never_our_fault(
    service, native, maria, data
):
    members = schema_of(service)["components"]["schemas"]["SignatureIn"]["properties"]
    name = data.draw(st.sampled_from(sorted(members)))
    body = {"citizen": {"phone": maria.phone}, "items": [ITEM], name: data.draw(JSON)}
    answer = native.call(
        "POST", "/signatures", data=json.dumps(body), content_type="application/json"
    )
    assert answer.status_code == 201 or 400 <= answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.get_json()["field"]


def test_an_officer_may_not_start_signatures(service, maria):
    answer = service.api("officer").start(maria)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "client.not_permitted")
    assert Role.RELYING_PARTY.value in answer.get_json()["detail"]


def test_base64_is_strict(portal, maria):
    item = ITEM | {"digest": base64.urlsafe_b64encode(b"\xff" * 32).decode()}
    assert portal.start(maria, item).get_json()["field"] == "items[0].digest"
