"""Processes of the CMD doors as rows, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from signer.adapters.store.cmd_processes import SQLCMDProcessStore
from signer.domain.cmd_process import CMDProcess, DocumentLabel, ProcessKind, Refusal
from signer.domain.values import ClientId, SignerId, TransactionId

CLIENT = ClientId("desktop")


@pytest.fixture
def store(database):
    return SQLCMDProcessStore(database)


@pytest.fixture
def process(clock):
    now = clock.now()
    return CMDProcess(
        handle_sha256="ab" * 32,
        client=CLIENT,
        kind=ProcessKind.BATCH,
        subject="somebody",
        signer=SignerId("11111111-1111-4111-8111-111111111111"),
        transaction=TransactionId("22222222-2222-4222-8222-222222222222"),
        refusal=None,
        labels=(DocumentLabel("ação\n\"'<&.pdf", None), DocumentLabel(None, ""),
                DocumentLabel("x" * 5000, "1")),
        approvable=True,
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )  # fmt: skip


def test_a_process_comes_back_as_it_was(store, process, clock):
    store.add(process)
    assert store.find(process.handle_sha256, CLIENT, clock.now()) == process


def test_a_doomed_one_keeps_its_reason_and_member_but_no_value(store, process, clock):
    refusal = Refusal(reason="request.invalid", member="Hash", value="abc")
    doomed = replace(process, refusal=refusal, signer=None, transaction=None, labels=())
    store.add(doomed)
    found = store.find(process.handle_sha256, CLIENT, clock.now())
    assert found == replace(doomed, refusal=replace(refusal, value=None))


def test_unknown_somebody_elses_and_expired_are_none(store, process, clock):
    store.add(process)
    assert store.find("cd" * 32, CLIENT, clock.now()) is None
    assert store.find(process.handle_sha256, ClientId("other"), clock.now()) is None
    clock.advance(seconds=300)
    assert store.find(process.handle_sha256, CLIENT, clock.now()) is None


def test_codes_are_counted_up_to_the_limit(store, process, clock):
    store.add(process)
    counted = [store.count_code(process.handle_sha256, limit=2) for _ in range(3)]
    assert counted == [True, True, False]
    assert not store.count_code("cd" * 32, limit=2)
    assert store.find(process.handle_sha256, CLIENT, clock.now()).codes_sent == 2


def test_a_look_up_is_remembered_for_one_client_person_and_address(store, clock):
    store.looked_up(CLIENT, "somebody", "here", clock.now())
    clock.advance(seconds=60)
    store.looked_up(CLIENT, "somebody", "here", clock.now())
    since = clock.now() - timedelta(seconds=30)
    assert store.has_looked_up(CLIENT, "somebody", "here", since)
    assert not store.has_looked_up(ClientId("other"), "somebody", "here", since)
    assert not store.has_looked_up(CLIENT, "another", "here", since)
    assert not store.has_looked_up(CLIENT, "somebody", "there", since)
    assert not store.has_looked_up(CLIENT, "somebody", "here", clock.now())


def test_what_is_over_is_purged_and_nothing_else(store, process, clock):
    store.add(process)
    store.add(replace(process, handle_sha256="cd" * 32, expires_at=clock.now()))
    store.looked_up(CLIENT, "old", "here", clock.now() - timedelta(hours=1))
    store.looked_up(CLIENT, "new", "here", clock.now())
    before = clock.now() - timedelta(minutes=10)
    assert store.purge(clock.now(), looked_up_before=before) == 2
    assert store.purge(clock.now(), looked_up_before=before) == 0
    assert store.find(process.handle_sha256, CLIENT, clock.now()) == process
    assert store.has_looked_up(CLIENT, "new", "here", before)
