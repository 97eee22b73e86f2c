"""The README of the CMD services: its envelopes work in their order, its tables are complete."""

import re
import string
from dataclasses import replace

import pytest
from lxml import etree

from api.cli.tree import ROOT
from api.cmd.calls import Calls
from api.cmd.errors import CODES, NOT_YET, OK
from signer.domain.cmd_application import BareHash, BasicRule
from tests.fixtures.cmd import Reply, b64, digest_info

README = (ROOT / "api" / "cmd" / "README.md").read_text()
ENVELOPES = re.findall(r"```xml\n(.*?)```", README, re.DOTALL)


def operation_of(envelope: str) -> str:
    body = etree.fromstring(envelope)[0]
    return etree.QName(body[0]).localname


def test_every_envelope_works_in_its_order(service, desktop, ana):
    patient = service.variant(limit_resend_interval_seconds=0)
    desktop = replace(desktop, service=patient, app=patient.app)
    values = {
        "APPLICATION": desktop.encoded_id,
        "PHONE": ana.phone,
        "PIN": ana.signature_pin,
        "HASH": b64(digest_info(b"contrato")),
    }
    codes = {}
    for envelope in ENVELOPES:
        text = string.Template(envelope).substitute(values)
        reply = Reply(desktop.post(text.encode()))
        operation = operation_of(envelope)
        assert reply.http.status_code == 200, reply.xml
        if operation == "GetCertificate":
            assert reply.one("GetCertificateResult").count("BEGIN CERTIFICATE") == 3
            continue
        codes[operation] = reply.code
        if operation.endswith(("Sign", "SMS", "WithPin")):
            values |= {"PROCESS": reply.process_id, "CODE": service.code(ana.phone)}
    assert codes.pop("SignDocumentPooling") == NOT_YET
    assert set(codes.values()) == {OK}
    assert len(reply.one("Signature")) == 512


def test_there_is_an_envelope_for_every_operation():
    shown = {operation_of(envelope) for envelope in ENVELOPES}
    assert len(shown) == len(ENVELOPES) == 7
    assert all(Calls.knows(operation) for operation in shown)


def test_every_operation_and_every_code_is_in_its_table():
    operations, _, _ = README.partition("## Operations")[2].partition("\n## ")
    table = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", operations, re.MULTILINE)
    assert {name for row in table for name in row} == {
        "GetCertificate", "GetCertificateWithPin", "SCMDSign", "CCMovelSign", "SCMDMultipleSign",
        "CCMovelMultipleSign", "ValidateOtp", "ForceSMS", "SignDocumentPooling",
    }  # fmt: skip
    told = set(re.findall(r"^\| `(\d{3})` \|", README, re.MULTILINE))
    assert told == {*CODES.values(), OK, NOT_YET}


@pytest.mark.parametrize("rule", [*BasicRule, *BareHash])
def test_every_rule_is_named(rule):
    assert f"`{rule.value}`" in README
