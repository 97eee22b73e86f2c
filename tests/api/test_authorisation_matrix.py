"""Who may call what: every route of the application, declared here, against every kind of caller.

A route that is not declared fails, so nobody adds a door without saying whom it is for.
"""

import re
import uuid

import pytest
from werkzeug.routing import Rule

from tests.fixtures.service import unique

PUBLIC = "public"
"""Anybody; what is behind it is public or protected by a secret in the address or a cookie."""
RELYING_PARTY = "relying-party"
CARRIER = "relying-party with may_carry_pin"
OFFICER = "officer"
CLIENT = "any client"
MAINTAINER = "any client, for its own professional body"
GATEWAY = "the SMS gateway's token"
DEVICE = "a registered device's key, shown in tests/hsm/test_device_approvals.py"
APPLICATION = "a CMD application, shown in test_cmd_callers.py"

TABLE = {
    "GET /api/v1/keys": PUBLIC,
    "POST /api/v1/signatures": RELYING_PARTY,
    "GET /api/v1/signatures/<id>": RELYING_PARTY,
    "DELETE /api/v1/signatures/<id>": RELYING_PARTY,
    "GET /api/v1/signatures/<id>/items/<int:ordinal>": RELYING_PARTY,
    "POST /api/v1/signatures/<id>/pin": CARRIER,
    "POST /api/v1/signatures/<id>/code": CARRIER,
    "POST /api/v1/signatures/<id>/resend": CARRIER,
    "GET /api/v1/certificates": RELYING_PARTY,
    "POST /api/v1/extensions": RELYING_PARTY,
    "POST /api/v1/citizens": OFFICER,
    "GET /api/v1/citizens": OFFICER,
    "POST /api/v1/citizens/check": OFFICER,
    "GET /api/v1/citizens/<id>": OFFICER,
    "POST /api/v1/citizens/<id>/link": OFFICER,
    "POST /api/v1/citizens/<id>/phone": OFFICER,
    "POST /api/v1/citizens/<id>/suspend": OFFICER,
    "POST /api/v1/citizens/<id>/resume": OFFICER,
    "POST /api/v1/citizens/<id>/close": OFFICER,
    "GET /api/v1/providers": CLIENT,
    "GET /api/v1/providers/<provider>/attributes": MAINTAINER,
    "POST /api/v1/providers/<provider>/attributes": MAINTAINER,
    "POST /api/v1/providers/<provider>/attributes/import": MAINTAINER,
    "DELETE /api/v1/providers/<provider>/attributes/<id>": MAINTAINER,
    "POST /api/v1/receipts/sms": GATEWAY,
    "POST /api/v1/approvals": DEVICE,
    "POST /api/v1/approvals/<transaction_id>": DEVICE,
    "GET /<cmd_folder:folder>/<cmd_service:service>": PUBLIC,
    "POST /<cmd_folder:folder>/<cmd_service:service>": APPLICATION,
}
PUBLIC_PLACES = (
    "/", "/account/", "/approve/", "/assets/", "/certificado/", "/demo", "/docs/", "/livez",
    "/pki/", "/readyz", "/sign/",
)  # fmt: skip
OWNED = "/api/v1/signatures/<id>"
"""Below this, somebody else's is as unknown as none."""


def routes(app):
    """``METHOD rule`` of everything the application answers."""
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            yield f"{method} {rule.rule}", rule


def declared(route):
    if route in TABLE:
        return TABLE[route]
    path = route.partition(" ")[2]
    if path == "/" or any(path.startswith(place) for place in PUBLIC_PLACES if place != "/"):
        return PUBLIC
    return None


def test_every_route_is_declared_and_every_declaration_has_a_route(service):
    there = {route for route, _rule in routes(service.app)}
    assert [route for route in sorted(there) if declared(route) is None] == []
    assert set(TABLE) <= there


def filled(rule: Rule, **known: str) -> str:
    values = {"id": str(uuid.uuid4()), "ordinal": "0", "provider": "ordem-dos-advogados"} | known
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], rule.rule)


