"""Envelopes of the CMD services: what is read, and every byte of what is written."""

import codecs
from datetime import UTC, datetime

import pytest

from api.cmd import wcf
from api.cmd.envelope import FaultCode, FaultError, Member, parse_request
from api.cmd.errors import CODES, TOO_MANY, status_of
from api.cmd.messages import Status, pem_chain, sign_response
from signer.domain import errors
from signer.domain.cmd_process import CMDProcess, DocumentLabel, ProcessKind, Refusal
from signer.domain.values import ClientId
from signer.operations.cmd.finish import PENDING, Completed
from signer.texts import Texts
from tests.fixtures.cmd import CONTRACT, INSTANCE, SOAP, STRUCTURES, envelope

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def process(kind: ProcessKind, *labels: DocumentLabel) -> CMDProcess:
    return CMDProcess(
        handle_sha256="0" * 64,
        client=ClientId("c"),
        kind=kind,
        subject="s",
        signer=None,
        transaction=None,
        refusal=None,
        labels=labels,
        created_at=NOW,
        expires_at=NOW,
    )


# --- reading --------------------------------------------------------------------------------------


def test_members_are_found_by_local_name_whatever_prefix_order_or_company():
    inner = (
        '<x:userId xmlns:x="urn:else">+351 910000000</x:userId><v:CertificateNumber>7'
        "</v:CertificateNumber><!-- no --><v:applicationId>YQ==</v:applicationId><?no no?>"
    )
    body = parse_request(envelope("GetCertificate", inner))
    assert (body.name, body.namespace) == ("GetCertificate", CONTRACT)
    assert body.value("userId") == "+351 910000000"
    assert body.value("applicationId") == "YQ=="


@pytest.mark.parametrize("nil", ["true", "1", " true "])
def test_nil_is_missing(nil):
    body = parse_request(envelope("ForceSMS", f'<v:citizenId xsi:nil="{nil}"/><v:processId/>'))
    assert body.value("citizenId") is None
    assert body.value("processId") == ""
    assert body.value("applicationId") is None


def test_the_second_name_is_taken_when_the_first_is_missing():
    body = parse_request(envelope("GetCertificateWithPin", "<v:signaturePin>1</v:signaturePin>"))
    assert body.value("pin", "signaturePin") == "1"


def test_a_member_does_not_print_what_it_says():
    assert "135790" not in repr(Member("Pin", "135790"))


def test_cdata_character_references_and_other_encodings_are_text():
    body = parse_request(
        envelope("ForceSMS", "<v:processId><![CDATA[a&b]]></v:processId><v:citizenId>&#x2B;1"
        "</v:citizenId>")
    )  # fmt: skip
    assert (body.value("processId"), body.value("citizenId")) == ("a&b", "+1")
    text = envelope("ForceSMS", "<v:processId>é</v:processId>").decode()
    wide = codecs.BOM_UTF16_LE + text.replace("UTF-8", "UTF-16").encode("utf-16-le")
    assert parse_request(wide).value("processId") == "é"


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


def with_prolog(prolog: str, encoding: str = "utf-8") -> bytes:
    text = envelope("ForceSMS", "<v:processId>&c;</v:processId>").decode()
    return text.replace("?>", f"?>{prolog}", 1).replace("UTF-8", encoding).encode(encoding)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"GET / HTTP/1.1",
        b"<a",
        b"<a/>",
        b"\xff\xfe\x00",
        with_prolog(BOMB),
        with_prolog(BOMB, "utf-16"),
        with_prolog('<!DOCTYPE x SYSTEM "file:///etc/passwd">'),
        with_prolog('<!DOCTYPE x PUBLIC "p" "http://127.0.0.1:1/x.dtd">', "utf-16"),
        with_prolog("<!DOCTYPE x>"),
        f'<q:Envelope xmlns:q="{SOAP}"/>'.encode(),
        f'<q:Envelope xmlns:q="{SOAP}"><q:Body/></q:Envelope>'.encode(),
        envelope("ForceSMS", "<v:a>" * 40 + "</v:a>" * 40),
        envelope("ForceSMS", "<v:a>" * 5000 + "</v:a>" * 5000),
    ],
)
def test_what_is_no_plain_envelope_is_the_clients_fault(body):
    with pytest.raises(FaultError) as fault:
        parse_request(body)
    assert fault.value.code is FaultCode.CLIENT


