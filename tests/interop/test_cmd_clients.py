"""Programs of others sign at the served demo: a strict SOAP client, and the public CMD-SOAP one.

Set ``CMD_SOAP_SRC`` to the folder with its two ``.py`` files, and ``CMD_SOAP_PYTHON`` to an
interpreter that has its packages (zeep, pem, pyOpenSSL, pycryptodome) when ours has not.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest
import requests
import zeep
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from zeep.transports import Transport

from tests.fixtures.installations import Installation, served

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]

FOLDER = "/Ama.Authentication.Frontend"
SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
RUNNER = Path(__file__).with_name("cmd_soap_runner.py")
PATIENCE = 60


class Demo:
    """The served demo as its clients see it."""

    def __init__(self, var: Path) -> None:
        self.facts = json.loads((var / "demo" / "demo.json").read_text())

    def citizen(self, key: str) -> dict:
        return self.facts["citizens"][key]

    def messages(self, citizen: dict) -> list[dict]:
        to = urllib.parse.quote(citizen["phone"])
        url = f"{self.facts['base_url']}/demo/outbox.json?to={to}"
        return [one for one in requests.get(url, timeout=PATIENCE).json() if one["code"]]

    def next_code(self, citizen: dict, before: list[dict]) -> dict:
        """The message with a code that was not there before."""
        deadline = time.monotonic() + PATIENCE
        while True:
            new = [one for one in self.messages(citizen) if one not in before]
            if new:
                return new[0]
            assert time.monotonic() < deadline, "no code came"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    installation = Installation(var=tmp_path_factory.mktemp("cmd") / "var")
    installation.extra = {"CHANCELA_PKI_URL": f"http://127.0.0.1:{installation.ports[0]}/pki"}
    installation.ask("demo", "--once")
    with served(installation):
        yield Demo(installation.var)


# --- a strict client of our own: encrypted fields on SCMDService, clear ones on the other ---------


class Program:
    """Registered program with a zeep client, over http or https."""

    def __init__(self, demo: Demo, name: str, scheme: str, service: str) -> None:
        self.demo = demo
        own = demo.facts["clients"][name]
        self.id = own["application_id"].encode()
        session = requests.Session()
        session.trust_env = False
        if name == "scmd":
            session.auth = (own["username"], own["password"])
        session.verify = demo.facts["tls_ca"] if scheme == "https" else True
        self.base = demo.facts["tls_url" if scheme == "https" else "base_url"]
        pem = Path(own["cipher_certificate"]).read_bytes()
        self.key = x509.load_pem_x509_certificate(pem).public_key()
        self.encrypts = service == "SCMDService"
        self.client = zeep.Client(
            f"{self.base}{FOLDER}/{service}.svc?wsdl", transport=Transport(session=session)
        )
        self.call = self.client.service
        self.sign_name = "SCMDSign" if self.encrypts else "CCMovelSign"

    def field(self, text: str) -> str:
        if not self.encrypts:
            return text
        return base64.b64encode(self.key.encrypt(text.encode(), padding.PKCS1v15())).decode()

    def sign(self, citizen: dict, digest: bytes, *, pin: str = "", name: str = "contrato.pdf"):
        return self.call[self.sign_name](
            request={
                "ApplicationId": self.id,
                "DocName": name,
                "Hash": SHA256 + digest,
                "Pin": self.field(pin or citizen["signature_pin"]),
                "UserId": self.field(citizen["phone"]),
            }
        )

    def sign_many(self, citizen: dict, digests: list[bytes]):
        operation = "SCMDMultipleSign" if self.encrypts else "CCMovelMultipleSign"
        return self.call[operation](
            request={
                "ApplicationId": self.id,
                "Pin": self.field(citizen["signature_pin"]),
                "UserId": self.field(citizen["phone"]),
            },
            documents={
                "HashStructure": [
                    {"Hash": SHA256 + digest, "Name": f"ação {number}.pdf", "id": str(number)}
                    for number, digest in enumerate(digests)
                ]
            },
        )

    def validate(self, process: str, code: str):
        return self.call.ValidateOtp(
            code=self.field(code), processId=process, applicationId=self.id
        )

    def chain(self, citizen: dict) -> list[x509.Certificate]:
        text = self.call.GetCertificate(applicationId=self.id, userId=self.field(citizen["phone"]))
        return x509.load_pem_x509_certificates(text.encode())


@pytest.fixture(params=["http", "https"])
def scheme(request):
    return request.param


@pytest.fixture(params=["SCMDService", "CCMovelDigitalSignature"])
def program(request, demo, scheme):
    name = "scmd" if request.param == "SCMDService" else "legacy"
    return Program(demo, name, scheme, request.param)


def verify(certificate: x509.Certificate, signature: bytes, content: bytes) -> None:
    """Raises InvalidSignature."""
    certificate.public_key().verify(signature, content, padding.PKCS1v15(), hashes.SHA256())


def test_one_hash_is_signed_with_the_citizens_certificate(demo, program):
    citizen, content = demo.citizen("engineer"), b"Um contrato."
    chain = program.chain(citizen)
    assert len(chain) == 3
    before = demo.messages(citizen)
    begun = program.sign(citizen, hashlib.sha256(content).digest())
    assert begun.Code == "200"
    arrived = demo.next_code(citizen, before)
    assert "contrato.pdf" in arrived["text"]
    signed = program.validate(begun.ProcessId, arrived["code"])
    assert signed.Status.Code == "200"
    verify(chain[0], signed.Signature, content)
    again = program.validate(begun.ProcessId, arrived["code"])
    assert again.Signature == signed.Signature, "a lost answer is given again"


def test_several_come_back_in_their_order(demo, program):
    citizen, contents = demo.citizen("engineer"), [b"um", "dois é".encode(), b"tres"]
    before = demo.messages(citizen)
    begun = program.sign_many(citizen, [hashlib.sha256(one).digest() for one in contents])
    arrived = demo.next_code(citizen, before)
    signed = program.validate(begun.ProcessId, arrived["code"])
    assert signed.Signature is None
    documents = signed.ArrayOfHashStructure.HashStructure
    assert [one.id for one in documents] == ["0", "1", "2"]
    leaf = program.chain(citizen)[0]
    for content, document in zip(contents, documents, strict=True):
        verify(leaf, document.Hash, content)


def test_wrong_pin_and_wrong_code_say_so_and_sign_nothing(demo, program):
    citizen = demo.citizen("lawyer")
    wrong = citizen["signature_pin"][::-1]
    wrong = wrong if wrong != citizen["signature_pin"] else "918273"
    refused = program.sign(citizen, bytes(32), pin=wrong)
    assert (refused.Code, len(refused.ProcessId)) == ("801", 36)
    assert program.validate(refused.ProcessId, "123456").Status.Code == "801"
    before = demo.messages(citizen)
    begun = program.sign(citizen, bytes(32))
    code = demo.next_code(citizen, before)["code"]
    missed = program.validate(begun.ProcessId, f"{(int(code) + 1) % 10**6:06d}")
    assert (missed.Status.Code, missed.Signature) == ("802", None)
    assert program.validate(begun.ProcessId, code).Status.Code == "200"


@pytest.mark.parametrize(
    ("key", "code"),
    [("must-change-901", "901"), ("must-change-902", "902"), ("inactive-817", "817"),
     ("wrong-pin", "801"), ("blocked", "801")],
)  # fmt: skip
def test_demo_people_give_their_codes(demo, key, code):
    program = Program(demo, "legacy", "http", "CCMovelDigitalSignature")
    begun = program.sign(demo.citizen(key), bytes(32))
    assert begun.Code == code
    assert program.validate(begun.ProcessId, "123456").Status.Code == code


def test_a_late_message_still_signs(demo):
    program = Program(demo, "legacy", "http", "CCMovelDigitalSignature")
    citizen = demo.citizen("late-sms")
    before, began = demo.messages(citizen), time.monotonic()
    begun = program.sign(citizen, hashlib.sha256(b"tarde").digest())
    code = demo.next_code(citizen, before)["code"]
    assert time.monotonic() - began > 15
    assert program.validate(begun.ProcessId, code).Status.Code == "200"


def test_the_demo_device_approves_and_the_poll_brings_the_signature(demo):
    program = Program(demo, "legacy", "http", "CCMovelDigitalSignature")
    citizen, content = demo.citizen("lawyer"), b"Aprovado no telefone."
    before = demo.messages(citizen)
    begun = program.call.CCMovelSign(
        request={
            "ApplicationId": program.id,
            "DocName": "contrato.pdf",
            "Hash": SHA256 + hashlib.sha256(content).digest(),
            "IsBiometricValidationEnable": True,
            "Pin": citizen["signature_pin"],
            "UserId": citizen["phone"],
        }
    )

    def poll():
        return program.call.SignDocumentPooling(applicationId=program.id, processId=begun.ProcessId)

    for _ in range(2):
        waiting = poll()
        assert (waiting.Status.Code, waiting.Signature) == ("102", None)
    public_id = demo.next_code(citizen, before)["process"]
    answer = requests.post(f"{program.base}/demo/approve/{public_id}", timeout=PATIENCE)
    assert answer.json()["decision"] == "approve"
    signed = poll()
    assert signed.Status.Code == "200"
    verify(program.chain(citizen)[0], signed.Signature, content)


def test_the_published_certificate_is_the_one_in_demo_json(demo):
    own = demo.facts["clients"]["scmd"]
    answer = requests.get(f"{demo.facts['base_url']}/certificado/cifra.cer", timeout=PATIENCE)
    assert answer.content == Path(own["cipher_certificate"]).read_bytes()
    (listed,) = requests.get(
        f"{demo.facts['base_url']}/certificado/cifra.json", timeout=PATIENCE
    ).json()
    certificate = x509.load_pem_x509_certificate(answer.content)
    assert listed["sha256"] == certificate.fingerprint(hashes.SHA256()).hex()


# --- the public client, unmodified ----------------------------------------------------------------


class PublicClient:
    """CMD-SOAP's command line in a process of its own."""

    def __init__(self, demo: Demo, folder: str, scheme: str) -> None:
        self.demo = demo
        self.folder = folder
        self.base = demo.facts["tls_url" if scheme == "https" else "base_url"]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        python = os.environ.get("CMD_SOAP_PYTHON", sys.executable)
        application = self.demo.facts["clients"]["legacy"]["application_id"]
        command = [python, str(RUNNER), self.folder, self.base, application, *arguments]
        environment = {
            **os.environ,
            "REQUESTS_CA_BUNDLE": self.demo.facts["tls_ca"],
            "PYTHONIOENCODING": "utf-8",
        }
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8", env=environment,
        )  # fmt: skip

    def run(self, *arguments: str, stdin: str = "") -> str:
        output, _ = self.start(*arguments).communicate(stdin, timeout=PATIENCE)
        return output

    def run_with_code(self, citizen: dict, *arguments: str, change: int = 0) -> str:
        """Type the code that comes (plus ``change``) when it asks."""
        before = self.demo.messages(citizen)
        process = self.start(*arguments)
        code = self.demo.next_code(citizen, before)["code"]
        output, _ = process.communicate(f"{(int(code) + change) % 10**6:06d}\n", timeout=PATIENCE)
        return output


