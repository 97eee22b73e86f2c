"""Copies of all rows, and what must not come back to life with them."""

import pytest
from sqlalchemy import insert, select

from signer.adapters.store import dump
from signer.adapters.store.tables.activation import challenge, service_grant, signing_transaction
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import ConfigurationError, ConflictError
from signer.domain.transaction import TransactionState

RESTORED = AuditRecord(event=AuditEvent.BACKUP_RESTORED, actor="operator", facts={"sha256": "00"})


def put_challenge(database, clock):
    row = {
        "id": "c",
        "tenant": "t",
        "purpose": "login",
        "subject": "ç\u2028\n",
        "client_id": "x",
        "key_check_value": bytes(range(16)),
        "created_at": clock.now(),
        "expires_at": clock.now(),
    }
    with database.begin() as connection:
        connection.execute(insert(challenge), row)


def empty(database):
    with database.begin() as connection:
        connection.execute(challenge.delete())


def test_bytes_times_and_strange_texts_come_back_as_they_were(database, clock, tmp_path):
    put_challenge(database, clock)
    with database.read() as connection:
        before = connection.execute(select(challenge)).one()
    assert dump.dump_tables(database, tmp_path / "d")["challenge"] == 1
    empty(database)
    dump.load_tables(database, tmp_path / "d")
    with database.read() as connection:
        assert connection.execute(select(challenge)).one() == before


def test_nothing_is_loaded_over_rows_or_from_a_part(database, clock, tmp_path):
    put_challenge(database, clock)
    dump.dump_tables(database, tmp_path / "d")
    with pytest.raises(ConflictError, match="challenge"):
        dump.load_tables(database, tmp_path / "d")
    empty(database)
    file = tmp_path / "d" / "challenge.jsonl"
    whole = file.read_text(encoding="utf-8")
    for spoilt in (whole[:-20], whole.replace('"subject"', '"object"'), ""):
        file.write_text(spoilt, encoding="utf-8")
        with pytest.raises(ConfigurationError, match="challenge"):
            dump.load_tables(database, tmp_path / "d")
    file.unlink()
    with pytest.raises(ConfigurationError, match="challenge"):
        dump.load_tables(database, tmp_path / "d")
    with database.read() as connection:
        assert connection.execute(select(challenge)).all() == []


def test_open_rights_end_with_the_restore_and_its_record(database, audit_chain, clock):
    put_challenge(database, clock)
    grant = {
        "id": "g",
        "credential_id": "k",
        "client_id": "x",
        "bindings_sha256": bytes(32),
        "created_at": clock.now(),
    }
    states = {state: state.value for state in TransactionState}
    with database.begin() as connection:
        connection.execute(insert(service_grant), grant)
        for value in states.values():
            connection.execute(insert(signing_transaction), transaction(value, clock))
    ended = dump.end_what_was_open(database, audit_chain, clock, audit=RESTORED)
    assert ended == 3
    with database.read() as connection:
        rows = connection.execute(select(signing_transaction.c.id, signing_transaction.c.state))
        found = {row.id: row.state for row in rows}
        for table in (challenge, service_grant):
            assert connection.execute(select(table)).all() == []
    for value in ("created", "asked", "claimed"):
        assert found[value] == "failed"
    assert {v: found[v] for v in ("signed", "completing")} == {
        "signed": "signed",
        "completing": "completing",
    }


def transaction(state: str, clock) -> dict[str, object]:
    return {
        "id": state,
        "tenant": "t",
        "client_id": "x",
        "relying_party": "X",
        "purpose": "signature",
        "subject": "s",
        "state": state,
        "required_attributes": "[]",
        "attributes": "[]",
        "locale": "pt",
        "text_version": "1",
        "text_sha256": "",
        "codes_sent": 0,
        "created_at": clock.now(),
        "expires_at": clock.now(),
    }
