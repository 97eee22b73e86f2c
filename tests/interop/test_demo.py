"""``chancela demo --once`` as a stranger runs it, and what verifiers of others say of its files."""

import json
import shutil
import ssl
import stat
import subprocess
import time
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from api.client import NativeClient, Wanted
from signer.domain.errors import (
    AccountStateError,
    AttributeNotHeldError,
    IncorrectPINError,
    UnavailableError,
)
from signer.domain.values import Secret, TransactionId
from tests.fixtures.installations import Installation, served

pytestmark = pytest.mark.timeout(400)
"""Twelve people get keys before the first test begins."""

ITEM = Wanted(kind="raw", name="contrato.pdf", content=bytes(32), digest_only=True)
SHORTEST_LIFETIME = 60


@dataclass
class Demo:
    """An installation that ``demo --once`` made and ``serve`` serves."""

    installation: Installation
    first: dict
    second: dict
    second_seconds: float
    described: dict
    """demo.json after the first start."""
    waiting: TransactionId | None = None
    """What the citizen ``timeout`` was asked at the beginning."""
    asked_at: float = field(default_factory=time.monotonic)

    @property
    def facts(self) -> dict:
        return json.loads(self.file.read_text())

    @property
    def file(self) -> Path:
        return self.installation.var / "demo" / "demo.json"

    def client(self) -> NativeClient:
        native = self.facts["clients"]["native"]
        return NativeClient(
            self.facts["base_url"], native["client_id"], Secret(native["client_secret"])
        )

    def ask(self, key: str, client: NativeClient):
        """Start and enter the PIN that demo.json notes."""
        citizen = self.facts["citizens"][key]
        started = client.start(citizen["phone"], [ITEM])
        return started, client.enter_pin(started.id, Secret(citizen["signature_pin"]))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    installation = Installation(var=tmp_path_factory.mktemp("demo") / "var")
    # Free ports, and certificates that name them.
    installation.extra = {"CHANCELA_PKI_URL": f"http://127.0.0.1:{installation.ports[0]}/pki"}
    first = installation.ask("demo", "--once")
    described = json.loads((installation.var / "demo" / "demo.json").read_text())
    began = time.monotonic()
    second = installation.ask("demo", "--once")
    demo = Demo(installation, first, second, time.monotonic() - began, described)
    with served(installation):
        citizen = demo.facts["citizens"]["timeout"]
        native = demo.facts["clients"]["native"]
        body = {
            "citizen": {"phone": citizen["phone"]},
            "items": [{"kind": "raw", "name": "x", "digest": b64encode(bytes(32)).decode()}],
            "lifetime_seconds": SHORTEST_LIFETIME,
        }
        answer = httpx2.post(
            f"{demo.facts['base_url']}/api/v1/signatures",
            json=body,
            auth=(native["client_id"], native["client_secret"]),
            trust_env=False,
        )
        assert answer.status_code == 201, answer.text
        demo.waiting = TransactionId(answer.json()["id"])
        with demo.client() as client:
            entered = client.enter_pin(demo.waiting, Secret(citizen["signature_pin"]))
            assert entered.channel == "totp"
        yield demo


def test_a_second_start_keeps_everything_and_is_quick(demo):
    assert demo.first["ok"]
    assert demo.second["ok"]
    assert demo.facts["citizens"] == demo.described["citizens"]
    assert demo.facts["clients"] == demo.described["clients"]
    assert demo.second_seconds < 60  # a hang guard; bench and doctor measure


def test_the_description_has_every_key_and_is_for_its_owner_only(demo):
    facts = demo.facts
    assert {
        "base_url", "tls_url", "tls_ca", "trust_anchor", "tsa_url", "trusted_list", "citizens",
        "clients", "files",
    } <= set(facts)  # fmt: skip
    assert stat.S_IMODE(demo.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(demo.file.parent.stat().st_mode) == 0o700
    assert set(facts["citizens"]) == {
        "lawyer", "engineer", "refuse", "timeout", "wrong-pin", "blocked", "expired", "no-sms",
        "must-change-901", "must-change-902", "inactive-817", "late-sms",
    }  # fmt: skip
    for citizen in facts["citizens"].values():
        assert set(citizen["credentials"]) == {"rsa", "ec"}
        assert set(citizen["document"]) == {"type", "country", "id"}
        assert citizen["name"]
        assert citizen["phone"].startswith("+351")
        assert citizen["authentication_pin"].isdigit()
        assert citizen["signature_pin"].isdigit()
    assert {"native", "officer", "auditor", "admin"} <= set(facts["clients"])
    applications = {name: facts["clients"].pop(name) for name in ("scmd", "legacy")}
    for application in applications.values():
        assert set(application) == {
            "application_id", "username", "password", "cipher_certificate",
        }  # fmt: skip
        assert Path(application["cipher_certificate"]).is_file()
    for client in facts["clients"].values():
        assert client["client_id"]
        assert client["client_secret"]
    assert set(facts["files"]) == {
        "pades", "cades", "pades_lta", "xades", "asice", "jades", "content",
    }  # fmt: skip
    paths = [facts[name] for name in ("tls_ca", "trust_anchor", "trusted_list")]
    for path in [*paths, *facts["files"].values()]:
        assert Path(path).is_file(), path


def test_tls_is_trusted_through_the_file_named(demo):
    url = f"{demo.facts['tls_url']}/livez"
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url, trust_env=False)
    trusted = ssl.create_default_context(cafile=demo.facts["tls_ca"])
    assert httpx2.get(url, verify=trusted, trust_env=False).status_code == 200


def _pem(demo, tmp_path, name, content=None):
    target = tmp_path / f"{name}.pem"
    source = Path(demo.facts["trust_anchor"]) if content is None else tmp_path / f"{name}.der"
    if content is not None:
        source.write_bytes(content)
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", source, "-out", target], check=True)
    return target


