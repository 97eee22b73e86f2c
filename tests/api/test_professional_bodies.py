"""``/api/v1/providers``: a body's own program keeps its attributes, others are refused."""

import json

import pytest

from signer.domain.account import Account
from signer.domain.client import ClientPolicy, Role
from signer.domain.professional_body import Provider, ProviderRole, ProviderState
from tests.fixtures.service import API, ROLE, Service, raw, unique

HEADER = "document_type;document_country;document_number;role;valid_from;valid_until;sub:cedula"


@pytest.fixture
def body(service: Service) -> str:
    """A professional body nobody else uses."""
    name = unique("ordem")
    provider = Provider(id=name, name="Ordem", name_en="Body", uri="https://ordem.example.org")
    service.commands.set_up_provider.create(provider, actor="tests")
    role = ProviderRole(provider=name, id=ROLE, label_pt="Advogado", label_en="Lawyer")
    service.commands.set_up_provider.define_role(role, actor="tests")
    return name


@pytest.fixture
def registrar(service: Service, body: str) -> API:
    return maintainer(service, body)


def maintainer(service: Service, *bodies: str) -> API:
    return service.register(
        unique("registrar"),
        Role.RELYING_PARTY,
        policies=frozenset({ClientPolicy.MAY_MAINTAIN_ATTRIBUTES}),
        providers=frozenset(bodies),
    )


def entry(account: Account, **changes: object) -> dict:
    document = {"type": "BI", "country": "PT", "number": account.identity.document.number}
    return {
        "document": document,
        "role": ROLE,
        "sub_attributes": {"cedula": "12345L"},
        "valid_from": "2020-01-01",
        "valid_until": "2039-12-31",
    } | changes


def row(account: Account, role: str = ROLE) -> str:
    return f"BI;PT;{account.identity.document.number};{role};2020-01-01;2039-12-31;777L"


def upsert(caller: API, body: str, *entries: object, **options: object):
    return caller.call(
        "POST", f"/providers/{body}/attributes", {"attributes": list(entries)}, **options
    )


def upload(caller: API, body: str, *rows: str, query: str = "", media: str = "text/csv"):
    content = "\n".join([HEADER, *rows]).encode()
    return caller.call(
        "POST", f"/providers/{body}/attributes/import{query}", data=content, content_type=media
    )


def listed(caller: API, body: str, query: str = "") -> dict:
    answer = caller.call("GET", f"/providers/{body}/attributes{query}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def refused(answer, status: int, code: str, field: str | None = None) -> dict:
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.mimetype == "application/problem+json"
    if field is not None:
        assert problem["field"] == field
    return problem


def test_statements_are_added_renewed_and_listed_as_days(registrar, body, rui):
    added = upsert(registrar, body, entry(rui.account))
    assert added.get_json() == {"added": 1, "changed": 0, "unchanged": 0}
    assert upsert(registrar, body, entry(rui.account)).get_json()["unchanged"] == 1
    renewed = upsert(registrar, body, entry(rui.account, valid_until="2040-06-30"))
    assert renewed.get_json()["changed"] == 1
    (one,) = listed(registrar, body)["attributes"]
    assert one.pop("id")
    assert one == {
        "document": rui.account.identity.document.key,
        "role": ROLE,
        "label": "Advogado",
        "sub_attributes": {"cedula": "12345L"},
        "valid_from": "2020-01-01",
        "valid_until": "2040-06-30",
    }


def test_a_list_is_read_in_pages(registrar, body, rui):
    entries = [entry(rui.account, reference=f"n{number}") for number in range(3)]
    assert upsert(registrar, body, *entries).status_code == 200
    first = listed(registrar, body, "?limit=2")
    second = listed(registrar, body, f"?limit=2&after={first['next']}")
    assert (len(first["attributes"]), len(second["attributes"])) == (2, 1)
    assert second["next"] is None


def test_a_file_is_tried_first_and_then_taken(registrar, body, maria, rui):
    rows = (row(maria.account), row(rui.account))
    tried = upload(registrar, body, *rows, query="?dry_run=true").get_json()
    assert (tried["added"], tried["stored"]) == (2, False)
    assert listed(registrar, body)["attributes"] == []
    taken = upload(registrar, body, *rows).get_json()
    assert (taken["added"], taken["stored"]) == (2, True)
    assert len(listed(registrar, body)["attributes"]) == 2


def test_a_file_with_mistakes_is_refused_whole_and_every_place_is_named(registrar, body, rui):
    rows = (row(rui.account), row(rui.account, role="juiz"), "BI;PT;1;" + ROLE)
    problem = refused(upload(registrar, body, *rows), 400, "request.invalid", "line 3, role")
    assert set(problem["fields"]) == {"line 3, role", "line 4"}
    assert listed(registrar, body)["attributes"] == []
    tried = upload(registrar, body, *rows, query="?dry_run=true")
    assert tried.status_code == 200
    assert [one["line"] for one in tried.get_json()["problems"]] == [3, 4]


def test_a_file_of_another_type_is_refused(registrar, body, rui):
    for media in ("application/json", "application/octet-stream"):
        refused(upload(registrar, body, row(rui.account), media=media), 415, "http.415")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"role": "juiz"}, "role", id="role not defined"),
        pytest.param({"role": "Juiz!"}, "attributes[0].role", id="role malformed"),
        pytest.param({"valid_until": "2019-12-30"}, "attributes[0].valid_until", id="ends before"),
        pytest.param({"valid_from": "soon"}, "attributes[0].valid_from", id="no day"),
        pytest.param({"valid_until": "9999-12-31"}, "attributes[0].valid_until", id="far away"),
        pytest.param({"reference": "ção"}, "attributes[0].reference", id="reference"),
        pytest.param(
            {"sub_attributes": {"Cédula": "1"}}, "attributes[0].sub_attributes", id="name of sub"
        ),
        pytest.param(
            {"sub_attributes": {"cedula": "a\u202eb"}},
            "attributes[0].sub_attributes.cedula",
            id="direction character",
        ),
        pytest.param(
            {"document": {"type": "XX", "number": "1"}},
            "attributes[0].document.type",
            id="document type",
        ),
        pytest.param(
            {"document": {"type": "BI", "number": "1 2"}},
            "attributes[0].document.number",
            id="document number",
        ),
        pytest.param({"more": 1}, "attributes[0].more", id="unknown member"),
    ],
)
def test_a_statement_with_a_mistake_is_refused_and_nothing_stored(
    service, registrar, body, rui, changes, field
):
    before = service.rows()
    answer = upsert(registrar, body, entry(rui.account, **changes))
    refused(answer, 400, "request.invalid", field)
    assert service.rows() == before


