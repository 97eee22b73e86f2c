"""PINs and codes under ``ECDH-ES``, sealed by somebody else's JOSE library."""

import base64
import json

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey

ALGORITHMS = ["ECDH-ES", "A256GCM"]


def published(service, algorithm="ECDH-ES"):
    keys = service.app.test_client().get("/api/v1/keys").get_json()["keys"]
    return next(key for key in keys if key["alg"] == algorithm)


def sealed(jwk, *, header=None, **payload):
    protected = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": jwk["kid"]} | (header or {})
    text = json.dumps(payload).encode()
    return jwe.encrypt_compact(protected, text, ECKey.import_key(jwk), ALGORITHMS)


def test_the_keys_older_programs_take_come_first(service):
    keys = service.app.test_client().get("/api/v1/keys").get_json()["keys"]
    assert [key["alg"] for key in keys] == ["RSA-OAEP-256", "ECDH-ES"]
    assert keys[1].keys() == {"kty", "crv", "use", "alg", "kid", "x", "y"}


@pytest.mark.parametrize("header", [{}, {"apu": "QWxpY2U", "apv": "Qm9i"}], ids=str)
def test_pin_and_code_open_and_sign(service, native, newcomer, header):
    jwk = published(service)
    started = native.started(newcomer)
    identifier = started["id"]
    pin = sealed(jwk, header=header, pin=newcomer.signature_pin, transaction=identifier)
    entered = native.call("POST", f"/signatures/{identifier}/pin", {"pin": pin})
    assert entered.status_code == 200, entered.text
    code = sealed(jwk, header=header, code=service.code(newcomer.phone), transaction=identifier)
    body = {"handle": entered.get_json()["handle"], "code": code}
    signed = native.call("POST", f"/signatures/{identifier}/code", body)
    assert signed.status_code == 200, signed.text
    assert signed.get_json()["state"] == "signed"


def changed(compact, **members):
    """Other header members; their authentication by the content no longer holds either way."""
    head, *rest = compact.split(".")
    known = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    text = json.dumps({k: v for k, v in (known | members).items() if v is not None})
    return ".".join((base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode(), *rest))


def ephemeral(**members):
    def change(compact, _service):
        head = compact.partition(".")[0]
        known = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        point = {k: v for k, v in (known["epk"] | members).items() if v is not None}
        return changed(compact, epk=point)

    return change


SPOILT = {
    "no ephemeral key": lambda compact, _: changed(compact, epk=None),
    "ephemeral key is text": lambda compact, _: changed(compact, epk="x"),
    "ephemeral key is RSA": ephemeral(kty="RSA"),
    "another curve": ephemeral(crv="P-384"),
    "no y": ephemeral(y=None),
    "y is a number": ephemeral(y=5),
    "short x": ephemeral(x="AAAA"),
    "off the curve": ephemeral(x="A" * 43),
    "another point on the curve": lambda compact, service: changed(
        compact, epk={k: published(service)[k] for k in ("kty", "crv", "x", "y")}
    ),
    "unknown key": lambda compact, _: changed(compact, kid="nobody"),
    "the RSA key's id": lambda compact, service: changed(
        compact, kid=published(service, "RSA-OAEP-256")["kid"]
    ),
    "another party": lambda compact, _: changed(compact, apu="QWxpY2U"),
    "the party is a number": lambda compact, _: changed(compact, apv=1),
    "a wrapped key too": lambda compact, _: compact.replace("..", ".AAAA.", 1),
    "a wrapped key wanted": lambda compact, _: changed(compact, alg="ECDH-ES+A256KW"),
    "the other algorithm": lambda compact, _: changed(compact, alg="RSA-OAEP-256"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_one_is_refused_like_any_other_and_counts_nothing(service, native, rui, how):
    started = native.started(rui)
    before = service.rows()
    good = sealed(published(service), pin=rui.signature_pin, transaction=started["id"])
    spoilt = SPOILT[how](good, service)
    answer = native.call("POST", f"/signatures/{started['id']}/pin", {"pin": spoilt})
    body = answer.get_json()
    assert (answer.status_code, body["field"]) == (400, "pin")
    assert body["detail"].startswith("not a JWE")
    assert service.rows() == before


def test_a_content_key_of_ones_own_does_not_open(native, rui):
    started = native.started(rui)
    key = OctKey.generate_key(256)
    text = json.dumps({"pin": rui.signature_pin, "transaction": started["id"]}).encode()
    direct = jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, text, key, ["dir", "A256GCM"])
    answer = native.call("POST", f"/signatures/{started['id']}/pin", {"pin": direct})
    assert answer.status_code == 400
