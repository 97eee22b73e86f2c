"""When the device or the database is away: code 500, a ProcessId, nothing spent or released."""

import pytest

from signer.adapters.store.cmd_processes import SQLCMDProcessStore
from signer.domain.errors import QSCDUnavailableError, StoreUnavailableError
from tests.fixtures.cmd import GUID, document


def failing(error):
    def fail(*_arguments, **_named):
        raise error

    return fail


def test_when_the_device_fails_after_the_claim_the_process_is_dead(
    service, desktop, ana, monkeypatch
):
    begun = desktop.sign_many(ana, document(b"a"), document(b"b"))
    process, code = begun.process_id, desktop.code_for(ana)
    with monkeypatch.context() as broken:
        device = type(service.services.device.sam.qscd)
        broken.setattr(device, "sign", failing(QSCDUnavailableError()))
        first = desktop.validate(process, code)
    assert (first.code, first.every("Hash"), first.every("certificate")) == ("500", [], [None])
    for again in (desktop.validate(process, code), desktop.poll(process)):
        assert (again.code, again.one("ProcessId")) == ("500", process)
        assert again.every("Hash") == []
    assert desktop.signed(ana).code == "200"


def test_when_the_device_fails_before_the_claim_the_code_is_still_good(
    service, desktop, ana, monkeypatch
):
    begun = desktop.sign(ana)
    process, code = begun.process_id, desktop.code_for(ana)
    with monkeypatch.context() as broken:
        vault = type(service.services.device.sam.vault)
        broken.setattr(vault, "key_check_value", failing(QSCDUnavailableError()))
        assert desktop.validate(process, code).code == "500"
        refused = desktop.sign(ana)
    assert refused.code == "500"
    assert desktop.validate(refused.process_id, "123456").code == "500"
    assert desktop.validate(process, code).code == "200"


@pytest.mark.parametrize("method", ["add", "find"])
def test_without_the_store_there_is_still_a_process_id(desktop, ana, monkeypatch, method):
    begun = desktop.sign(ana)
    with monkeypatch.context() as broken:
        broken.setattr(SQLCMDProcessStore, method, failing(StoreUnavailableError()))
        if method == "add":
            answer = desktop.sign(ana)
        else:
            answer = desktop.validate(begun.process_id, "123456")
    assert answer.code == "500"
    assert GUID.fullmatch(answer.process_id)


def test_without_the_store_a_look_up_is_a_fault_and_not_nobody(service, desktop, ana, monkeypatch):
    with monkeypatch.context() as broken:
        accounts = type(service.services.stores.accounts)
        broken.setattr(accounts, "by_phone", failing(StoreUnavailableError()))
        answer = desktop.certificate(ana.phone)
    assert (answer.http.status_code, answer.fault) == (503, "a:InternalServiceFault")
    assert answer.http.headers["Retry-After"]
