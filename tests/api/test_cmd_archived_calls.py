"""What the CMD services keep of a conversation, through the doors themselves."""

from datetime import timedelta

from lxml import etree

from tests.fixtures.cmd import SCMD_PATH, register


def kept(service, program):
    stores = service.services.stores
    now = stores.clock.now()
    found = stores.archive.between(
        now - timedelta(hours=1), now + timedelta(seconds=5), client=client_of(service, program)
    )
    return list(found)


def client_of(service, program):
    found = service.services.stores.applications.by_application_id(program.application_id)
    return found.client.id


def test_a_conversation_is_kept_without_its_secrets(service, ana):
    program = register(service)
    program.certificate(ana.phone)
    begun = program.sign(ana, DocName="contrato é.pdf")
    code = program.code_for(ana)
    program.poll(begun.process_id)
    signed = program.validate(begun.process_id, code)
    assert signed.code == "200"
    calls = kept(service, program)
    assert [one.operation for one in calls] == [
        "GetCertificate", "CCMovelSign", "SignDocumentPooling", "ValidateOtp",
    ]  # fmt: skip
    transactions = {one.transaction for one in calls[1:]}
    assert len(transactions) == 1
    assert service.transaction(transactions.pop()).signer == ana.account.id
    asked = etree.fromstring(calls[1].request)
    assert asked.findtext("request/DocName") == "contrato é.pdf"
    answered = etree.fromstring(calls[3].response)
    assert answered.findtext("ValidateOtpResult/Signature") == signed.one("Signature")
    everything = "".join(one.request + one.response for one in calls)
    for secret in (
        ana.signature_pin, code, ana.phone, begun.process_id, program.password, program.username,
    ):  # fmt: skip
        assert secret not in everything


def test_wrong_calls_are_kept_too(service, ana):
    program = register(service)
    program.sign(ana, pin="918273")
    program.call("Nothing", "<x>918273</x>")
    program.at(SCMD_PATH).post(b"<not-soap>918273</not-soap>")
    calls = kept(service, program)
    assert calls[0].operation == "CCMovelSign"
    assert etree.fromstring(calls[0].response).findtext(".//Code") == "801"
    assert "918273" not in "".join(one.request + one.response for one in calls)
