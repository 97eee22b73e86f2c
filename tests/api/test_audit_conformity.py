"""A day of the whole service, and what its audit says about it afterwards."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from api.cli import audit as audit_command
from api.wiring.audit_key import HSMAuditSigner
from api.wiring.process_life import record_started, record_stopped
from signer.adapters.signature_check import verifies
from signer.audit.checkpointing import MakeCheckpoint
from signer.audit.evidence import CollectEvidence
from signer.audit.evidence_check import verify_evidence
from signer.audit.export import ExportAudit
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.audit_facts import missing_facts
from signer.domain.client import ClientLimits, ClientPolicy
from signer.domain.values import ClientId, Secret
from signer.operations.signing.ending import SigningHousekeeping
from tests.fixtures.clock import FixedClock
from tests.fixtures.service import (
    BODY,
    BOTH,
    CANARY_AUTHENTICATION_PIN,
    CANARY_SIGNATURE_PIN,
    ROLE,
    Browser,
    Citizen,
    Service,
    a_pdf,
    build_service,
    hashed,
    other_code,
    raw,
    settings_for,
    whole,
)

NEW_SIGNATURE_PIN, NEWEST_SIGNATURE_PIN, NEW_AUTHENTICATION_PIN = "640917", "285731", "917346"
ROLE_DEMANDED = {"required_attributes": [{"provider": BODY, "role": ROLE}]}

WRONG = "wrong-secret"  # pragma: allowlist secret


@dataclass
class Day:
    """What happened, by the service's own words and by ours."""

    service: Service
    secrets: set[str] = field(default_factory=set)
    signed: list[str] = field(default_factory=list)
    """Public ids of the transactions whose signature was released."""
    records: list[dict] = field(default_factory=list)

    def of(self, transaction: str) -> list[dict]:
        return [one for one in self.records if one["transaction"] == transaction]

    def events(self) -> set[str]:
        return {one["event"] for one in self.records}


def _sign(day: Day, api, citizen: Citizen, *items: dict, **changes: object) -> None:
    started, handle, code = api.asked(citizen, *items, **changes)
    day.secrets |= {handle, code, started["authorisation_url"].rsplit("/", 1)[1]}
    answer = api.code(started["id"], handle, code)
    assert answer.status_code == 200, answer.text
    day.signed.append(started["id"])


def _signatures(day: Day, lawyer: Citizen, citizen: Citizen) -> None:
    native = day.service.api("native")
    _sign(day, native, lawyer, whole("pades", a_pdf(), "B-T"), **ROLE_DEMANDED)
    _sign(day, native, lawyer, *(raw(bytes([n])) for n in range(5)))
    _sign(day, native, citizen, hashed("cades-digest", b"x", "B-T"), hashed("pades-digest", b"y"))
    # Over another channel after a resend.
    started, handle, code = native.asked(citizen, raw(b"resent"))
    body = {"handle": handle, "channel": "email"}
    resent = native.call("POST", f"/signatures/{started['id']}/resend", body)
    assert resent.status_code == 200, resent.text
    code = day.service.email_code(citizen)
    handle = resent.get_json()["handle"]
    day.secrets |= {handle, code}
    assert native.code(started["id"], handle, code).status_code == 200
    day.signed.append(started["id"])
    # On our page.
    started = day.service.api("portal").started(citizen, raw(b"page"))
    browser = Browser(day.service.app)
    browser.open(started["authorisation_url"])
    browser.submit(browser.path + "/pin", pin=citizen.signature_pin)
    browser.submit(browser.path.removesuffix("/pin") + "/code", code=_code(day, citizen))
    assert day.service.transaction(started["id"]).state.value == "signed", browser.page
    day.signed.append(started["id"])


def _code(day: Day, citizen: Citizen) -> str:
    code = day.service.code(citizen.phone)
    day.secrets.add(code)
    return code


