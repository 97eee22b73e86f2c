"""The outbox on both databases: with its cause, by one worker, at least once, and then erased."""

import signal
import subprocess
import sys
import threading
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from signer.adapters.channels.demo_outbox import DemoOutbox, DemoOutboxChannel
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.outbox import SQLOutbox
from signer.adapters.store.tables.audit import audit_record
from signer.adapters.store.tables.outbox import outbox as rows
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.outgoing import MessageKind, MessageState, OutgoingMessage
from signer.domain.values import Secret
from signer.operations.deliver import Deliver
from signer.operations.outgoing import CodePurpose, Composer, Recipient
from signer.texts import Texts
from tests.fixtures.channels import RecordingChannel

LEASE = timedelta(seconds=60)
ROOT = Path(__file__).resolve().parents[2]
RECORD = AuditRecord(event=AuditEvent.NOTICE_SENT)


def a_row(clock, **changes):
    values = {
        "id": str(uuid.uuid4()),
        "kind": MessageKind.CODE,
        "channels": ("sms", "email"),
        "body": b"ciphertext",
        "created_at": clock.now(),
        "expires_at": clock.now() + timedelta(minutes=5),
        "subject": "signer-1",
        "process": str(uuid.uuid4()),
    }
    return OutgoingMessage(**values | changes)


@pytest.fixture
def outbox(database, audit_chain, clock):
    return SQLOutbox(database, audit_chain, clock)


def body_of(database, message_id):
    with database.read() as connection:
        query = select(rows.c.body).where(rows.c.id == message_id)
        return connection.execute(query).scalar_one()


def test_a_message_of_a_rolled_back_change_never_goes_out(outbox, database, clock):
    def change_that_fails():
        with database.begin() as connection:
            outbox.enqueue(connection, a_row(clock))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_that_fails()
    assert outbox.claim(10, LEASE) == ()


def test_a_claimed_message_is_what_was_written(outbox, clock):
    message = a_row(clock)
    outbox.put(message)
    (claimed,) = outbox.claim(10, LEASE)
    assert claimed.message == message
    assert claimed.message.aad() == message.aad()
    assert (claimed.route.channels, claimed.attempts) == (("sms", "email"), 1)


def test_nobody_claims_a_leased_message_before_its_lease_ends(outbox, clock):
    outbox.put(a_row(clock))
    assert len(outbox.claim(10, LEASE)) == 1
    clock.advance(seconds=59)
    assert outbox.claim(10, LEASE) == ()
    clock.advance(seconds=1)
    (again,) = outbox.claim(10, LEASE)
    assert again.attempts == 2


def test_a_worker_that_lost_its_lease_cannot_mark(outbox, clock):
    outbox.put(a_row(clock))
    (slow,) = outbox.claim(10, LEASE)
    clock.advance(seconds=61)
    (fast,) = outbox.claim(10, LEASE)
    assert not outbox.holds(slow)
    assert not outbox.mark_sent(slow, "sms", "r1", audit=RECORD)
    assert not outbox.retry(slow, slow.route, clock.now())
    assert outbox.mark_sent(fast, "sms", "r2", audit=RECORD)
    assert outbox.delivery(fast.message.id).receipt == "r2"


def test_codes_go_before_notices_and_kinds_can_be_chosen(outbox, clock):
    kinds = (MessageKind.WEBHOOK, MessageKind.NOTICE, MessageKind.CODE)
    outbox.put(*(a_row(clock, kind=kind, process="") for kind in kinds[:2]), a_row(clock))
    (first,) = outbox.claim(1, LEASE)
    assert first.message.kind is MessageKind.CODE
    (hook,) = outbox.claim(5, LEASE, (MessageKind.WEBHOOK,))
    assert hook.message.kind is MessageKind.WEBHOOK


