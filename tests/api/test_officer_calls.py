"""``/api/v1/citizens``: what officers may do, what they are told, who is refused."""

import pytest
from flask_openapi3.openapi import OpenAPI
from openapi_spec_validator import validate

from api.native import officers
from api.native.caller import request_id
from api.native.errors import problem
from signer.domain.account import AccountState
from signer.domain.client import Role
from signer.domain.errors import ClientAuthenticationError, NotPermittedError, SigningServiceError
from signer.domain.outgoing import MessageKind
from tests.fixtures.accounts import AccountWorld

MARIA = {
    "given_name": "Maria",
    "surname": "Exemplo",
    "birth_date": "1980-01-02",
    "document": {"type": "BI", "number": "12345678", "expires_on": "2040-01-01"},
    "phone": "910 000 001",
    "email": "maria@exemplo.pt",
}


class Caller:
    id = "officer-7"


class Callers:
    """Who calls is what the test says."""

    def __init__(self):
        self.roles = {Role.OFFICER}

    def guard(self, door, role):
        door.before_request(lambda: self.client(role) and None)

    def client(self, role):
        if not self.roles:
            raise ClientAuthenticationError
        if role not in self.roles:
            raise NotPermittedError
        return Caller()


@pytest.fixture
def world(account_world) -> AccountWorld:
    return account_world


@pytest.fixture
def callers():
    return Callers()


@pytest.fixture
def app(world, callers):
    schemes = {"client": {"type": "http", "scheme": "basic"}}
    app = OpenAPI("test", validation_error_status=400, security_schemes=schemes)
    app.register_api(
        officers.blueprint(
            officers.OfficerServices(
                callers=callers,
                accounts=world.accounts,
                register=world.register,
                new_link=world.links,
                change=world.change,
            )
        )
    )
    app.errorhandler(SigningServiceError)(lambda error: problem(error, request_id()))
    return app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def registered(client):
    answer = client.post("/api/v1/citizens", json=MARIA)
    assert answer.status_code == 201
    return answer.json["citizen"]["id"]


def test_a_registered_citizen_comes_back_with_a_link(client, world):
    answer = client.post("/api/v1/citizens", json=MARIA)
    assert answer.status_code == 201
    citizen = answer.json["citizen"]
    assert citizen["phone"] == "+351910000001"
    assert citizen["state"] == "invited"
    assert citizen["valid_until"] == "2040-01-01T23:59:59Z"
    assert answer.headers["Location"] == f"/api/v1/citizens/{citizen['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["link"]["kind"] == "enrolment"
    assert world.token().reveal() in answer.json["link"]["url"]
    assert client.get(answer.headers["Location"]).json == citizen
    assert world.events(actor="officer-7") == ["account.created", "account.link_issued"]


@pytest.mark.parametrize("path", ["/api/v1/citizens", "/api/v1/citizens/check"])
def test_all_wrong_members_are_named_at_once(client, world, path):
    bad = MARIA | {
        "phone": "x",
        "birth_date": "x",
        "document": {**MARIA["document"], "number": "x"},
    }
    answer = client.post(path, json=bad)
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert set(answer.json["fields"]) == {"phone", "birth_date", "document.number"}
    assert world.accounts.search() == ((), 0)


def test_a_check_stores_and_sends_nothing(client, world):
    assert client.post("/api/v1/citizens/check", json=MARIA).json == {"valid": True}
    assert world.accounts.search() == ((), 0)
    assert world.texts_sent(MessageKind.LINK) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(MARIA | {"pin": "123456"}, id="unknown member"),
        pytest.param({}, id="empty"),
        pytest.param(MARIA | {"given_name": "x" * 301}, id="too long"),
        pytest.param(MARIA | {"document": "BI"}, id="wrong type"),
    ],
)
def test_a_body_of_another_shape_is_refused(client, world, body):
    assert client.post("/api/v1/citizens", json=body).status_code == 400
    assert world.accounts.search() == ((), 0)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"phone": "920000000"}, "account.duplicate_identity", id="identity"),
        pytest.param(
            {"document": {**MARIA["document"], "number": "87654321"}},
            "account.duplicate_phone",
            id="phone",
        ),
    ],
)
def test_duplicates_are_named(client, change, code):
    answer = client.post("/api/v1/citizens", json=MARIA | change)
    assert (answer.status_code, answer.json["code"]) == (409, code)


