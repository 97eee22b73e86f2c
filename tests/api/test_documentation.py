"""``/docs``: a valid OpenAPI 3.1 document of every call, and a page that needs nobody else."""

import re

from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.routing import Rule

SUCCESS = re.compile(r"2\d\d")


def document(service):
    answer = service.app.test_client().get("/docs/openapi.json")
    assert answer.status_code == 200
    return answer.get_json()


def test_the_document_is_valid(service):
    told = document(service)
    assert told["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(told).iter_errors()) == []


def templated(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def test_every_call_is_documented_with_what_it_answers(service):
    paths = document(service)["paths"]
    for rule in service.app.url_map.iter_rules():
        # Delivery reports are between us and one gateway, in its own form.
        if not rule.rule.startswith("/api/v1") or rule.rule.startswith("/api/v1/receipts"):
            continue
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            operation = paths[templated(rule)][method.lower()]
            assert operation["summary"], rule
            answers = operation["responses"]
            assert any(SUCCESS.fullmatch(status) for status in answers), (rule, list(answers))
            # Keys are for everybody; devices show theirs by a signature in the body.
            if rule.rule != "/api/v1/keys" and not rule.rule.startswith("/api/v1/approvals"):
                assert "401" in answers, rule
                assert operation["security"] == [{"client": []}], rule
            for status, answer in answers.items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], rule


def test_members_are_explained(service):
    schemas = document(service)["components"]["schemas"]
    assert "ValidationErrorModel" not in schemas
    assert "may_carry_pin" in schemas["PINIn"]["description"]
    assert "page" in schemas["SignatureIn"]["properties"]["redirect_url"]["description"]


def test_the_page_names_every_call_and_loads_nothing_from_elsewhere(service):
    answer = service.app.test_client().get("/docs/")
    assert answer.status_code == 200
    for path in document(service)["paths"]:
        assert path in answer.text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert loaded
    assert [url for url in loaded if "//" in url] == []
    assert "<script" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    targets = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert targets <= set(re.findall(r'id="([^"]+)"', answer.text))
