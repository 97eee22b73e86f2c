"""``DELETE /signatures/{id}``: what is open ends, and its code with it."""


def cancel(api, identifier):
    return api.call("DELETE", f"/signatures/{identifier}")


def test_an_open_transaction_ends_and_its_code_is_dead(service, native, newcomer):
    started, handle, code = native.asked(newcomer)
    assert cancel(native, started["id"]).status_code == 204
    assert native.look(started["id"])["state"] == "cancelled"
    answer = native.code(started["id"], handle, code)
    assert (answer.status_code, answer.get_json()["code"]) == (410, "transaction.ended")
    assert service.services.stores.transactions.slots(started["id"]) == ()


def test_a_code_not_yet_sent_is_not_sent(service, native, newcomer):
    started = native.started(newcomer)
    assert native.pin(started["id"], newcomer.signature_pin).status_code == 200
    assert cancel(native, started["id"]).status_code == 204
    assert [text for text in service.sent(newcomer) if "assinar" in text] == []


def test_what_has_ended_cannot_be_cancelled(native, newcomer):
    signed = native.signed(newcomer)
    assert cancel(native, signed["id"]).status_code == 410
    assert native.look(signed["id"])["state"] == "signed"
    started = native.started(newcomer)
    assert cancel(native, started["id"]).status_code == 204
    assert cancel(native, started["id"]).status_code == 410


def test_another_clients_transaction_is_unknown(native, other, newcomer):
    started = native.started(newcomer)
    assert cancel(other, started["id"]).status_code == 404
    assert native.look(started["id"])["state"] == "created"