def test_search_finds_by_name_and_state(client, registered):
    found = client.get("/api/v1/citizens?text=exemplo&state=invited").json
    assert ([one["id"] for one in found["citizens"]], found["total"]) == ([registered], 1)
    assert client.get("/api/v1/citizens?state=closed").json == {"citizens": [], "total": 0}
    assert client.get("/api/v1/citizens?limit=0").status_code == 400


def test_a_new_link_kills_the_one_before(client, world, registered):
    before = world.token()
    world.clock.advance(seconds=1)
    answer = client.post(f"/api/v1/citizens/{registered}/link")
    assert (answer.status_code, answer.json["link"]["kind"]) == (201, "enrolment")
    assert world.token() != before
    assert world.link_store.by_token(before.sha256()) is None


def test_the_life_of_an_account(client, world):
    account = world.citizen()
    path = f"/api/v1/citizens/{account.id}"
    assert client.post(f"{path}/resume").status_code == 403
    assert client.post(f"{path}/suspend").json["state"] == "suspended"
    assert client.post(f"{path}/suspend").status_code == 403
    assert client.post(f"{path}/link").status_code == 403
    assert client.post(f"{path}/resume").json["state"] == "active"
    changed = client.post(f"{path}/phone", json={"phone": "920 000 000"}).json
    assert changed["citizen"]["phone"] == "+351920000000"
    assert changed["citizen"]["phone_confirmed"] is False
    assert changed["link"]["kind"] == "phone"
    assert client.post(f"{path}/close").json["state"] == "closed"
    assert world.accounts.by_id(account.id).state is AccountState.CLOSED


def test_a_wrong_phone_is_named(client, registered):
    answer = client.post(f"/api/v1/citizens/{registered}/phone", json={"phone": "nobody"})
    assert (answer.status_code, answer.json["field"]) == (400, "phone")


CALLS = [
    ("POST", "/api/v1/citizens"),
    ("POST", "/api/v1/citizens/check"),
    ("GET", "/api/v1/citizens"),
    ("GET", "/api/v1/citizens/{id}"),
    ("POST", "/api/v1/citizens/{id}/link"),
    ("POST", "/api/v1/citizens/{id}/suspend"),
    ("POST", "/api/v1/citizens/{id}/resume"),
    ("POST", "/api/v1/citizens/{id}/close"),
    ("POST", "/api/v1/citizens/{id}/phone"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_only_officers_get_in(client, callers, registered, world, method, path):
    body = {"phone": "920000000"} if path.endswith("phone") else MARIA
    for roles, status in ((set(), 401), ({Role.RELYING_PARTY}, 403)):
        callers.roles = roles
        answer = client.open(
            path.format(id=registered), method=method, json=body if method == "POST" else None
        )
        assert answer.status_code == status
    assert world.accounts.search()[1] == 1
    assert world.accounts.by_id(registered).epoch == 0


@pytest.mark.parametrize(("method", "path"), CALLS[3:])
def test_an_unknown_account_is_not_found(client, method, path):
    unknown = path.format(id="00000000-0000-4000-8000-000000000000")
    answer = client.open(
        unknown, method=method, json={"phone": "920000000"} if "phone" in path else None
    )
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("call", ["citizens", "link", "phone"])
def test_answers_with_a_link_refuse_an_idempotency_key(client, world, registered, call):
    path = "/api/v1/citizens" if call == "citizens" else f"/api/v1/citizens/{registered}/{call}"
    body = {"phone": "920000000"} if call == "phone" else MARIA
    answer = client.post(path, json=body, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json["field"]) == (400, "Idempotency-Key")
    assert world.accounts.search()[1] == 1


def test_the_description_is_valid_openapi(app):
    validate(app.api_doc)
