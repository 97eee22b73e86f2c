"""A strict public SOAP client over the served descriptions: every operation, every code."""

import base64
import uuid

import pytest
import zeep
from zeep.exceptions import Fault
from zeep.transports import Transport

from signer.domain.account import SigningRestriction
from signer.domain.values import Secret
from tests.fixtures.cmd import LEGACY_PATH, SCMD_PATH, b64, digest_info, sha256

SERVICES = {"legacy": LEGACY_PATH, "scmd": SCMD_PATH}
BASE = "http://localhost"


class InProcess(Transport):
    """Loads and posts through the application itself."""

    def __init__(self, program) -> None:
        super().__init__()
        self.program = program
        self.loaded: list[str] = []

    def load(self, url: str) -> bytes:
        self.loaded.append(url)
        answer = self.program.app.test_client().get(url.removeprefix(BASE))
        assert answer.status_code == 200, url
        return answer.data

    def post(self, address, message, headers):
        assert address.startswith(BASE)
        answer = self.program.at(address.removeprefix(BASE)).post(message, **headers)
        return _Response(answer)


class _Response:
    """What zeep reads of an answer."""

    def __init__(self, answer) -> None:
        self.status_code = answer.status_code
        self.content = answer.data
        self.headers = dict(answer.headers)
        self.encoding = "utf-8"


def client_of(program, path: str, query: str = "wsdl") -> zeep.Client:
    return zeep.Client(f"{BASE}{path}?{query}", transport=InProcess(program))


def is_nil(documents) -> bool:
    """How this client shows a nil list: the bytes are shown in test_cmd_envelopes.py."""
    return documents is None or documents.HashStructure == []


@pytest.fixture(scope="session")
def client(desktop):
    return client_of(desktop, LEGACY_PATH)


@pytest.fixture
def application(desktop) -> bytes:
    return desktop.application_id.encode()


def request(application, citizen, **more):
    return {
        "ApplicationId": application,
        "Pin": citizen.signature_pin,
        "UserId": citizen.phone,
        **more,
    }


@pytest.mark.parametrize("query", ["wsdl", "singleWsdl", "WSDL", "singlewsdl"])
@pytest.mark.parametrize("name", SERVICES)
def test_both_forms_of_both_descriptions_are_read(desktop, name, query):
    client = client_of(desktop, SERVICES[name], query)
    (service,) = client.wsdl.services.values()
    (port,) = service.ports.values()
    common = {"GetCertificate", "GetCertificateWithPin", "ValidateOtp", "ForceSMS"}
    own = {
        "scmd": {"SCMDSign", "SCMDMultipleSign"},
        "legacy": {"CCMovelSign", "CCMovelMultipleSign", "SignDocumentPooling"},
    }
    assert set(port.binding.all()) == common | own[name]
    extra = 0 if query.lower() == "singlewsdl" else 2
    assert len(client.transport.loaded) == 1 + extra


def test_the_description_names_the_address_it_was_asked_at(desktop):
    caller = desktop.app.test_client()
    path = LEGACY_PATH.replace("Ama.", "AMA.")
    text = caller.get(f"{path}?wsdl", base_url="https://cmd.exemplo.test:8443").text
    assert f'<soap:address location="https://cmd.exemplo.test:8443{path}"/>' in text
    assert f'schemaLocation="https://cmd.exemplo.test:8443{path}?xsd=xsd0"' in text
    hostile = caller.get(f"{path}?wsdl", headers={"Host": 'x"><y>&.example'})
    assert "<y>" not in hostile.text
    assert caller.get(path).status_code == 200
    assert caller.get(f"{path}?xsd=xsd9").mimetype == "text/plain"


def test_certificate_signature_and_repetition(client, desktop, application, ana):
    pem = client.service.GetCertificate(application, ana.phone)
    assert pem.count("BEGIN CERTIFICATE") == 3
    begun = client.service.CCMovelSign(
        request(application, ana, DocName="ação.pdf", Hash=digest_info(b"a"),
                IsBiometricValidationEnable=True)
    )  # fmt: skip
    assert (begun.Code, begun.Field, begun.FieldValue) == ("200", None, None)
    waiting = client.service.SignDocumentPooling(application, begun.ProcessId)
    assert (waiting.Status.Code, waiting.Signature) == ("102", None)
    assert client.service.ForceSMS(begun.ProcessId, ana.phone, application).Code == "200"
    code = desktop.code_for(ana)
    done = client.service.ValidateOtp(code, begun.ProcessId, application, isBiometric=False)
    assert done.Status.Code == "200"
    assert len(done.Signature) == 384
    assert is_nil(done.ArrayOfHashStructure)
    assert done.certificate == pem
    polled = client.service.SignDocumentPooling(application, begun.ProcessId)
    assert polled.Signature == done.Signature
    assert (
        client.service.ValidateOtp(code, begun.ProcessId, application).Signature == done.Signature
    )


def test_a_batch(client, desktop, application, ana):
    documents = {
        "HashStructure": [
            {"Hash": digest_info(content), "Name": name, "id": identifier}
            for content, name, identifier in ((b"a", "ção 1", None), (b"b", None, "1"))
        ]
    }
    client.service.GetCertificate(application, ana.phone)
    begun = client.service.CCMovelMultipleSign(request(application, ana), documents)
    assert begun.Code == "200"
    done = client.service.ValidateOtp(desktop.code_for(ana), begun.ProcessId, application)
    found = done.ArrayOfHashStructure.HashStructure
    assert [(one.Name, one.id, len(one.Hash)) for one in found] == [
        ("ção 1", None, 384), (None, "1", 384),
    ]  # fmt: skip
    assert done.Signature is None