def call(app, route, rule, credentials=None, **known):
    """Without a body: whoever may not call must not get as far as hearing what is missing."""
    method = route.partition(" ")[0]
    return app.test_client().open(filled(rule, **known), method=method, auth=credentials)


ELSEWHERE = {PUBLIC, GATEWAY, APPLICATION, DEVICE}
PROTECTED = sorted(route for route, whom in TABLE.items() if whom not in ELSEWHERE)


@pytest.fixture
def rule_of(service):
    return dict(routes(service.app)).__getitem__


@pytest.fixture
def credentials(service):
    return lambda name: (name, service.secrets[name])


@pytest.mark.parametrize("route", [*PROTECTED, "POST /api/v1/receipts/sms"])
def test_strangers_and_wrong_secrets_are_refused_everywhere(service, rule_of, credentials, route):
    for given in (None, ("native", "wrong"), ("nobody", "x"), ("", ""), ("native", "")):
        answer = call(service.app, route, rule_of(route), given)
        assert answer.status_code == 401, f"{given}: {answer.text}"
        assert answer.mimetype == "application/problem+json"
        assert answer.get_json()["code"] == "client.unauthenticated"
        assert "native" not in answer.text
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    bearer = service.app.test_client().open(
        filled(rule_of(route)),
        method=route.partition(" ")[0],
        headers={"Authorization": f"Bearer {credentials('native')[1]}"},
    )
    assert bearer.status_code == 401


REFUSED = {
    RELYING_PARTY: ("officer", "auditor"),
    CARRIER: ("officer", "auditor", "portal"),
    OFFICER: ("native", "portal", "auditor"),
    MAINTAINER: ("native", "officer", "auditor"),
    CLIENT: (),
}


@pytest.mark.parametrize("route", PROTECTED)
def test_other_roles_are_refused(service, rule_of, credentials, route, newcomer):
    known = {}
    if OWNED in route:
        known["id"] = service.api("portal").started(newcomer)["id"]
    before = service.rows()
    for name in REFUSED[TABLE[route]]:
        body = {"json": {}} if TABLE[route] in {CARRIER, MAINTAINER} else {}
        answer = service.app.test_client().open(
            filled(rule_of(route), **known),
            method=route.partition(" ")[0],
            auth=credentials(name),
            **body,
        )
        code = answer.get_json()["code"]
        # Where the policy is finer than the role, the body may be looked at first.
        allowed = {(403, "client.not_permitted")}
        if TABLE[route] in {CARRIER, MAINTAINER}:
            allowed.add((400, "request.invalid"))
        if name in {"officer", "auditor"} and TABLE[route] is CARRIER:
            allowed = {(403, "client.not_permitted")}
        assert (answer.status_code, code) in allowed, f"{name}: {answer.text}"
    assert service.rows() == before


@pytest.mark.parametrize("route", [route for route in PROTECTED if OWNED in route])
def test_the_transactions_of_others_are_unknown(service, rule_of, credentials, route, newcomer):
    identifier = service.api("native").started(newcomer)["id"]
    bodies = {
        "pin": {"pin": "x"},
        "code": {"handle": "h" * 40, "code": "x"},
        "resend": {"handle": "h" * 40},
    }
    body = bodies.get(route.rpartition("/")[2])
    answer = service.app.test_client().open(
        filled(rule_of(route), id=identifier),
        method=route.partition(" ")[0],
        auth=credentials("other"),
        **({"json": body} if body else {}),
    )
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    assert service.transaction(identifier).state == "created"


@pytest.mark.parametrize("route", PROTECTED)
def test_a_suspended_client_is_a_stranger(service, rule_of, route):
    name = unique()
    api = service.register(name)
    service.commands.suspend_client(api.client_id, reason="compromised", actor="tests")
    answer = call(service.app, route, rule_of(route), (name, api.client_secret))
    assert (answer.status_code, answer.get_json()["code"]) == (401, "client.unauthenticated")


def test_public_places_ask_for_no_credentials(service):
    for route, rule in routes(service.app):
        if declared(route) is PUBLIC and route.startswith("GET") and "<" not in rule.rule:
            assert call(service.app, route, rule).status_code not in {401, 403}, route