def _refusals(day: Day, citizen: Citizen) -> None:
    service = day.service
    native, portal = service.api("native"), service.api("portal")
    started, handle, code = native.asked(citizen, raw(b"wrong code"))
    day.secrets |= {handle, code}
    assert native.code(started["id"], handle, other_code(code)).status_code == 403
    assert native.code(started["id"], handle[:-1] + "A", code).status_code == 403
    assert native.call("DELETE", f"/signatures/{started['id']}").status_code == 204
    started = native.started(citizen, raw(b"role"), **ROLE_DEMANDED)
    assert native.pin(started["id"], citizen.signature_pin).status_code == 403
    refused = portal.started(citizen, raw(b"refused"))
    browser = Browser(service.app)
    browser.open(refused["authorisation_url"])
    browser.submit(browser.path + "/pin", answer="refuse")
    assert service.transaction(refused["id"]).state.value == "refused", browser.page
    assert replace(native, client_secret=WRONG).call("GET", "/providers").status_code == 401
    assert portal.call("GET", f"/providers/{BODY}/attributes").status_code == 403
    # Locked by wrong PINs, told to its owner.
    locked = service.enrol()
    patient = replace(native, app=service.variant(limit_pin_delays_seconds="0").app)
    for _ in range(6):
        assert patient.pin(native.started(locked)["id"], "000111").status_code == 403


def _account_life(day: Day) -> None:
    service = day.service
    accounts = service.services.accounts
    person = service.enrol()
    page, phone = ClientId("page-tests"), person.phone
    authentication = CANARY_AUTHENTICATION_PIN

    def admitted(action: str, pin: str):
        admission = accounts.admit(phone, Secret(pin), action, client=page)
        return admission, Secret(_code(day, person))

    accounts.change_pin.signature(
        *admitted("signature-pin", authentication),
        Secret(CANARY_SIGNATURE_PIN),
        Secret(NEW_SIGNATURE_PIN),
    )
    accounts.change_pin.authentication(
        *admitted("authentication-pin", authentication),
        Secret(authentication),
        Secret(NEW_AUTHENTICATION_PIN),
    )
    forgotten = replace(
        accounts.forgotten, rules=replace(accounts.forgotten.rules, recovery_wait=timedelta(0))
    )
    forgotten.request(*admitted("forgotten", NEW_AUTHENTICATION_PIN))
    forgotten.complete(*admitted("recover", NEW_AUTHENTICATION_PIN), Secret(NEWEST_SIGNATURE_PIN))
    officer = service.api("officer")
    path = f"/citizens/{person.account.id}"
    for act, body in (
        ("suspend", None), ("resume", None), ("phone", {"phone": "+351930000001"}), ("close", None),
    ):  # fmt: skip
        answer = officer.call("POST", f"{path}/{act}", body)
        assert answer.status_code == 200, (act, answer.text)
        if act == "phone":
            day.secrets.add(answer.get_json()["link"]["url"].rsplit("/", 1)[1])
    again = {
        "given_name": "Maria", "surname": "Exemplo", "birth_date": "1980-01-02",
        "document": {"type": "BI", "number": "10000001", "expires_on": "2039-12-31"},
        "phone": "+351930000002",
    }  # fmt: skip
    assert officer.call("POST", "/citizens", again).status_code == 409


def _programs_and_bodies(day: Day, lawyer: Citizen) -> None:
    service, commands = day.service, day.service.commands
    body = service.register(
        "registrar",
        policies=frozenset({ClientPolicy.MAY_MAINTAIN_ATTRIBUTES}),
        providers=frozenset({BODY}),
    )
    number = lawyer.account.identity.document.number
    statement = {
        "document": {"type": "BI", "number": number}, "role": ROLE, "reference": "2",
        "valid_from": "2020-01-01", "valid_until": "2039-12-31",
    }  # fmt: skip
    path = f"/providers/{BODY}/attributes"
    assert body.call("POST", path, {"attributes": [statement]}).status_code == 200
    for held in body.call("GET", path).get_json()["attributes"]:
        assert body.call("DELETE", f"{path}/{held['id']}?reason=resigned").status_code == 204
    program = service.register("spare")
    client = commands.find_clients.one(ClientId("spare"))
    changed = replace(client, limits=ClientLimits(failures_per_hour=3))
    commands.change_client(client, changed, actor="operator")
    secret = commands.rotate_secret(client.id, overlap=timedelta(0), actor="operator")
    day.secrets |= {secret.reveal(), program.client_secret}
    commands.suspend_client(client.id, reason="compromised", actor="operator")
    commands.resume_client(client.id, actor="operator")