def _run(*command: object, code: int = 0) -> str:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def _need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def test_pdfsig_finds_the_signature_valid_and_its_certificate_trusted(demo, tmp_path):
    _need("pdfsig", "certutil", "openssl")
    database = tmp_path / "nss"
    database.mkdir()
    anchor = _pem(demo, tmp_path, "root")
    _run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
    _run(
        "certutil", "-A", "-d", f"sql:{database}", "-n", "root", "-t", "CT,C,C", "-a", "-i", anchor
    )
    said = _run("pdfsig", "-nssdir", database, demo.facts["files"]["pades"])
    assert "Signature Validation: Signature is Valid." in said
    assert "Certificate Validation: Certificate is Trusted." in said
    spoilt = tmp_path / "spoilt.pdf"
    content = Path(demo.facts["files"]["pades"]).read_bytes()
    spoilt.write_bytes(content.replace(b"(CONTRATO", b"(CONTRAT0", 1))
    assert spoilt.read_bytes() != content
    assert "Signature is Valid." not in _run("pdfsig", "-nssdir", database, spoilt)


def test_openssl_accepts_the_cades_and_refuses_another_content(demo, tmp_path):
    _need("openssl")
    anchor = _pem(demo, tmp_path, "root")
    files = demo.facts["files"]
    command = [
        "openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER",
        "-in", files["cades"], "-CAfile", anchor, "-purpose", "any", "-out", "/dev/null",
    ]  # fmt: skip
    assert "CAdES Verification successful" in _run(*command, "-content", files["content"])
    other = tmp_path / "other"
    other.write_text("something else")
    _run(*command, "-content", other, code=4)


def test_openssl_accepts_a_token_fetched_over_http(demo, tmp_path):
    _need("openssl")
    anchor = _pem(demo, tmp_path, "root")
    content = demo.facts["files"]["content"]
    query, reply = tmp_path / "query.tsq", tmp_path / "reply.tsr"
    _run("openssl", "ts", "-query", "-data", content, "-sha256", "-cert", "-out", query)
    answer = httpx2.post(
        demo.facts["tsa_url"],
        content=query.read_bytes(),
        headers={"Content-Type": "application/timestamp-query"},
        trust_env=False,
    )
    assert answer.headers["Content-Type"] == "application/timestamp-reply"
    reply.write_bytes(answer.content)
    issuing = httpx2.get(f"{demo.facts['tsa_url'].removesuffix('/tsa')}/ca/issuing.der",
                         trust_env=False)  # fmt: skip
    untrusted = _pem(demo, tmp_path, "issuing", issuing.content)
    verify = ["openssl", "ts", "-verify", "-in", reply, "-CAfile", anchor, "-untrusted", untrusted]
    assert "Verification: OK" in _run(*verify, "-queryfile", query)
    assert "Verification: OK" in _run(*verify, "-data", content)
    _run(*verify, "-data", demo.facts["files"]["pades"], code=1)


def test_the_products_own_verify_accepts_both_with_revocation_asked_over_http(demo):
    files, installation = demo.facts["files"], demo.installation
    said = installation.ask("verify", files["pades"], files["cades"], "--content", files["content"])
    for one in said["files"]:
        (signature,) = one["signatures"]
        assert (signature["indication"], signature["level"]) == ("TOTAL-PASSED", "B-T")
        assert "advogado" in signature["certified_attributes"][0]
    assert said["asked"]


def test_the_lawyer_and_the_engineer_sign_with_codes_from_the_outbox(demo):
    with demo.client() as client:
        for key in ("lawyer", "engineer"):
            started, entered = demo.ask(key, client)
            code = client.demo_code(demo.facts["citizens"][key]["phone"], started.id)
            (value,) = client.enter_code(started.id, entered.handle, code)
            assert len(value) == 384


def test_an_engineer_is_no_lawyer(demo):
    citizen = demo.facts["citizens"]["engineer"]
    with demo.client() as client:
        started = client.start(
            citizen["phone"], [ITEM], attributes=[("ordem-dos-advogados", "advogado")]
        )
        with pytest.raises(AttributeNotHeldError):
            client.enter_pin(started.id, Secret(citizen["signature_pin"]))


def test_refuse_refuses_as_soon_as_the_code_arrives(demo):
    with demo.client() as client:
        started, _ = demo.ask("refuse", client)
        until = time.monotonic() + 20
        while client.look(started.id)["state"] == "asked" and time.monotonic() < until:
            time.sleep(0.2)
        assert client.look(started.id)["state"] == "refused"


@pytest.mark.parametrize("key", ["wrong-pin", "blocked"])
def test_wrong_and_locked_pins_look_alike(demo, key):
    with demo.client() as client, pytest.raises(IncorrectPINError) as refused:
        demo.ask(key, client)
    assert refused.value.code == "pin.incorrect"


def test_an_account_whose_document_expired_is_told_after_the_pin(demo):
    with demo.client() as client, pytest.raises(AccountStateError):
        demo.ask("expired", client)


def test_no_message_reaches_no_sms(demo):
    with demo.client() as client:
        started, _ = demo.ask("no-sms", client)
        with pytest.raises(UnavailableError):
            client.demo_code(demo.facts["citizens"]["no-sms"]["phone"], started.id, patience=5)
        assert client.look(started.id)["state"] == "asked"


def test_timeout_never_answers_and_the_request_expires(demo):
    with demo.client() as client:
        until = demo.asked_at + SHORTEST_LIFETIME + 40
        while client.look(demo.waiting)["state"] in {"created", "asked"}:
            assert time.monotonic() < until
            time.sleep(0.5)
        assert client.look(demo.waiting)["state"] == "expired"