@pytest.fixture
def public_client(demo, scheme):
    folder = os.environ.get("CMD_SOAP_SRC")
    if not folder:
        pytest.skip("allowed: CMD_SOAP_SRC does not name the public CMD-SOAP client")
    return PublicClient(demo, folder, scheme)


def phone(citizen: dict) -> str:
    """As that client's users write it: with a space."""
    return f"{citizen['phone'][:4]} {citizen['phone'][4:]}"


def test_the_public_client_does_everything_it_can(demo, public_client, tmp_path):
    citizen = demo.citizen("engineer")
    file = tmp_path / "contrato.txt"
    file.write_text("Um contrato.")
    assert public_client.run("gc", phone(citizen)).count("BEGIN CERTIFICATE") == 3
    pin = citizen["signature_pin"]
    output = public_client.run_with_code(citizen, "test", str(file), phone(citizen), pin)
    assert "Assinatura verificada com sucesso" in output, output
    for operation in ("ms", "mms"):
        begun = public_client.run(operation, phone(citizen), pin)
        assert "'Code': '200'" in begun, begun


def test_the_public_client_hears_of_a_wrong_pin_and_a_wrong_code(demo, public_client, tmp_path):
    citizen = demo.citizen("lawyer")
    file = tmp_path / "contrato.txt"
    file.write_text("Um contrato.")
    assert "'Code': '801'" in public_client.run("ms", phone(citizen), "9182")
    output = public_client.run_with_code(
        citizen, "test", str(file), phone(citizen), citizen["signature_pin"], change=1
    )
    assert "Erro 802" in output, output
    assert "110%" not in output
