"""Which part of a window rollups can serve: up to the mark, in whole days and hours; what is newer comes from facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.storage.client import EPOCH, of_ms, to_ms
from collector.storage.rollups import DAY, HOUR, floor

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Cover:
    """Rollups hold every row of the days before *days_until* and of the hours before *hours_until*."""

    days_until: datetime = EPOCH
    hours_until: datetime = EPOCH

    @classmethod
    def of(cls, mark_ms: int, marks: int) -> Cover:
        """As the row of rollup_sql.MARK says; nothing is covered before the first round."""
        if not marks:
            return cls()
        mark = of_ms(mark_ms)
        return cls(floor(mark, DAY), floor(mark, HOUR))

    def by_day(self, start: datetime, end: datetime) -> dict[str, int]:
        """
        The borders of [start, end) as query parameters, in ms: a <= d <= h <= b.

        Days serve [a, d), hours [d, h), facts [h, b). A window that does not begin at midnight is facts alone.
        """
        a, b = to_ms(start), to_ms(end)
        if start != floor(start, DAY):
            return {"a": a, "d": a, "h": a, "b": b}
        d = min(max(a, to_ms(self.days_until)), to_ms(floor(end, DAY)))
        return {"a": a, "d": d, "h": min(max(d, to_ms(self.hours_until)), max(d, to_ms(floor(end, HOUR)))), "b": b}

    def by_hour(self, start: datetime, end: datetime) -> dict[str, int]:
        """The borders of [start, end), from the start of the first hour: hours serve [a, h), facts [h, b)."""
        a, b = to_ms(floor(start, HOUR)), to_ms(end)
        return {"a": a, "h": min(max(a, to_ms(self.hours_until)), max(a, to_ms(floor(end, HOUR)))), "b": b}

    def within(self, start: datetime, end: datetime) -> dict[str, int]:
        """
        The borders of exactly [start, end): a <= f <= p <= d <= h <= b.

        Days serve [p, d), hours [f, p) and [d, h), or all of [f, h), facts what is before f and from h on.
        """
        f = min(_ceiling(start, HOUR), end)
        h = min(max(f, self.hours_until), max(f, floor(end, HOUR)))
        p = min(_ceiling(start, DAY), h)
        d = min(max(p, floor(min(self.days_until, end), DAY)), h)
        return {name: to_ms(at) for name, at in {"a": start, "f": f, "p": p, "d": d, "h": h, "b": end}.items()}


def _ceiling(stamp: datetime, step: timedelta) -> datetime:
    below = floor(stamp, step)
    return below if below == stamp else below + step


def rounded_step_s(step_s: int) -> int:
    """A step of a chart: whole hours once it is longer than one, so that rollups can serve it."""
    return step_s if step_s < HOUR_S else -(-step_s // HOUR_S) * HOUR_S
