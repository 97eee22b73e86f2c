"""The machine's clock, in UTC."""

from datetime import UTC, datetime


class SystemClock:
    """The one place that asks the operating system for the time."""

    def now(self) -> datetime:
        """Aware UTC, microseconds."""
        return datetime.now(UTC)  # noqa: TID251 - this is the Clock
