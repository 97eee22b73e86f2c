"""The common log on both databases: order, tree, proofs, checkpoints."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from signer.adapters.store.audit_log import SQLAuditLog
from signer.adapters.store.tables.audit import audit_node, audit_record
from signer.audit.recording import LogRecords
from signer.domain import merkle
from signer.domain.audit import AuditEvent, AuditRecord


def record(number=0, **fields):
    return AuditRecord(event=AuditEvent.CODE_SENT, facts={"number": number}, **fields)


def write(database, chain, count):
    for number in range(count):
        with database.begin() as connection:
            chain.append(connection, record(number))


def logged(audit_log):
    with audit_log.snapshot() as snapshot:
        return list(snapshot.entries())


def root_of(entries):
    tree = merkle.GrowingTree()
    for entry in entries:
        tree.append(entry.hash)
    return tree.root()


def test_records_of_each_chain_keep_their_order(database, audit_log, new_writer):
    first, second = new_writer(), new_writer()
    for chain in (first, second, first):
        write(database, chain, 3)
        audit_log.append_new()
    entries = logged(audit_log)
    assert [entry.log_index for entry in entries] == list(range(9))
    for chain in (first, second):
        own = [entry.sequence for entry in entries if entry.writer == chain.writer_id]
        assert own == sorted(own)
    assert audit_log.size() == 9
    assert audit_log.waiting() == 0


def test_the_stored_tree_is_the_tree_of_all_entries(database, audit_log, audit_chain):
    """Appended in uneven rounds, so that frontiers of many shapes are continued."""
    write(database, audit_chain, 60)
    for limit in (1, 2, 3, 5, 7, 11, 13, 18):
        assert audit_log.append_new(limit).count == limit
    entries = logged(audit_log)
    roots = [root_of(entries[:size]) for size in range(61)]
    for size in range(61):
        assert audit_log.root(size) == roots[size]
    for index in (0, 17, 41, 59):
        proof = audit_log.inclusion(index, 60)
        assert merkle.is_included(entries[index].hash, index, 60, proof, roots[60])
    for first in (1, 29, 32, 59, 60):
        proof = audit_log.consistency(first, 60)
        assert merkle.is_consistent(first, 60, roots[first], roots[60], proof)


def test_appending_reads_only_the_frontier(database, audit_log, audit_chain):
    """Nothing below the frontier is needed: older nodes may be gone."""
    write(database, audit_chain, 33)
    audit_log.append_new(32)
    with database.begin() as connection:
        connection.execute(audit_node.delete().where(audit_node.c.level < 5))
    audit_log.append_new()
    assert audit_log.root(33) == root_of(logged(audit_log))


def test_beyond_the_log_there_is_no_root(audit_log):
    assert audit_log.root(0) == merkle.EMPTY_ROOT
    with pytest.raises(LookupError):
        audit_log.root(1)


def test_workers_at_once_take_turns(database, audit_log, new_writer):
    chains = [new_writer() for _ in range(3)]

    def work(number):
        if number % 2:
            write(database, chains[number % 3], 5)
        else:
            audit_log.append_new(7)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(24)))
    LogRecords(audit_log)()
    entries = logged(audit_log)
    assert [entry.log_index for entry in entries] == list(range(60))
    assert audit_log.root(60) == root_of(entries)


def test_a_broken_record_is_logged_and_answered_by_an_alarm(database, audit_log, audit_chain):
    write(database, audit_chain, 3)
    with database.begin() as connection:
        connection.execute(
            text("UPDATE audit_record SET body = replace(body, '1', '7') WHERE sequence = 2")
        )
    assert LogRecords(audit_log)() == 4
    alarm = logged(audit_log)[-1]
    assert alarm.event == "integrity.alarm"
    assert f"record 2 of writer {audit_chain.writer_id}" in alarm.body


def test_searching_filters_and_gives_the_newest_first(database, audit_log, audit_chain, clock):
    for number in range(4):
        with database.begin() as connection:
            audit_chain.append(connection, record(number, subject=f"s{number % 2}"))
        clock.advance(minutes=1)
    found = audit_log.search(subject="s1", event="code.sent")
    assert [entry.sequence for entry in found] == [4, 2]
    assert [entry.sequence for entry in audit_log.search(limit=1)] == [4]
    since = clock.now().replace() - (clock.now() - found[1].at)
    assert [entry.sequence for entry in audit_log.search(since=since, until=found[0].at)] == [3, 2]
    assert audit_log.search(transaction="t") == ()


def test_a_snapshot_does_not_move(database, audit_log, audit_chain):
    write(database, audit_chain, 2)
    with audit_log.snapshot() as snapshot:
        assert len(list(snapshot.records_of(audit_chain.writer_id))) == 2
        write(database, audit_chain, 1)
        audit_log.append_new()
        assert len(list(snapshot.records_of(audit_chain.writer_id))) == 2
        assert list(snapshot.entries()) == []


def test_long_chains_are_read_in_pages(database, audit_chain, monkeypatch):
    monkeypatch.setattr("signer.adapters.store.audit_rows.PAGE", 3)
    audit_log = SQLAuditLog(database, audit_chain)
    write(database, audit_chain, 9)
    audit_log.append_new()
    with audit_log.snapshot() as snapshot:
        chain = list(snapshot.records_of(audit_chain.writer_id))
        assert [one.sequence for one in chain] == list(range(1, 10))
        assert [one.log_index for one in snapshot.entries()] == list(range(9))
    assert chain[3].previous == chain[2].hash


def test_a_record_is_logged_once(database, audit_log, audit_chain):
    write(database, audit_chain, 2)
    assert audit_log.append_new().count == 2
    assert audit_log.append_new().count == 0
    with database.read() as connection:
        indexes = connection.execute(select(audit_record.c.log_index)).scalars().all()
    assert sorted(indexes) == [0, 1]