def _housekeeping(day: Day, citizen: Citizen) -> None:
    service = day.service
    started, handle, _ = service.api("native").asked(citizen, raw(b"late"))
    day.secrets |= {handle, _code(day, citizen)}
    keeping = service.services.signing.housekeeping
    assert isinstance(keeping, SigningHousekeeping)
    later = FixedClock(service.services.stores.clock.now() + timedelta(hours=2))
    assert replace(keeping, clock=later).expire() >= 1
    assert service.transaction(started["id"]).state.value == "expired"
    service.services.accounts.issue.all_waiting()
    service.services.accounts.tell()


def _receipts(day: Day, transaction: str) -> None:
    variant = day.service.variant(sms_receipt_token="receipts-token-77c1")
    (message, *_) = variant.services.stores.outbox.deliveries(transaction)
    report = {"id": message.receipt, "status": "delivered"}
    headers = {"Authorization": "Bearer receipts-token-77c1"}
    answer = variant.app.test_client().post("/api/v1/receipts/sms", json=report, headers=headers)
    assert answer.status_code == 204


@pytest.fixture(scope="module")
def day(tokens, tmp_path_factory) -> Day:
    """Everything, once, on an installation of its own."""
    environment = settings_for(tokens, tmp_path_factory.mktemp("conformity") / "var")
    service = build_service(environment)
    day = Day(service)
    record_started(service.services, "tests")
    lawyer = service.enrol("lawyer", algorithms=BOTH)
    citizen = service.enrol("citizen")
    service.grant_role(lawyer)
    _signatures(day, lawyer, citizen)
    _refusals(day, citizen)
    _account_life(day)
    _programs_and_bodies(day, lawyer)
    _housekeeping(day, citizen)
    service.deliver()
    _receipts(day, day.signed[0])
    record_stopped(service.services, "tests")
    _checkpoint(service)
    found = service.services.stores.audit_log.search(limit=10_000)
    day.records = [json.loads(one.body) for one in reversed(found)]
    day.secrets |= set(service.secrets.values()) | {
        CANARY_SIGNATURE_PIN, CANARY_AUTHENTICATION_PIN, NEW_SIGNATURE_PIN, NEWEST_SIGNATURE_PIN,
        NEW_AUTHENTICATION_PIN, "000111",
    }  # fmt: skip
    for one in service.sms.messages + service.email.messages:
        if one.code is not None:
            day.secrets.add(one.code.reveal())
    yield day
    service.services.stores.database.dispose()


def _checkpoint(service: Service) -> None:
    services = service.services
    signer = HSMAuditSigner(services.device.sam.audit_key)
    make = MakeCheckpoint(
        services.stores.audit_log, signer, services.trust.timestamps, verifies,
        services.stores.clock,
    )  # fmt: skip
    assert make(force=True) is not None


def test_the_day_was_full(day):
    expected = {
        "service.started", "service.stopped", "client.created", "client.changed", "client.refused",
        "account.created", "account.changed", "account.refused", "account.link_issued",
        "account.link_used", "account.terms_accepted", "pin.set", "pin.changed", "pin.attempted",
        "pin.verified", "pin.failed", "pin.locked", "code.sent", "code.delivered",
        "code.attempted", "code.verified", "code.failed", "key.generated", "key.resealed",
        "key.destroyed", "certificate.issued", "certificate.status_changed",
        "transaction.created", "transaction.shown", "transaction.asked", "transaction.refused",
        "transaction.cancelled", "transaction.expired",
        "signature.intended", "signature.made", "signature.released", "attribute.imported",
        "attribute.withdrawn", "attribute.asserted", "notice.sent", "attribute.body_changed",
    }  # fmt: skip
    assert expected - day.events() == set()


