"""The page about audit events and the code say the same."""

import re
from pathlib import Path

import pytest

from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.audit_facts import REQUIRED_FACTS, missing_facts

PAGE = Path(__file__).parents[3] / "docs" / "audit-events.md"


def test_every_event_has_its_row():
    assert set(REQUIRED_FACTS) == set(AuditEvent)


def test_the_page_names_the_facts_of_every_event():
    table, _, _ = PAGE.read_text().partition("\n## ")
    rows = re.findall(r"^\| `([a-z_.]+)` \| [^|]+ \| ([^|]+) \|", table, re.MULTILINE)
    named = {event: tuple(re.findall(r"`(\w+)`", facts)) for event, facts in rows}
    assert named == {event.value: facts for event, facts in REQUIRED_FACTS.items()}


@pytest.mark.parametrize(
    ("outcome", "facts", "missing"),
    [
        pytest.param("ok", {}, ("attempt", "kind"), id="nothing"),
        pytest.param("ok", {"kind": "signature"}, ("attempt",), id="one"),
        pytest.param("ok", {"kind": "signature", "attempt": "a", "more": 1}, (), id="more"),
        pytest.param("locked", {}, (), id="refusal"),
    ],
)
def test_missing_facts_are_named(outcome, facts, missing):
    record = AuditRecord(event=AuditEvent.PIN_VERIFIED, outcome=outcome, facts=facts)
    assert missing_facts(record) == missing
