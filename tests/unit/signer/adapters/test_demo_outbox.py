"""The demo's outbox file."""

import threading

from signer.adapters.channels.demo_outbox import DemoOutbox, DemoOutboxChannel
from tests.fixtures.channels import a_message


def test_entries_are_newest_first_and_have_the_documented_fields(demo_outbox_path, clock):
    outbox = DemoOutbox(demo_outbox_path)
    channel = DemoOutboxChannel(outbox, clock, name="sms")
    for code in ("111111", "222222"):
        channel.deliver(a_message(code=code, text=f"Código {code}"))
    entries = outbox.read()
    assert [entry["code"] for entry in entries] == ["222222", "111111"]
    assert list(entries[0]) == ["channel", "to", "text", "code", "process", "at"]


def test_the_file_is_the_owners_only(demo_outbox_path, clock):
    DemoOutboxChannel(DemoOutbox(demo_outbox_path), clock, name="sms").deliver(a_message())
    assert demo_outbox_path.stat().st_mode & 0o777 == 0o600


def test_entries_are_chosen_by_address(demo_outbox_path, clock):
    outbox = DemoOutbox(demo_outbox_path)
    channel = DemoOutboxChannel(outbox, clock, name="sms")
    channel.deliver(a_message("+351910000001"))
    channel.deliver(a_message("+351910000002"))
    assert [entry["to"] for entry in outbox.read(to="+351910000001")] == ["+351910000001"]


def test_a_repeated_message_shows_once(demo_outbox_path, clock):
    outbox = DemoOutbox(demo_outbox_path)
    channel = DemoOutboxChannel(outbox, clock, name="sms")
    message = a_message()
    channel.deliver(message)
    channel.deliver(message)
    assert len(outbox.read()) == 1


def test_nothing_was_sent_when_there_is_no_file(demo_outbox_path):
    assert DemoOutbox(demo_outbox_path).read() == []


def test_writers_at_once_lose_no_line(demo_outbox_path, clock):
    channel = DemoOutboxChannel(DemoOutbox(demo_outbox_path), clock, name="sms")

    def write():
        for _ in range(10):
            channel.deliver(a_message(text="x" * 9000))

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(DemoOutbox(demo_outbox_path).read()) == 40
