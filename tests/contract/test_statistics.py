"""Counting events, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from signer.adapters.store.statistics import SQLStatistics
from signer.domain.statistics import CountedEvent, EventCount


def test_events_are_counted_per_day_channel_and_client(database, clock):
    statistics = SQLStatistics(database, clock)
    today = clock.now().date()
    statistics.count(CountedEvent.CODE_SENT, channel="sms", client="a")
    statistics.count(CountedEvent.CODE_SENT, channel="sms", client="a")
    statistics.count(CountedEvent.CODE_SENT, channel="email", client="a")
    statistics.count(CountedEvent.GRANTED, client="b")
    clock.advance(days=1)
    statistics.count(CountedEvent.GRANTED, client="b")

    def counted(day, event, channel, client, count):
        return EventCount(day=day, event=event, channel=channel, client=client, count=count)

    assert statistics.between(today, today) == (
        counted(today, CountedEvent.CODE_SENT, "email", "a", 1),
        counted(today, CountedEvent.CODE_SENT, "sms", "a", 2),
        counted(today, CountedEvent.GRANTED, "", "b", 1),
    )
    tomorrow = today + timedelta(days=1)
    assert statistics.between(tomorrow, tomorrow) == (
        counted(tomorrow, CountedEvent.GRANTED, "", "b", 1),
    )


def test_no_count_is_lost_between_threads(database, clock):
    statistics = SQLStatistics(database, clock)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(statistics.count, CountedEvent.ASKED) for _ in range(200)]:
            done.result()
    today = clock.now().date()
    assert [entry.count for entry in statistics.between(today, today)] == [200]