def test_soap_1_2_is_another_version():
    body = envelope("ForceSMS", "").replace(
        SOAP.encode(), b"http://www.w3.org/2003/05/soap-envelope"
    )
    with pytest.raises(FaultError) as fault:
        parse_request(body)
    assert fault.value.code is FaultCode.VERSION_MISMATCH


@pytest.mark.parametrize(
    ("attributes", "refused"),
    [
        ("", False),
        ('q:mustUnderstand="0"', False),
        ('q:mustUnderstand="1"', True),
        ('q:mustUnderstand="true"', True),
        ('q:mustUnderstand="1" q:actor="urn:another"', False),
        ('q:mustUnderstand="1" q:actor="http://schemas.xmlsoap.org/soap/actor/next"', True),
    ],
)
def test_headers_are_ignored_unless_they_must_be_understood(attributes, refused):
    header = f'<q:Header><w:To xmlns:w="urn:w" {attributes}>x</w:To></q:Header>'
    body = envelope("ForceSMS", "", header)
    if not refused:
        assert parse_request(body).name == "ForceSMS"
        return
    with pytest.raises(FaultError) as fault:
        parse_request(body)
    assert fault.value.code is FaultCode.MUST_UNDERSTAND


# --- writing --------------------------------------------------------------------------------------

HEAD = f'<s:Envelope xmlns:s="{SOAP}"><s:Body>'
TAIL = "</s:Body></s:Envelope>"
DECLARED = f'xmlns:a="{STRUCTURES}" xmlns:i="{INSTANCE}"'


def test_a_status_answer_byte_for_byte():
    status = Status(code="800", message="a<b>&\r\nç", process_id="p", member="Hash", value=None)
    written = wcf.structured_answer("SCMDSign", status.members()).decode()
    assert written == (
        f'{HEAD}<SCMDSignResponse xmlns="{CONTRACT}"><SCMDSignResult {DECLARED}>'
        '<a:Code>800</a:Code><a:Field>Hash</a:Field><a:FieldValue i:nil="true"/>'
        "<a:Message>a&lt;b&gt;&amp;&#xD;\nç</a:Message><a:ProcessId>p</a:ProcessId>"
        f"</SCMDSignResult></SCMDSignResponse>{TAIL}"
    )


STATUS = Status(code="200", message="OK", process_id="p")
STATUS_XML = (
    '<a:Status><a:Code>200</a:Code><a:Field i:nil="true"/><a:FieldValue i:nil="true"/>'
    "<a:Message>OK</a:Message><a:ProcessId>p</a:ProcessId></a:Status>"
)


def test_one_signature_has_no_list():
    done = Completed(process=process(ProcessKind.SINGLE), results=(b"\1\2",), chain_der=())
    assert "".join(sign_response(STATUS, done)) == (
        '<a:ArrayOfHashStructure i:nil="true"/><a:Signature>AQI=</a:Signature>'
        f'{STATUS_XML}<a:certificate i:nil="true"/>'
    )


def test_a_batch_has_no_signature_member_not_even_an_empty_one():
    labels = DocumentLabel("é&.pdf", None), DocumentLabel(None, "7")
    done = Completed(
        process=process(ProcessKind.BATCH, *labels), results=(b"\1", b"\2"), chain_der=()
    )
    assert "".join(sign_response(STATUS, done)) == (
        "<a:ArrayOfHashStructure><a:HashStructure><a:Hash>AQ==</a:Hash><a:Name>é&amp;.pdf</a:Name>"
        '<a:id i:nil="true"/></a:HashStructure><a:HashStructure><a:Hash>Ag==</a:Hash>'
        '<a:Name i:nil="true"/><a:id>7</a:id></a:HashStructure></a:ArrayOfHashStructure>'
        f'<a:Signature i:nil="true"/>{STATUS_XML}<a:certificate i:nil="true"/>'
    )