def test_a_sent_message_is_erased_and_audited_in_one_transaction(outbox, database, clock):
    message = a_row(clock)
    outbox.put(message)
    (claimed,) = outbox.claim(1, LEASE)
    assert body_of(database, message.id) == b"ciphertext"
    assert outbox.mark_sent(claimed, "sms", "gw-7", audit=RECORD)
    assert body_of(database, message.id) is None
    assert outbox.delivery(message.id).state is MessageState.SENT
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(audit_record)).scalar() == 1


def test_expiry_erases_bodies_and_nothing_expired_is_claimed(outbox, database, clock):
    queued, leased = a_row(clock), a_row(clock)
    outbox.put(queued, leased)
    outbox.claim(1, LEASE)
    clock.advance(minutes=5)
    assert outbox.claim(10, LEASE) == ()
    ended = outbox.expire(lambda _: RECORD)
    assert {delivery.id for delivery in ended} == {queued.id, leased.id}
    assert body_of(database, queued.id) is None
    assert body_of(database, leased.id) is None
    assert outbox.expire(lambda _: RECORD) == ()


def test_a_newer_code_cancels_the_unsent_one_even_while_it_is_leased(outbox, database, clock):
    process = str(uuid.uuid4())
    old, new = a_row(clock, process=process), a_row(clock, process=process)
    other = a_row(clock)
    outbox.put(old, other)
    claimed = next(c for c in outbox.claim(10, LEASE) if c.message.id == old.id)
    outbox.put(new)
    assert outbox.delivery(old.id).state is MessageState.CANCELLED
    assert body_of(database, old.id) is None
    assert not outbox.holds(claimed)
    assert not outbox.mark_sent(claimed, "sms", "r", audit=RECORD)
    assert outbox.delivery(other.id).state is MessageState.QUEUED
    assert [c.message.id for c in outbox.claim(10, LEASE)] == [new.id]


def test_cancelling_a_process_leaves_its_notices(outbox, database, clock):
    process = str(uuid.uuid4())
    code = a_row(clock, process=process)
    notice = a_row(clock, process=process, kind=MessageKind.NOTICE)
    outbox.put(code, notice)
    with database.begin() as connection:
        outbox.cancel(connection, process)
    assert [c.message.id for c in outbox.claim(10, LEASE)] == [notice.id]


def test_a_delivery_report_counts_once_and_only_for_its_channel(outbox, clock):
    message = a_row(clock)
    outbox.put(message)
    outbox.mark_sent(outbox.claim(1, LEASE)[0], "sms", "gw-1", audit=RECORD)

    def report(channel, receipt):
        return outbox.record_delivery(channel, receipt, arrived=True, audit=lambda _: RECORD)

    assert report("email", "gw-1") is None
    assert report("sms", "") is None
    assert report("sms", "gw-1").id == message.id
    assert report("sms", "gw-1") is None
    assert outbox.deliveries(message.process)[0].state is MessageState.DELIVERED


def test_the_backlog_says_how_long_the_oldest_waits(outbox, clock):
    outbox.put(a_row(clock), a_row(clock))
    clock.advance(seconds=40)
    assert outbox.backlog() == (2, timedelta(seconds=40))


def test_of_four_racing_workers_each_message_is_handled_by_one(database, clock):
    setup = SQLOutbox(database, AuditChain(clock), clock)
    setup.put(*(a_row(clock) for _ in range(40)))
    handled, lock, start = [], threading.Lock(), threading.Barrier(4)

    def work():
        mine = SQLOutbox(database, AuditChain(clock), clock)
        start.wait()
        while batch := mine.claim(3, LEASE):
            for claimed in batch:
                won = mine.mark_sent(claimed, "sms", claimed.message.id, audit=RECORD)
                with lock:
                    handled.append((claimed.message.id, won))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # A worker may find nothing while others hold locks, so what is left goes in one more pass.
    handled += [
        (claimed.message.id, setup.mark_sent(claimed, "sms", "", audit=RECORD))
        for claimed in setup.claim(40, LEASE)
    ]
    assert len(handled) == len({message for message, _ in handled}) == 40
    assert all(won for _, won in handled)


