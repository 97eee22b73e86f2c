"""What a request may demand and a professional body may state."""

from datetime import UTC, datetime

import pytest

from signer.domain.attribute import RequiredAttribute
from signer.domain.errors import InvalidRequestError
from signer.domain.professional_body import AttributeEntry, Provider, required_attributes

ONE = {"provider": "ordem", "role": "advogado"}
START = "required_attributes"


def test_demands_are_read_in_order_with_sorted_sub_attributes():
    value = [{**ONE, "sub_attributes": {"b": "2", "a": "1"}}, {**ONE, "role": "juiz"}]
    assert required_attributes(value) == (
        RequiredAttribute("ordem", "advogado", (("a", "1"), ("b", "2"))),
        RequiredAttribute("ordem", "juiz"),
    )
    assert required_attributes(None) == ()
    assert required_attributes([]) == ()


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({}, START, id="no list"),
        pytest.param([{**ONE, "role": f"r{n}"} for n in range(9)], START, id="nine"),
        pytest.param([ONE, ONE], START, id="twice"),
        pytest.param(["x"], f"{START}[0]", id="no object"),
        pytest.param([ONE, {**ONE, "x": 1}], f"{START}[1]", id="unknown member"),
        pytest.param([{"role": "r"}], f"{START}[0].provider", id="no provider"),
        pytest.param([{**ONE, "role": 1}], f"{START}[0].role", id="number"),
        pytest.param([{**ONE, "role": "Á"}], f"{START}[0].role", id="accent"),
        pytest.param([{**ONE, "role": "r" * 65}], f"{START}[0].role", id="long"),
        pytest.param(
            [{**ONE, "sub_attributes": []}], f"{START}[0].sub_attributes", id="list of subs"
        ),
        pytest.param(
            [{**ONE, "sub_attributes": {"a": 1}}], f"{START}[0].sub_attributes", id="number sub"
        ),
        pytest.param(
            [{**ONE, "sub_attributes": {"A": "1"}}], f"{START}[0].sub_attributes", id="sub name"
        ),
        pytest.param(
            [{**ONE, "sub_attributes": {"a": "x" * 201}}],
            f"{START}[0].sub_attributes.a",
            id="long sub",
        ),
        pytest.param(
            [{**ONE, "sub_attributes": {"a": "x\ny"}}],
            f"{START}[0].sub_attributes.a",
            id="two lines",
        ),
        pytest.param(
            [{**ONE, "sub_attributes": {f"a{n}": "1" for n in range(17)}}],
            f"{START}[0].sub_attributes",
            id="many subs",
        ),
    ],
)
def test_a_malformed_demand_is_refused_naming_its_path(value, field):
    with pytest.raises(InvalidRequestError) as refused:
        required_attributes(value)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"holder_key": "12345678"}, "holder_key"),
        ({"role": ""}, "role"),
        ({"reference": "ã"}, "reference"),
        ({"sub_attributes": (("a", "1"), ("a", "2"))}, "sub_attributes"),
        ({"valid_until": datetime(2026, 1, 1, tzinfo=UTC)}, "valid_until"),
    ],
)
def test_a_malformed_statement_is_refused(changes, field):
    values = {
        "role": "advogado",
        "holder_key": "BIPT-1",
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "valid_until": datetime(2026, 1, 2, tzinfo=UTC),
    }
    with pytest.raises(InvalidRequestError) as refused:
        AttributeEntry(**{**values, **changes})
    assert refused.value.field == field


@pytest.mark.parametrize("field", ["id", "name", "name_en", "uri"])
def test_a_malformed_body_is_refused(field):
    values = {"id": "o", "name": "O", "name_en": "O", "uri": "https://o.example/"}
    with pytest.raises(InvalidRequestError) as refused:
        Provider(**{**values, field: "\n"})
    assert refused.value.field == field
