"""The archive of CMD calls on both databases: what is kept, what is not, for how long."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from lxml.etree import fromstring

from api.cli import archive as command
from api.cmd.archive import RedactingArchive
from api.cmd.needs import Exchange
from api.cmd.redaction import redacted_answer, redacted_request
from signer.adapters.store.archive import SQLArchive
from signer.domain.cmd_archive import RETENTION
from signer.domain.errors import StoreUnavailableError

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SECRETS = ("+351910000001", "739155", "493018", "f3b1f5fa-5f0f-4e4c-9f6d-0d7f7c0e3a11", "c3VyZQ==")
SIGN = f"""<e:Envelope xmlns:e="{SOAP}"><e:Header><t:Security xmlns:t="urn:t"><t:Password>739155
</t:Password></t:Security></e:Header><e:Body><n:CCMovelSign xmlns:n="urn:n"><n:request>
<ApplicationId>YQ==</ApplicationId><DocName>contrato &amp; \u201cfim\u201d.pdf</DocName>
<Hash>MDEyMw==</Hash><Pin>739155</Pin><UserId>+351910000001</UserId>
<CertificateNumber>739155</CertificateNumber></n:request></n:CCMovelSign></e:Body></e:Envelope>"""
OTP = f"""<e:Envelope xmlns:e="{SOAP}"><e:Body><ValidateOtp><code>493018</code>
<processId>f3b1f5fa-5f0f-4e4c-9f6d-0d7f7c0e3a11</processId><applicationId>YQ==</applicationId>
</ValidateOtp></e:Body></e:Envelope>"""
ANSWER = f"""<s:Envelope xmlns:s="{SOAP}"><s:Body><ValidateOtpResponse><ValidateOtpResult>
<Signature>c2lnbmF0dXJl</Signature><Status><Code>200</Code><Field/><FieldValue>+351910000001
</FieldValue><Message>OK</Message><ProcessId>f3b1f5fa-5f0f-4e4c-9f6d-0d7f7c0e3a11</ProcessId>
</Status><certificate>-----BEGIN CERTIFICATE-----</certificate></ValidateOtpResult>
</ValidateOtpResponse></s:Body></s:Envelope>"""


@pytest.fixture
def store(database):
    return SQLArchive(database)


@pytest.fixture
def exchange(clock):
    def exchange(**changes):
        given = {
            "service": "SCMDService",
            "operation": "ValidateOtp",
            "application": "desktop",
            "transaction": "7d3b9e9a-2f41-4f57-8c9e-1a2b3c4d5e6f",
            "request": OTP.encode(),
            "response": ANSWER.encode(),
            "at": clock.now(),
        }
        return Exchange(**{**given, **changes})

    return exchange


@pytest.mark.parametrize(
    "text",
    [
        redacted_request(SIGN.encode()),
        redacted_request(OTP.encode()),
        redacted_answer(ANSWER.encode()),
    ],
    ids=["sign", "otp", "answer"],
)
def test_nothing_secret_is_kept_wherever_it_stands(text):
    assert [secret for secret in SECRETS if secret in text] == []


def test_what_was_asked_and_answered_is_kept():
    asked = fromstring(redacted_request(SIGN.encode()))
    assert asked.tag == "CCMovelSign"
    assert asked.findtext("request/DocName") == "contrato & \u201cfim\u201d.pdf"
    assert asked.findtext("request/Hash") == "MDEyMw=="
    assert asked.findtext("request/CertificateNumber") == "***"
    answered = fromstring(redacted_answer(ANSWER.encode()))
    assert answered.findtext("ValidateOtpResult/Signature") == "c2lnbmF0dXJl"
    assert answered.findtext("ValidateOtpResult/Status/Code") == "200"
    assert answered.findtext("ValidateOtpResult/certificate").startswith("sha256:")


@pytest.mark.parametrize("body", [b"", b"739155", b"<!DOCTYPE a>", b"<a>", b"\xff\xfe"])
def test_what_cannot_be_read_is_not_kept(body):
    assert redacted_request(body) == "<unreadable/>"


def test_calls_come_back_oldest_first_and_by_client(store, exchange, clock):
    archive = RedactingArchive(store)
    for number in range(1203):
        clock.advance(seconds=1)
        archive.keep(exchange(application=f"client-{number % 2}", at=clock.now()))
    start = clock.now() - timedelta(days=1)
    end = clock.now() + timedelta(seconds=1)
    kept = list(store.between(start, end))
    assert len(kept) == 1203
    assert [one.at for one in kept] == sorted(one.at for one in kept)
    assert len({one.id for one in kept}) == 1203
    assert {one.client for one in store.between(start, end, client="client-1")} == {"client-1"}
    assert list(store.between(start, clock.now(), client="client-0"))[-1].at < clock.now()


def test_many_of_one_moment_all_come_back(store, exchange):
    archive = RedactingArchive(store)
    one = exchange()
    for _ in range(1001):
        archive.keep(one)
    found = list(store.between(one.at, one.at + timedelta(microseconds=1)))
    assert len({kept.id for kept in found}) == 1001


def test_ten_years_are_kept_and_no_more(store, exchange, clock):
    archive = RedactingArchive(store)
    archive.keep(exchange(at=clock.now() - RETENTION - timedelta(seconds=1)))
    archive.keep(exchange(at=clock.now() - RETENTION + timedelta(seconds=1)))
    assert store.purge(clock.now() - RETENTION) == 1
    assert store.purge(clock.now() - RETENTION) == 0
    assert timedelta(days=3652) <= RETENTION


def test_a_call_never_fails_because_of_the_archive(exchange):
    class Away:
        def add(self, _exchange):
            raise StoreUnavailableError

    RedactingArchive(Away()).keep(exchange())


def test_the_export_is_json_lines_and_audited(store, exchange, clock, tmp_path, monkeypatch):
    records = []
    stores = SimpleNamespace(
        archive=store, clock=clock, audit_log=SimpleNamespace(record=records.append)
    )
    monkeypatch.setattr(command, "open_services", lambda: SimpleNamespace(stores=stores))
    RedactingArchive(store).keep(exchange())
    clock.advance(seconds=1)
    file = tmp_path / "calls.jsonl"
    done = CliRunner().invoke(command.command, ["export", str(file), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["calls"]) == (0, 1)
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["operation"] == "ValidateOtp"
    assert file.stat().st_mode & 0o777 == 0o600
    assert records[0].facts["reason"] == "cmd-archive"
    assert CliRunner().invoke(command.command, ["export", str(file)]).exit_code == 1
    wrong = CliRunner().invoke(command.command, ["export", str(tmp_path / "b"), "--since", "soon"])
    assert wrong.exit_code == 2
