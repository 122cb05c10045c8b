"""Periods that reports are of: UTC days, weeks from Monday, calendar months; which one closed last. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from schemas.reports import Every

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """[begins, ends), midnights of UTC, and the name it is filed under: `2026-10`, `2026-W43`, `2026-10-31`."""

    begins: datetime
    ends: datetime
    label: str


def last_closed(every: Every, at: time, now: datetime) -> Period:
    """The last period whose report is due at *now*: it has ended, and the time of day *at* has passed since."""
    today = now.astimezone(UTC)
    newest = today.date() if today.time() >= at else today.date() - DAY
    ends = _begin(every, newest)
    begins = _begin(every, ends - DAY)
    return Period(_midnight(begins), _midnight(ends), _label(every, begins))


def _begin(every: Every, day: date) -> date:
    """The first day of the period that *day* is in."""
    match every:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def _label(every: Every, begins: date) -> str:
    return begins.strftime({"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}[every])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