def test_no_record_misses_a_fact(day):
    missing = {}
    for one in day.records:
        record = AuditRecord(
            event=AuditEvent(one["event"]), outcome=one["outcome"], facts=one["facts"]
        )
        found = missing_facts(record)
        if found:
            missing.setdefault(one["event"], (found, one["facts"]))
    assert missing == {}


def test_no_record_holds_a_secret_or_a_person(day):
    people = {"Maria", "Exemplo", "1980-01-02"}
    for citizen in day.service.citizens.values():
        identity = citizen.account.identity
        people |= {citizen.phone, citizen.phone.removeprefix("+351"), identity.email}
        people.add(identity.document.number)
    banned = "|".join(re.escape(word) for word in sorted(day.secrets | people))
    words = re.compile(rf"(?<![0-9A-Za-z])(?:{banned})(?![0-9A-Za-z])")
    long = {one for one in day.secrets if len(one) >= 12}
    for one in day.records:
        body = json.dumps(one, ensure_ascii=False)
        assert words.search(body) is None, one["event"]
        assert [word for word in long if word in body] == [], one["event"]
        assert re.search(r"\+351\d", body) is None, one["event"]


def test_every_signature_was_intended_made_and_released_in_this_order(day):
    assert len(day.signed) == 5
    for transaction in day.signed:
        events = [one["event"] for one in day.of(transaction)]
        steps = [event for event in events if event.startswith("signature.")]
        assert steps == ["signature.intended", "signature.made", "signature.released"]
        before = events[: events.index("signature.intended")]
        assert {"transaction.created", "transaction.asked", "pin.verified"} <= set(before)
        assert events.index("pin.verified") < events.index("transaction.asked")
        assert "code.attempted" in before
        assert "code.verified" in events


def test_no_signature_without_intent(day):
    made = {one["transaction"] for one in day.records if one["event"] == "signature.made"}
    assert made == set(day.signed)


def test_the_record_of_a_signature_says_which_attribute_and_who_confirmed_it(day):
    (asserted,) = [one for one in day.of(day.signed[0]) if one["event"] == "attribute.asserted"]
    assert (asserted["facts"]["provider"], asserted["facts"]["role"]) == (BODY, ROLE)
    assert asserted["facts"]["form"] == "certified"


def test_evidence_of_every_signature_is_complete_and_accepted(day):
    services = day.service.services
    key = HSMAuditSigner(services.device.sam.audit_key).public_key_der
    collect = CollectEvidence(services.stores.audit_log)
    for number, transaction in enumerate(day.signed):
        text = collect(transaction, actor="auditor").to_json()
        report = verify_evidence(text, verifies, trusted_keys_der=(key,))
        assert report.problems == ()
        assert report.keys_trusted
        assert report.is_stamped
        content = json.loads(text)
        assert content["unanswered"] == []
        arrived = [one["outcome"] for one in content["answers"]["delivery"]]
        assert "arrived" in arrived or number
        forged = text.replace('"outcome":"ok"', '"outcome":"no"', 1)
        assert verify_evidence(forged, verifies, trusted_keys_der=(key,)).problems


def test_an_export_is_accepted_by_the_command_and_a_changed_one_is_not(day, tmp_path):
    services = day.service.services
    key = tmp_path / "audit.der"
    key.write_bytes(HSMAuditSigner(services.device.sam.audit_key).public_key_der)
    root = day.service.root_pem(tmp_path)
    exported = ExportAudit(services.stores.audit_log, services.stores.clock)(
        tmp_path / "export", actor="auditor", reason="yearly"
    )
    arguments = ["verify", str(exported.path), "--key", str(key), "--tsa", str(root), "--json"]
    done = CliRunner().invoke(audit_command.command, arguments)
    assert done.exit_code == 0, done.output
    records = exported.path / "records" / "000001.jsonl"
    assert "signature.made" in records.read_text()
    records.write_text(records.read_text().replace("signature.made", "signature.mode", 1))
    assert CliRunner().invoke(audit_command.command, arguments).exit_code == 1
