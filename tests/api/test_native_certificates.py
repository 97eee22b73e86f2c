"""``GET /certificates``: a look-up that is an oracle by nature, so it is capped."""

import base64
from itertools import pairwise

import pytest
from cryptography import x509

from api.wiring.services import LOOKUPS_PER_HOUR
from tests.fixtures.service import unique


def look(api, phone):
    return api.call("GET", "/certificates", query_string={"phone": phone})


def test_chains_come_leaf_first_and_verify(portal, maria):
    answer = look(portal, maria.phone)
    assert answer.status_code == 200
    found = answer.get_json()["certificates"]
    assert {one["key_algorithm"] for one in found} == {"rsa-3072", "p-256"}
    for one in found:
        chain = [x509.load_der_x509_certificate(base64.b64decode(der)) for der in one["chain"]]
        for child, parent in pairwise(chain):
            child.verify_directly_issued_by(parent)
        names = chain[0].subject.rfc4514_string()
        assert "Maria" in names


def test_unknown_and_without_certificate_look_alike(portal):
    answer = look(portal, "+351939999997")
    assert (answer.status_code, answer.get_json()) == (200, {"certificates": []})


@pytest.mark.parametrize("phone", ["", "x", "abc12", "+", "1" * 21])
def test_what_is_no_phone_is_named(portal, phone):
    answer = look(portal, phone)
    assert (answer.status_code, answer.get_json()["field"]) == (400, "phone")


def test_the_number_of_distinct_phones_an_hour_is_limited(service, maria):
    api = service.register(unique())
    answers = [look(api, f"+35193{number:07d}").status_code for number in range(LOOKUPS_PER_HOUR)]
    assert set(answers) == {200}
    assert look(api, "+351930000000").status_code == 200, "a phone asked before is not counted"
    refused = look(api, maria.phone)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) > 0