def test_the_same_statement_twice_in_a_call_is_refused(registrar, body, rui):
    answer = upsert(registrar, body, entry(rui.account), entry(rui.account))
    refused(answer, 400, "request.invalid", "attributes")


@pytest.mark.parametrize("number", [0, 1001])
def test_a_call_takes_1_to_1000_statements(registrar, body, rui, number):
    entries = [entry(rui.account, reference=str(one)) for one in range(number)]
    refused(upsert(registrar, body, *entries), 400, "request.invalid", "attributes")


def test_a_call_of_1000_statements_is_taken(registrar, body, rui):
    entries = [entry(rui.account, reference=str(one)) for one in range(1000)]
    assert upsert(registrar, body, *entries).get_json()["added"] == 1000


def test_a_repeated_key_gives_the_first_answer_again(registrar, body, rui):
    options = {"headers": {"Idempotency-Key": unique("key")}}
    first = upsert(registrar, body, entry(rui.account), **options)
    again = upsert(registrar, body, entry(rui.account), **options)
    assert first.get_json() == again.get_json() == {"added": 1, "changed": 0, "unchanged": 0}
    assert again.headers["Idempotent-Replayed"] == "true"
    changed = upsert(registrar, body, entry(rui.account, reference="x"), **options)
    refused(changed, 422, "idempotency.conflict")


def calls_of(body: str, account: Account):
    identifier = "00000000-0000-4000-8000-000000000000"
    return {
        "list": lambda api: api.call("GET", f"/providers/{body}/attributes"),
        "upsert": lambda api: upsert(api, body, entry(account)),
        "upload": lambda api: upload(api, body, row(account)),
        "withdraw": lambda api: api.call(
            "DELETE", f"/providers/{body}/attributes/{identifier}?reason=resigned"
        ),
    }


@pytest.mark.parametrize("call", ["list", "upsert", "upload", "withdraw"])
def test_only_the_bodys_own_program_may_touch_its_attributes(service, body, rui, call):
    act = calls_of(body, rui.account)[call]
    other = maintainer(service, "another-body")
    without_policy = service.register(unique("portal"), providers=frozenset({body}))
    for caller in (other, without_policy, service.api("officer")):
        refused(act(caller), 403, "client.not_permitted")


@pytest.mark.parametrize("call", ["list", "upsert", "upload", "withdraw"])
def test_a_stranger_is_refused_before_anything_is_parsed(service, body, rui, call):
    stranger = API(service, "nobody", "wrong", service.app)
    refused(calls_of(body, rui.account)[call](stranger), 401, "client.unauthenticated")
    bad = stranger.call("POST", f"/providers/{body}/attributes", data=b"{", content_type="x/y")
    assert bad.status_code == 401


def test_a_body_that_does_not_exist_looks_like_somebody_elses(service, registrar, rui):
    refused(upsert(registrar, "no-such-body", entry(rui.account)), 403, "client.not_permitted")
    ghost = maintainer(service, "ghost")
    for call in ("list", "upsert", "upload", "withdraw"):
        refused(calls_of("ghost", rui.account)[call](ghost), 404, "not_found")


