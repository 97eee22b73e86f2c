"""``POST /signatures/{id}/code``: what comes out is what was asked, and verifies elsewhere."""

import hashlib

import pytest

from signer.domain.account import AccountState
from signer.domain.values import KeyAlgorithm
from tests.fixtures.service import (
    BODY,
    ROLE,
    a_pdf,
    hashed,
    other_code,
    raw,
    whole,
)
from tests.fixtures.verifying import (
    SIGNER_ATTRIBUTES_V2,
    TIME_STAMP_TOKEN,
    ClientSidePDF,
    embedded_cms,
    openssl_accepts,
    pdf_status,
    result,
    signed_attributes,
    unsigned_attributes,
    verify_raw,
)

ALGORITHMS = pytest.mark.parametrize("algorithm", ["rsa-3072", "p-256"])
LEVELS = pytest.mark.parametrize("level", ["B-B", "B-T"])
CONTENT = b"contrato\n"
DEMAND = {"required_attributes": [{"provider": BODY, "role": ROLE}]}


@pytest.fixture
def anchor(service, tmp_path):
    return service.root_pem(tmp_path)


# --- every kind ----------------------------------------------------------------------------------


@ALGORITHMS
def test_a_raw_signature_verifies_with_the_certificate(service, native, maria, algorithm):
    signed = native.signed(maria, raw(b"a"), key_algorithm=algorithm)
    certificate = service.certificate(maria, KeyAlgorithm(algorithm))
    verify_raw(certificate, hashlib.sha256(b"a").digest(), result(signed))
    assert signed["state"] == "signed"


@pytest.mark.parametrize("digest", ["SHA-384", "SHA-512"])
def test_longer_digests_are_signed_as_they_are(service, native, maria, digest):
    signed = native.signed(maria, raw(b"a", algorithm=digest))
    value = hashlib.new(digest.replace("-", "").lower(), b"a").digest()
    certificate = service.certificate(maria, KeyAlgorithm.RSA_3072)
    verify_raw(certificate, value, result(signed), digest)


@ALGORITHMS
@LEVELS
@pytest.mark.parametrize("kind", ["cades-digest", "cades"])
def test_openssl_accepts_the_cms_made_from_a_hash_or_a_file(
    native, maria, anchor, tmp_path, kind, level, algorithm
):
    make = hashed if kind == "cades-digest" else whole
    signed = native.signed(maria, make(kind, CONTENT, level), key_algorithm=algorithm)
    made = result(signed)
    assert openssl_accepts(tmp_path, anchor, made, CONTENT)
    assert not openssl_accepts(tmp_path, anchor, made, CONTENT + b"!")
    assert (TIME_STAMP_TOKEN in unsigned_attributes(made)) == (level == "B-T")


@ALGORITHMS
@LEVELS
def test_pyhanko_accepts_a_whole_pdf(native, maria, anchor, level, algorithm):
    signed = native.signed(maria, whole("pades", a_pdf(), level), key_algorithm=algorithm)
    made = result(signed)
    assert made.startswith(a_pdf())
    status = pdf_status(made, anchor)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    assert (status.timestamp_validity is not None) == (level == "B-T")
    assert (TIME_STAMP_TOKEN in unsigned_attributes(embedded_cms(made))) == (level == "B-T")


@ALGORITHMS
@LEVELS
def test_a_pdf_that_stays_at_the_client_takes_the_cms(native, maria, anchor, level, algorithm):
    here = ClientSidePDF(a_pdf())
    item = hashed("pades-digest", b"", level) | {"digest": here.digest_b64}
    signed = native.signed(maria, item, key_algorithm=algorithm)
    status = pdf_status(here.embed(result(signed)), anchor)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)


def test_kinds_may_be_mixed_in_one_transaction(native, maria, anchor, tmp_path):
    signed = native.signed(
        maria, whole("pades", a_pdf(), "B-T"), hashed("cades-digest", CONTENT), raw(b"a")
    )
    assert pdf_status(result(signed, 0), anchor).valid
    assert openssl_accepts(tmp_path, anchor, result(signed, 1), CONTENT)


@pytest.mark.parametrize("algorithm", ["p-256", "rsa-3072"])
def test_a_hundred_hashes_come_back_in_the_order_they_were_sent(service, native, maria, algorithm):
    contents = [f"{number}".encode() for number in range(99)] + [b"7"]
    contents.sort(key=lambda one: hashlib.sha256(one).digest())
    signed = native.signed(
        maria,
        *(raw(one, f"documento {at}.pdf") for at, one in enumerate(contents)),
        key_algorithm=algorithm,
    )
    certificate = service.certificate(maria, KeyAlgorithm(algorithm))
    assert [item["ordinal"] for item in signed["items"]] == list(range(100))
    for at, content in enumerate(contents):
        assert signed["items"][at]["name"] == f"documento {at}.pdf"
        verify_raw(certificate, hashlib.sha256(content).digest(), result(signed, at))


