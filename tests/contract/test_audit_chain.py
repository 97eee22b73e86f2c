"""The audit chain on both databases."""

from sqlalchemy import select

from signer.adapters.store.audit_chain import GENESIS
from signer.adapters.store.tables.audit import audit_record
from signer.domain.audit import AuditEvent, AuditRecord, chain_hash


def record(**facts):
    return AuditRecord(event=AuditEvent.SIGNATURE_MADE, subject="s", facts=facts)


def test_each_record_links_to_the_one_before(database, audit_chain):
    for number in range(3):
        with database.begin() as connection:
            audit_chain.append(connection, record(number=number), record(number=-number))
    with database.read() as connection:
        rows = connection.execute(select(audit_record).order_by(audit_record.c.sequence)).all()
    assert [row.sequence for row in rows] == [1, 2, 3, 4, 5, 6]
    head = GENESIS
    for row in rows:
        head = chain_hash(head, row.body)
        assert row.hash == head
