"""Counts events without identity."""

from datetime import date

from sqlalchemy import select

from signer.adapters.store.engine import Database
from signer.adapters.store.tables.statistics import statistic
from signer.adapters.store.upsert import insert_for
from signer.domain.statistics import CountedEvent, EventCount
from signer.ports import Clock


class SQLStatistics:
    """One row per day, event, channel and client; counting is one statement."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def count(
        self, event: CountedEvent, *, channel: str = "", client: str = "", times: int = 1
    ) -> None:
        """Add ``times``.  Never pass a person's identifier as ``client``."""
        row = {
            "day": self._clock.now().date().isoformat(),
            "event": event.value,
            "channel": channel,
            "client": client,
            "count": times,
        }
        with self._database.begin() as connection:
            connection.execute(
                insert_for(connection, statistic)
                .values(row)
                .on_conflict_do_update(
                    index_elements=[column.name for column in statistic.primary_key],
                    set_={"count": statistic.c.count + times},
                )
            )

    def between(self, first: date, last: date) -> tuple[EventCount, ...]:
        """Counts of the UTC days ``first`` … ``last``, both included, in a fixed order."""
        wanted = (
            select(statistic)
            .where(statistic.c.day.between(first.isoformat(), last.isoformat()))
            .order_by(*statistic.primary_key)
        )
        with self._database.read() as connection:
            return tuple(
                EventCount(
                    day=date.fromisoformat(row.day),
                    event=CountedEvent(row.event),
                    channel=row.channel,
                    client=row.client,
                    count=row._mapping["count"],  # noqa: SLF001 - row.count is tuple's method
                )
                for row in connection.execute(wanted)
            )
