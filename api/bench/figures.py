"""Times and CPU of repeated operations, and the one line that each becomes."""

import os
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_STAT_UTIME: Final = 11
"""Index of utime after the command in ``/proc/<pid>/stat``; stime follows."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What repeating one operation took."""

    wall: tuple[float, ...]
    """Seconds of each repetition, in the order they were made."""
    cpu_seconds: float
    """User and system time of all repetitions together."""
    elapsed: float
    """Seconds from the first start to the last end."""

    @property
    def rate(self) -> float:
        """Operations per second."""
        return len(self.wall) / self.elapsed

    @property
    def cpu_ms(self) -> float:
        """CPU of one operation."""
        return 1000 * self.cpu_seconds / len(self.wall)

    def percentile_ms(self, share: float) -> float:
        """The value that ``share`` of the repetitions do not exceed."""
        ordered = sorted(self.wall)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median_ms(self) -> float:
        """p50."""
        return self.percentile_ms(0.5)


def measure(operation: Callable[[], object], repetitions: int, *, warm: int = 3) -> Measured:
    """Repeat in this process; ``warm`` more go before and do not count."""
    for _ in range(warm):
        operation()
    wall = []
    cpu, start = process_cpu(), time.perf_counter()
    for _ in range(repetitions):
        before = time.perf_counter()
        operation()
        wall.append(time.perf_counter() - before)
    elapsed = time.perf_counter() - start
    return Measured(tuple(wall), process_cpu() - cpu, elapsed)


def measure_each(operations: Iterable[Callable[[], object]]) -> Measured:
    """Time operations that are prepared one by one; preparing is not counted."""
    wall, cpu = [], 0.0
    for operation in operations:
        cpu_before, before = process_cpu(), time.perf_counter()
        operation()
        wall.append(time.perf_counter() - before)
        cpu += process_cpu() - cpu_before
    return Measured(tuple(wall), cpu, sum(wall))


def process_cpu() -> float:
    """Seconds of user and system time of this process, its threads and ended children."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tree_cpu(parent: int) -> float:
    """Seconds of user and system time of a process and all that descend from it.

    Raises OSError where there is no ``/proc``.
    """
    return sum(_cpu_of(pid) for pid in _tree(parent))


def _tree(parent: int) -> Sequence[int]:
    found = [parent]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*"):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_STAT_UTIME]) + int(fields[_STAT_UTIME + 1])) / _TICK


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One operation beside its floor and target."""

    name: str
    measured: Measured
    floor_ms: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    """None: the row has no target and is printed for comparison."""
    note: str = ""

    def as_json(self) -> dict[str, object]:
        """The members of design section 9."""
        one = self.measured
        return {
            "name": self.name,
            "rate": round(one.rate, 3),
            "p50_ms": round(one.median_ms, 3),
            "p95_ms": round(one.percentile_ms(0.95), 3),
            "p99_ms": round(one.percentile_ms(0.99), 3),
            "cpu_ms": round(one.cpu_ms, 3),
            "floor_ms": None if self.floor_ms is None else round(self.floor_ms, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "target": self.target,
        }

    def as_text(self) -> str:
        """One line for people."""
        one = self.as_json()
        mark = {None: " ", True: "✓", False: "✗"}[self.met]
        floor = "" if self.floor_ms is None else f" floor {one['floor_ms']} ms"
        ratio = "" if self.ratio is None else f" ratio {one['ratio']}"
        target = f" target {self.target}" if self.target else ""
        note = f" ({self.note})" if self.note else ""
        return (
            f"{mark} {self.name}: {one['rate']}/s, p50 {one['p50_ms']} p95 {one['p95_ms']} "
            f"p99 {one['p99_ms']} ms, CPU {one['cpu_ms']} ms{floor}{ratio}{target}{note}"
        )


def compared(
    name: str, measured: Measured, floor_ms: float, value_ms: float, limit: float, note: str = ""
) -> Row:
    """A row whose target is ``value_ms`` at most ``limit`` times ``floor_ms``."""
    ratio = value_ms / floor_ms
    return Row(
        name=name,
        measured=measured,
        floor_ms=floor_ms,
        ratio=ratio,
        target=f"≤ {limit} of floor",
        met=ratio <= limit,
        note=note,
    )