WORKER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from signer.adapters.channels.demo_outbox import DemoOutbox, DemoOutboxChannel
from signer.adapters.store.audit_chain import AuditChain
from signer.adapters.store.engine import open_database
from signer.adapters.store.outbox import SQLOutbox
from signer.operations.deliver import Deliver
from tests.fixtures.vault import FakeVault

class Clock:
    def now(self):
        return datetime.now(UTC)

class Statistics:
    def count(self, event, channel="", client=""):
        pass

class SendsThenHangs(DemoOutboxChannel):
    def deliver(self, message):
        super().deliver(message)
        print("sent", flush=True)
        time.sleep(60)
        return ""

url, path, seed = sys.argv[1:]
database, clock = open_database(url), Clock()
channel = SendsThenHangs(DemoOutbox(Path(path)), clock, name="sms")
store = SQLOutbox(database, AuditChain(clock), clock)
Deliver(store, FakeVault(bytes.fromhex(seed)), {"sms": channel}, Statistics(), clock)()
"""


class NoStatistics:
    def count(self, event, channel="", client=""):
        pass


def test_a_message_of_a_worker_killed_after_sending_goes_again_with_the_same_code(
    outbox, database, database_url, clock, tmp_path, demo_outbox_path
):
    from tests.fixtures.vault import FakeVault

    seed = bytes(range(32))
    vault = FakeVault(seed)
    composer = Composer(vault, Texts(), clock, service="Chancela", contact="21 000 00 00")
    person = Recipient(subject="s", locale="pt", addresses={"sms": "+351912345678"})
    expiry = clock.now() + timedelta(minutes=30)
    outbox.put(
        composer.code_message(
            person, Secret("493018"), CodePurpose.ACCOUNT, process="p1", expires_at=expiry
        )
    )
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    command = [sys.executable, script, database_url, demo_outbox_path, seed.hex()]
    with subprocess.Popen(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout.readline() == b"sent\n"
        worker.send_signal(signal.SIGKILL)
    assert outbox.claim(10, LEASE) == ()
    clock.advance(minutes=5)
    demo = DemoOutbox(demo_outbox_path)
    channels = {"sms": DemoOutboxChannel(demo, clock, name="sms")}
    assert Deliver(outbox, vault, channels, NoStatistics(), clock)() == 1
    assert len(demo_outbox_path.read_bytes().splitlines()) == 2
    (entry,) = demo.read()
    assert entry["code"] == "493018"
    (delivery,) = outbox.deliveries("p1")
    assert (delivery.state, delivery.attempts) == (MessageState.SENT, 2)
    assert body_of(database, delivery.id) is None


def test_bodies_swapped_between_rows_do_not_open(outbox, database, clock, fake_vault):
    composer = Composer(fake_vault, Texts(), clock, service="Chancela", contact="21 000 00 00")
    people = [
        Recipient(subject=f"s{n}", locale="pt", addresses={"sms": f"+35191234567{n}"})
        for n in range(2)
    ]
    written = [
        composer.code_message(
            person, Secret(f"49301{n}"), CodePurpose.ACCOUNT, process=f"p{n}",
            expires_at=clock.now() + timedelta(minutes=5),
        )
        for n, person in enumerate(people)
    ]  # fmt: skip
    outbox.put(*written)
    with database.begin() as connection:
        for ours, theirs in (written, written[::-1]):
            connection.execute(rows.update().where(rows.c.id == ours.id).values(body=theirs.body))
    channel = RecordingChannel()
    Deliver(outbox, fake_vault, {"sms": channel}, NoStatistics(), clock)()
    assert channel.messages == []
    assert {outbox.delivery(m.id).state for m in written} == {MessageState.DEAD}
    with database.read() as connection:
        events = connection.execute(select(audit_record.c.event)).scalars().all()
    assert events == [AuditEvent.INTEGRITY_ALARM.value] * 2
