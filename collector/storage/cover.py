"""Which part of a window rollups can serve, in whole days and hours; what is newer, or came late, comes from facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.storage import rollup_sql
from collector.storage.client import EPOCH, FAR, of_ms, to_ms
from collector.storage.rollup import between
from collector.storage.rollups import DAY, HOUR, floor

HOUR_S = 3600
IN_HOURS = between("f", "h")  # that serve [f, h)
BESIDE_DAYS = "(t < fromUnixTimestamp64Milli({p:Int64}) OR t >= fromUnixTimestamp64Milli({d:Int64}))"  # of these hours
BEYOND_HOURS = "(tick < fromUnixTimestamp64Milli({f:Int64}) OR tick >= fromUnixTimestamp64Milli({h:Int64}))"  # facts
Rows = Callable[..., Sequence[Sequence[Any]]]  # of a query and its parameters


@dataclass(frozen=True, slots=True)
class Cover:
    """
    Rollups hold all rows, and no other, of the days before *days_until* and of the hours before *hours_until*.

    *known*: of those, what was taken in later is in none.
    """

    days_until: datetime = EPOCH
    hours_until: datetime = EPOCH
    known: datetime = EPOCH

    @classmethod
    def read(
        cls,
        rows: Rows,
        start: datetime,
        end: datetime,
        *,
        at: datetime | None = None,
        marks: Sequence[str] = (rollup_sql.CLUSTERS,),
    ) -> Cover:
        """
        What the store says of [start, end): up to the oldest of *marks*, and to the first tick of what came since.

        With *at*, as known then: up to the first tick of what was taken in at that instant or later. Nothing is covered
        before the first round. *rows* asks a query of rollup_sql.
        """
        window = {"a": to_ms(floor(start, HOUR)), "b": to_ms(end), "at": to_ms(at or FAR)}
        known_ms, found, first_ms, newer = rows(rollup_sql.KNOWN, names=list(marks), **window)[0]
        if found < len(marks):
            return cls()
        known = of_ms(known_ms)
        until = of_ms(min(known_ms, first_ms)) if newer else known
        return cls(floor(until, DAY), floor(until, HOUR), known)

    @classmethod
    def days(cls, rows: Rows, start: datetime, end: datetime, *, at: datetime | None = None) -> dict[str, int]:
        """The borders of [start, end) as `by_day` has them, of what the store says; as `read`."""
        cover = cls.read(rows, start, end, at=at) if start == floor(start, DAY) else cls()
        return cover.by_day(start, end)

    def by_day(self, start: datetime, end: datetime) -> dict[str, int]:
        """
        The borders of [start, end) as query parameters, in ms: a <= d <= h <= b.

        Days serve [a, d), hours [d, h), facts [h, b). A window that does not begin at midnight is facts alone.
        """
        if start != floor(start, DAY):
            return _in_ms(a=start, d=start, h=start, b=end)
        d = min(max(start, self.days_until), floor(end, DAY))
        return _in_ms(a=start, d=d, h=self._hours_end(d, end), b=end)

    def by_hour(self, start: datetime, end: datetime) -> dict[str, int]:
        """The borders of [start, end), from the start of the first hour: hours serve [a, h), facts [h, b)."""
        a = floor(start, HOUR)
        return _in_ms(a=a, h=self._hours_end(a, end), b=end)

    def within(self, start: datetime, end: datetime) -> dict[str, int]:
        """
        The borders of exactly [start, end): a <= f <= p <= d <= h <= b.

        Days serve [p, d), hours [f, p) and [d, h), or all of [f, h), facts what is before f and from h on.
        """
        f = min(_ceiling(start, HOUR), end)
        h = self._hours_end(f, end)
        p = min(_ceiling(start, DAY), h)
        d = min(max(p, floor(min(self.days_until, end), DAY)), h)
        return _in_ms(a=start, f=f, p=p, d=d, h=h, b=end)

    def _hours_end(self, first: datetime, end: datetime) -> datetime:
        """Where hours that begin at *first* stop to serve a window that ends at *end*."""
        return min(max(first, self.hours_until), max(first, floor(end, HOUR)))


def _in_ms(**borders: datetime) -> dict[str, int]:
    return {name: to_ms(border) for name, border in borders.items()}


def _ceiling(stamp: datetime, step: timedelta) -> datetime:
    below = floor(stamp, step)
    return below if below == stamp else below + step


def union_of(parts: Mapping[tuple[str, str], str], borders: Mapping[str, int]) -> str:
    """
    Of *parts*, each from one of *borders* to another, those that hold something, as one; the last when none does.

    What holds nothing takes as long to plan as what does: half of the time of all providers over whole days.
    """
    held = [sql for (low, high), sql in parts.items() if borders[low] < borders[high]]
    return "\n  UNION ALL\n".join(held or [*parts.values()][-1:])


def rounded_step_s(step_s: int) -> int:
    """A step of a chart: whole hours once it is longer than one, so that rollups can serve it."""
    return step_s if step_s < HOUR_S else -(-step_s // HOUR_S) * HOUR_S