def test_a_certificate_with_pin(client, desktop, application, ana):
    begun = client.service.GetCertificateWithPin(application, ana.phone, ana.signature_pin)
    assert begun.Code == "200"
    done = client.service.ValidateOtp(desktop.code_for(ana), begun.ProcessId, application)
    assert done.certificate == client.service.GetCertificate(application, ana.phone)


def make_801(_service, citizen):
    return {"Pin": "".join(str((int(digit) + 1) % 10) for digit in citizen.signature_pin)}


def restrict(to):
    def make(service, citizen):
        service.services.accounts.change.restrict(citizen.account.id, to, actor="officer")
        return {}

    return make


REFUSALS = {
    "800": lambda *_: {"Hash": sha256(b"a")},
    "801": make_801,
    "817": restrict(SigningRestriction.PAUSED),
    "901": restrict(SigningRestriction.CHANGE_PINS),
    "902": restrict(SigningRestriction.CHANGE_SIGNATURE_PIN),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_of_a_signature_parses_in_every_later_answer(
    service, client, application, ana, code
):
    changes = REFUSALS[code](service, ana)
    asked = {**request(application, ana, DocName="x", Hash=digest_info(b"a")), **changes}
    begun = client.service.CCMovelSign(asked)
    assert begun.Code == code
    assert begun.Message
    uuid.UUID(begun.ProcessId)
    for answer in (
        client.service.ValidateOtp("123456", begun.ProcessId, application),
        client.service.SignDocumentPooling(application, begun.ProcessId),
    ):
        assert (answer.Status.Code, answer.Status.ProcessId) == (code, begun.ProcessId)
        assert answer.Status.Message == begun.Message
        assert (answer.Signature, answer.certificate) == (None, None)
        assert is_nil(answer.ArrayOfHashStructure)
    phone = ana.phone
    assert client.service.ForceSMS(begun.ProcessId, phone, application).Code == "200"


def test_codes_of_later_calls_parse(client, desktop, application, ana):
    missing = str(uuid.uuid4())
    assert client.service.ValidateOtp("123456", missing, application).Status.Code == "816"
    assert client.service.ForceSMS(missing, ana.phone, application).Code == "816"
    assert client.service.SignDocumentPooling(application, missing).Status.Code == "816"
    begun = client.service.CCMovelSign(request(application, ana, Hash=digest_info(b"a")))
    wrong = "000000" if desktop.code_for(ana) != "000000" else "000001"
    assert client.service.ValidateOtp(wrong, begun.ProcessId, application).Status.Code == "802"
    unknown = client.service.CCMovelSign(request(b"nobody", ana, Hash=digest_info(b"a")))
    assert unknown.Code == "900"
    assert client.service.GetCertificate(b"nobody", ana.phone) is None
    assert client.service.GetCertificate(application, "+351919999999") is None


def test_faults_are_raised_as_faults(client, service, application, monkeypatch):
    def broken(*_arguments, **_named):
        raise ZeroDivisionError

    monkeypatch.setattr(type(service.services.stores.cmd_processes), "find", broken)
    with pytest.raises(Fault) as fault:
        client.service.ValidateOtp("123456", str(uuid.uuid4()), application)
    assert fault.value.code == "a:InternalServiceFault"
    assert fault.value.detail is None


def test_encrypted_fields_with_addressing_headers(service, desktop, ana):
    """This description makes the client add WS-Addressing headers: they are ignored."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import padding

    from api.wiring.cipher_keys import cipher_key_rotation

    cipher_key_rotation(service.services).ensure(actor="tests")
    published = desktop.app.test_client().get("/certificado/cifra.cer").data
    key = x509.load_pem_x509_certificate(published).public_key()

    def sealed(text: str) -> str:
        return b64(key.encrypt(text.encode(), padding.PKCS1v15()))

    client = client_of(desktop, SCMD_PATH)
    application = desktop.application_id.encode()
    assert client.service.GetCertificate(application, sealed(ana.phone)).count("BEGIN") == 3
    asked = {
        "ApplicationId": application,
        "DocName": "a.pdf",
        "Hash": digest_info(b"a"),
        "Pin": sealed(ana.signature_pin),
        "UserId": sealed(f"+351 {ana.phone[4:]}"),
    }
    begun = client.service.SCMDSign(asked)
    assert begun.Code == "200"
    assert client.service.ForceSMS(begun.ProcessId, sealed(ana.phone), application).Code == "200"
    code = Secret(desktop.code_for(ana)).reveal()
    done = client.service.ValidateOtp(sealed(code), begun.ProcessId, application)
    assert (done.Status.Code, len(done.Signature)) == ("200", 384)
    documents = {"HashStructure": [{"Hash": digest_info(b"a"), "Name": "x", "id": "0"}]}
    del asked["DocName"], asked["Hash"]
    assert client.service.SCMDMultipleSign(asked, documents).Code == "200"
    with_pin = client.service.GetCertificateWithPin(
        application, sealed(ana.phone), sealed(ana.signature_pin)
    )
    assert with_pin.Code == "200"
    # What no key opens is a wrong PIN, a wrong code, nobody: never an answer of its own.
    noise = b64(base64.b64decode(sealed("1"))[::-1])
    for pin, user in ((noise, sealed(ana.phone)), (sealed("1234"), noise), (noise, noise)):
        answer = client.service.GetCertificateWithPin(application, user, pin)
        assert answer.Code in {"801", "900"}
    assert client.service.GetCertificate(application, noise) is None
    begun = client.service.SCMDSign({**asked, "Hash": digest_info(b"a")})
    assert client.service.ValidateOtp(noise, begun.ProcessId, application).Status.Code == "802"
    assert client.service.ForceSMS(begun.ProcessId, noise, application).Code == "816"
