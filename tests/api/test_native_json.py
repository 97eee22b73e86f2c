"""A member named twice is refused by name: which of the two counts is nobody's agreement."""

import json

import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey

from tests.fixtures.service import raw

ITEM = json.dumps(raw(b"a"))
DIGEST = json.dumps(raw(b"another")["digest"])


def start(native, text):
    return native.call("POST", "/signatures", data=text.encode(), content_type="application/json")


def repeated(phone):
    """Bodies by the member they repeat."""
    citizen, items = f'"citizen": {{"phone": "{phone}"}}', f'"items": [{ITEM}]'
    return {
        "citizen": f"{{{citizen}, {citizen}, {items}}}",
        "items": f'{{{citizen}, {items}, "items": []}}',
        "phone": f'{{"citizen": {{"phone": "{phone}", "phone": "+351939999999"}}, {items}}}',
        "digest": f'{{{citizen}, "items": [{ITEM[:-1]}, "digest": {DIGEST}}}]}}',
        "name": f'{{{citizen}, "items": [{ITEM[:-1]}, "n\\u0061me": "outro.pdf"}}]}}',
        "unknown": f'{{"unknown": 1, "unknown": 1, {citizen}, {items}}}',
    }


@pytest.mark.parametrize("member", ["citizen", "items", "phone", "digest", "name", "unknown"])
def test_a_member_named_twice_is_refused_by_name_and_nothing_is_stored(
    service, native, rui, member
):
    before = service.rows()
    answer = start(native, repeated(rui.phone)[member])
    body = answer.get_json()
    assert (answer.status_code, body["code"], body["field"]) == (400, "request.invalid", member)
    assert "twice" in body["detail"]
    assert service.rows() == before


def test_the_same_name_in_two_objects_is_no_repetition(native, rui):
    body = {"citizen": {"phone": rui.phone}, "items": [raw(b"a"), raw(b"b")]}
    assert start(native, json.dumps(body)).status_code == 201


@pytest.mark.parametrize("other", ["739155", "000000"])
def test_an_encrypted_payload_is_held_to_it_too(service, native, rui, other):
    jwk = next(
        key
        for key in service.app.test_client().get("/api/v1/keys").get_json()["keys"]
        if key["alg"] == "RSA-OAEP-256"
    )
    started = native.started(rui)
    pin = f'"pin": "{other}", "pin": "{rui.signature_pin}"'
    sealed = jwe.encrypt_compact(
        {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": jwk["kid"]},
        f'{{{pin}, "transaction": "{started["id"]}"}}'.encode(),
        RSAKey.import_key(jwk),
        ["RSA-OAEP-256", "A256GCM"],
    )
    before = service.rows()
    answer = native.call("POST", f"/signatures/{started['id']}/pin", {"pin": sealed})
    assert (answer.status_code, answer.get_json()["field"]) == (400, "pin")
    assert service.rows() == before