def test_a_suspended_body_takes_nothing_new(service, registrar, body, rui):
    service.commands.set_up_provider.set_state(body, ProviderState.SUSPENDED, actor="tests")
    refused(upsert(registrar, body, entry(rui.account)), 409, "conflict")


def test_another_bodys_attribute_cannot_be_withdrawn_under_ones_own_name(
    service, registrar, body, rui
):
    theirs = unique("outra")
    provider = Provider(id=theirs, name="Outra", name_en="Other", uri="https://o.example.org")
    service.commands.set_up_provider.create(provider, actor="tests")
    upsert(registrar, body, entry(rui.account))
    (held,) = listed(registrar, body)["attributes"]
    stranger = maintainer(service, theirs)
    path = f"/providers/{theirs}/attributes/{held['id']}?reason=resigned"
    refused(stranger.call("DELETE", path), 404, "not_found")
    assert listed(registrar, body)["attributes"] == [held]


def test_a_withdrawal_needs_a_reason_of_one_word(registrar, body, rui):
    upsert(registrar, body, entry(rui.account))
    (held,) = listed(registrar, body)["attributes"]
    for query in ("", "?reason=", "?reason=two%20words"):
        answer = registrar.call("DELETE", f"/providers/{body}/attributes/{held['id']}{query}")
        refused(answer, 400, "request.invalid", "reason")


def demanded(body: str) -> dict:
    return {"required_attributes": [{"provider": body, "role": ROLE}]}


def test_a_withdrawal_stops_a_signature_whose_code_is_already_on_its_way(
    registrar, native, body, newcomer
):
    upsert(registrar, body, entry(newcomer.account))
    signed = native.signed(newcomer, raw(b"before"), **demanded(body))
    assert signed["attributes"][0]["provider"] == body
    started, handle, code = native.asked(newcomer, raw(b"after"), **demanded(body))
    (held,) = listed(registrar, body)["attributes"]
    gone = registrar.call("DELETE", f"/providers/{body}/attributes/{held['id']}?reason=resigned")
    assert gone.status_code == 204
    answer = native.code(started["id"], handle, code)
    problem = refused(answer, 403, "authorisation.refused")
    assert problem["detail"] == "a professional attribute was withdrawn"
    assert native.look(started["id"])["items"][0]["result"] is None
    again = native.pin(native.started(newcomer, **demanded(body))["id"], newcomer.signature_pin)
    refused(again, 403, "attribute_not_held")
    refused(
        registrar.call("DELETE", f"/providers/{body}/attributes/{held['id']}?reason=resigned"),
        404,
        "not_found",
    )


def test_holders_are_told_of_a_role_gained_and_lost(service, registrar, body, newcomer):
    upsert(registrar, body, entry(newcomer.account))
    gained = service.sent(newcomer)
    (held,) = listed(registrar, body)["attributes"]
    registrar.call("DELETE", f"/providers/{body}/attributes/{held['id']}?reason=resigned")
    lost = service.sent(newcomer)
    assert body in gained[-1]
    assert len(lost) == len(gained) + 1
    assert lost[-1] != gained[-1]


def test_relying_parties_read_which_bodies_and_roles_there_are(portal, body):
    answer = portal.call("GET", "/providers")
    (found,) = [one for one in answer.get_json()["providers"] if one["id"] == body]
    assert found == {
        "id": body,
        "name": "Ordem",
        "name_en": "Body",
        "uri": "https://ordem.example.org",
        "state": "active",
        "roles": [{"id": ROLE, "label_pt": "Advogado", "label_en": "Lawyer"}],
    }


def test_the_list_of_bodies_is_for_registered_programs(service):
    stranger = API(service, "nobody", "wrong", service.app)
    refused(stranger.call("GET", "/providers"), 401, "client.unauthenticated")


def test_changes_are_recorded_with_whose_and_how_many(service, registrar, body, rui):
    upsert(registrar, body, entry(rui.account))
    (held,) = listed(registrar, body)["attributes"]
    registrar.call("DELETE", f"/providers/{body}/attributes/{held['id']}?reason=resigned")
    log = service.services.stores.audit_log
    (imported,) = log.search(event="attribute.imported", subject=body)
    facts = json.loads(imported.body)["facts"]
    assert (facts["provider"], facts["attributes"], facts["added"]) == (body, 1, 1)
    (withdrawn,) = log.search(event="attribute.withdrawn", subject=held["id"])
    stored = json.loads(withdrawn.body)
    assert stored["actor"] == registrar.client_id
    assert stored["facts"] == {"provider": body, "attribute": held["id"], "reason": "resigned"}
    assert rui.account.identity.document.number not in imported.body


def test_the_calls_are_in_the_api_description(service):
    paths = service.app.test_client().get("/docs/openapi.json").get_json()["paths"]
    upload_call = paths["/api/v1/providers/{provider}/attributes/import"]["post"]
    assert list(upload_call["requestBody"]["content"]) == ["text/csv"]
    assert {"get", "post"} <= set(paths["/api/v1/providers/{provider}/attributes"])