# --- professional attributes ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cades", "pades"])
def test_the_certified_role_is_inside_and_the_answer_says_by_whom_until_when(native, maria, kind):
    item = whole(kind, a_pdf())
    signed = native.signed(maria, item, **DEMAND)
    (told,) = signed["attributes"]
    number = maria.account.identity.document.number
    assert told == {
        "provider": BODY,
        "provider_name": "Ordem dos Advogados (exemplo)",
        "role": ROLE,
        "label": "Advogado",
        "sub_attributes": {"cedula": f"{number}L"},
        "valid_until": told["valid_until"],
    }
    assert told["valid_until"].startswith("2039-12-31T") or told["valid_until"] > "2039"
    cms = embedded_cms(result(signed)) if kind == "pades" else result(signed)
    attribute = signed_attributes(cms)[SIGNER_ATTRIBUTES_V2].dump()
    assert b"Advogado" in attribute
    assert f"{number}L".encode() in attribute
    assert native.look(signed["id"])["attributes"] == signed["attributes"]


def test_a_role_withdrawn_between_pin_and_code_signs_nothing(service, native):
    holder = service.enrol()
    service.grant_role(service.citizens["maria"], holder)
    started, handle, code = native.asked(holder, hashed("cades-digest", CONTENT), **DEMAND)
    (attribute,) = service.transaction(started["id"]).attributes
    service.commands.withdraw_attribute(BODY, attribute.id, reason="resigned", actor="tests")
    answer = native.code(started["id"], handle, code)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "authorisation.refused")
    assert native.look(started["id"])["items"][0]["result"] is None


# --- the code ------------------------------------------------------------------------------------


def test_a_right_code_again_gives_the_same_result_and_no_second_key_use(
    service, native, newcomer, monkeypatch
):
    started, handle, code = native.asked(newcomer, raw(b"a"))
    uses = count_key_uses(service, monkeypatch)
    first = native.code(started["id"], handle, code)
    again = native.code(started["id"], handle, code)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.get_json()["items"] == again.get_json()["items"]
    assert uses == [1]


def test_a_wrong_code_after_the_signature_is_refused(native, newcomer):
    started, handle, code = native.asked(newcomer, raw(b"a"))
    assert native.code(started["id"], handle, code).status_code == 200
    answer = native.code(started["id"], handle, other_code(code))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "code.incorrect")
    assert "result" not in answer.get_json()


def test_a_wrong_code_signs_nothing_and_the_right_one_still_works(native, newcomer):
    started, handle, code = native.asked(newcomer, raw(b"a"))
    wrong = native.code(started["id"], handle, other_code(code))
    assert (wrong.status_code, wrong.get_json()["code"]) == (403, "code.incorrect")
    assert native.look(started["id"])["state"] == "asked"
    assert native.code(started["id"], handle, code).status_code == 200


def test_a_code_does_not_survive_three_wrong_tries(native, newcomer):
    started, handle, code = native.asked(newcomer, raw(b"a"))
    for _ in range(3):
        assert native.code(started["id"], handle, other_code(code)).status_code == 403
    answer = native.code(started["id"], handle, code)
    assert answer.status_code in {403, 410}
    assert native.look(started["id"])["items"][0]["result"] is None


def test_a_handle_of_another_transaction_does_not_open_this_one(native, newcomer):
    first, handle, code = native.asked(newcomer, raw(b"a"))
    second, other_handle, second_code = native.asked(newcomer, raw(b"b"))
    answer = native.code(second["id"], handle, second_code)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "code.incorrect")
    answer = native.code(first["id"], other_handle, code)
    assert answer.status_code == 403
    assert native.code(first["id"], handle, code).status_code == 200


def test_a_code_before_the_pin_is_told_apart_from_nothing(native, newcomer):
    started = native.started(newcomer)
    answer = native.code(started["id"], "h" * 40, "123456")
    assert (answer.status_code, answer.get_json()["code"]) == (410, "transaction.ended")


def test_an_account_suspended_between_pin_and_code_signs_nothing(service, native, newcomer):
    started, handle, code = native.asked(newcomer, raw(b"a"))
    service.services.accounts.change.suspend(newcomer.account.id, actor="officer")
    service.services.accounts.tell()
    assert service.services.stores.accounts.by_id(newcomer.account.id).state is (
        AccountState.SUSPENDED
    )
    answer = native.code(started["id"], handle, code)
    assert answer.status_code in {403, 410}
    assert native.look(started["id"])["items"][0]["result"] is None


def test_the_notice_after_a_signature_names_who_asked(service, native, newcomer):
    native.signed(newcomer, raw(b"a", "procuração.pdf"))
    notices = [text for text in service.sent(newcomer) if "procuração.pdf" in text]
    assert any("Código" in text for text in notices)
    assert any("Código" not in text and "Notário Exemplo native" in text for text in notices)


def count_key_uses(service, monkeypatch):
    """Items per call of the device."""
    used, device = [], service.services.signing.enter_code.qscd
    sign = type(device).sign

    def counting(self, authorisation):
        used.append(len(authorisation.dtbsrs))
        return sign(self, authorisation)

    monkeypatch.setattr(type(device), "sign", counting)
    return used