def test_a_certificate_fills_its_own_member_only():
    done = Completed(
        process=process(ProcessKind.CERTIFICATE), results=(), chain_der=(b"a", b"b", b"c")
    )
    written = "".join(sign_response(STATUS, done))
    assert written.startswith(
        f'<a:ArrayOfHashStructure i:nil="true"/><a:Signature i:nil="true"/>{STATUS_XML}'
        "<a:certificate>-----BEGIN CERTIFICATE-----&#xD;\nYQ==&#xD;\n"
        "-----END CERTIFICATE-----&#xD;\n"
    )


def test_without_a_result_every_member_is_nil():
    assert "".join(sign_response(STATUS, None)) == (
        '<a:ArrayOfHashStructure i:nil="true"/><a:Signature i:nil="true"/>'
        f'{STATUS_XML}<a:certificate i:nil="true"/>'
    )


def test_a_text_answer_and_its_absence():
    assert wcf.text_answer("GetCertificate", "x\r\n").decode() == (
        f'{HEAD}<GetCertificateResponse xmlns="{CONTRACT}"><GetCertificateResult>x&#xD;\n'
        f"</GetCertificateResult></GetCertificateResponse>{TAIL}"
    )
    assert wcf.text_answer("GetCertificate", None).decode() == (
        f'{HEAD}<GetCertificateResponse xmlns="{CONTRACT}"><GetCertificateResult i:nil="true" '
        f'xmlns:i="{INSTANCE}"/></GetCertificateResponse>{TAIL}'
    )


def test_faults_never_carry_details():
    dispatcher = (
        "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher"
    )
    assert wcf.fault_answer(FaultCode.INTERNAL, "não", "pt").decode() == (
        f'{HEAD}<s:Fault><faultcode xmlns:a="{dispatcher}">a:InternalServiceFault</faultcode>'
        f'<faultstring xml:lang="pt">não</faultstring></s:Fault>{TAIL}'
    )
    assert b"<faultcode>s:MustUnderstand</faultcode>" in wcf.fault_answer(
        FaultCode.MUST_UNDERSTAND, "x", "pt"
    )


def test_the_chain_is_leaf_top_then_issuers_in_lines_of_64():
    pem = pem_chain((b"L" * 60, b"I" * 3, b"T" * 3))
    lines = pem.split("\r\n")
    assert lines[1] == "TExM" * 16
    assert lines[2] == "TExM" * 4
    assert [line for line in lines if line in {"SUlJ", "VFRU"}] == ["VFRU", "SUlJ"]
    assert pem.endswith("-----END CERTIFICATE-----\r\n")
    assert "\n" not in pem.replace("\r\n", "")
    assert pem_chain(()) is None


# --- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize(
    "reason", [*(kind.code for kind in CODES), PENDING.reason, TOO_MANY.reason, "something.else"]
)
def test_no_refusal_looks_like_success_and_every_one_has_words(reason, legacy):
    code, text = status_of(Refusal(reason=reason), legacy=legacy)
    assert code != "200"
    assert 100 <= int(code) < 1000
    for locale in ("pt", "en"):
        assert Texts().get(locale).format(text)


def test_texts_that_clients_compare_are_verbatim_in_every_language():
    for locale in ("pt", "en"):
        words = Texts().get(locale)
        assert words.format("cmd.no-active-signature") == "User does not have signature active"
        assert words.format("cmd.901") == (
            "Para continuar a usar a assinatura da CMD, tem de alterar o seu PIN de assinatura. "
            "Para o alterar, basta iniciar sessão com CMD em www.autenticacao.gov.pt."
        )
        assert words.format("cmd.902") == (
            "Para continuar a usar a assinatura da CMD, tem de alterar o seu PIN de assinatura em "
            'www.autenticacao.gov.pt. Inicie sessão e aceda a "Área Reservada -> A Minha Chave '
            'Móvel Digital" e escolha editar em “Assinatura Digital.'
        )


def test_an_account_without_active_signature_is_told_differently_on_the_two_services():
    inactive = Refusal(reason=errors.SignatureInactiveError.code)
    assert status_of(inactive, legacy=True) == ("900", "cmd.no-active-signature")
    assert status_of(inactive, legacy=False) == ("817", "cmd.817")
