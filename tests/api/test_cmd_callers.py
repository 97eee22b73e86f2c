"""Who may call the CMD services: HTTP Basic, its exceptions, and the binding to ApplicationId."""

from dataclasses import replace

import pytest

from signer.domain.cmd_application import BasicRule
from tests.fixtures.cmd import LEGACY_PATH, SCMD_PATH, document, envelope, register

OPERATIONS = (
    "GetCertificate", "GetCertificateWithPin", "CCMovelSign", "SCMDSign", "ValidateOtp", "ForceSMS",
    "SignDocumentPooling",
)  # fmt: skip


def challenged(answer) -> bool:
    return answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_scmd_challenges_before_it_looks_at_the_body(desktop):
    stranger = desktop.without_basic().at(SCMD_PATH)
    for body in (b"", b"no envelope", b"x" * 2_000_000, envelope("Nothing", "")):
        assert challenged(stranger.post(body))


@pytest.mark.parametrize("path", [LEGACY_PATH, SCMD_PATH])
def test_wrong_credentials_are_challenged_whatever_the_rule(desktop, lenient, path):
    for program in (
        replace(desktop, password="x"),
        replace(desktop, username="nobody"),
        replace(desktop, username="", password=""),
        replace(lenient, sends_basic=True, password="x"),
    ):
        assert challenged(program.at(path).post(envelope("GetCertificate", "")))
    for header in ("Basic", "Basic %%%", "Basic eA==", "Bearer x", "", "Digest username=x"):
        stranger = desktop.without_basic().at(path)
        assert challenged(stranger.post(envelope("GetCertificate", ""), Authorization=header))


def test_the_desktop_program_needs_basic_everywhere_but_on_its_batches(desktop, ana):
    stranger = desktop.without_basic()
    for call in (
        stranger.certificate(ana.phone),
        stranger.certificate_with_pin(ana.phone, ana.signature_pin),
        stranger.sign(ana),
        stranger.validate("x", "y"),
        stranger.poll("x"),
        stranger.force_sms("x", ana.phone),
    ):
        assert challenged(call.http)


def test_a_batch_without_basic_needs_a_look_up_with_it(service, ana, rui):
    program = register(service)
    batch = program.without_basic()
    assert challenged(batch.sign_many(ana, document(b"a")).http)
    assert program.certificate(ana.phone).one("GetCertificateResult")
    begun = batch.sign_many(ana, document(b"a"))
    assert begun.code == "200"
    assert challenged(batch.validate(begun.process_id, program.code_for(ana)).http)
    assert program.validate(begun.process_id, program.code_for(ana)).code == "200"
    # Not for another person, from another place, or by another program.
    assert challenged(batch.sign_many(rui, document(b"a")).http)
    assert challenged(replace(batch, address="192.0.2.7").sign_many(ana, document(b"a")).http)
    assert challenged(register(service).without_basic().sign_many(ana, document(b"a")).http)
    assert challenged(batch.sign_many(ana, document(b"a"), UserId="abc").http)


def test_a_look_up_without_basic_vouches_for_nothing(service, lenient, ana):
    strict = lenient
    assert strict.certificate(ana.phone).one("GetCertificateResult")
    clients = service.services.stores.cmd_processes
    subject = ana.account.id
    address = service.services.device.sam.vault.pseudonym("address", strict.address)
    since = ana.account.created_at
    application = service.services.stores.applications.by_application_id(strict.application_id)
    assert not clients.has_looked_up(application.client.id, subject, address, since)


def test_a_program_may_be_bound_to_basic_on_its_batches_too(service, ana):
    program = register(service, basic=BasicRule.REQUIRED)
    assert program.certificate(ana.phone).one("GetCertificateResult")
    assert challenged(program.without_basic().sign_many(ana, document(b"a")).http)
    assert program.sign_many(ana, document(b"a")).code == "200"


def test_unknown_programs_are_challenged_as_known_ones_are(desktop):
    unknown = replace(
        desktop.without_basic(), application_id="00000000-0000-0000-0000-000000000000"
    )
    known = desktop.without_basic()
    one, other = (program.sign("+351919999999") for program in (unknown, known))
    assert challenged(one.http)
    assert one.http.data == other.http.data
    for name in OPERATIONS:
        assert challenged(unknown.call(name, "").http)


def test_the_application_id_is_compared_in_any_letter_case(desktop, ana):
    loud = replace(desktop, application_id=desktop.application_id.upper())
    assert loud.certificate(ana.phone).one("GetCertificateResult")
