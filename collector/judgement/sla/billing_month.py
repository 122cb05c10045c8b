"""Billing months: from a day of the month to the same day of the next, at midnight in the contract's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, order=True)
class BillingMonth:
    """
    [begins, ends), in UTC; *label* is the year and the month in which it begins (`2026-10`).

    since: the day from which terms held that came into force within it, which hold for a part of it; else None.
    """

    begins: datetime
    ends: datetime
    label: str
    since: date | None = None

    @property
    def name(self) -> str:
        """What tells it from the part of the same month that other terms held for: `2026-10 from 2026-10-15`."""
        return self.label if self.since is None else f"{self.label} from {self.since}"

    @property
    def seconds(self) -> float:
        """Its length; a month in which clocks are changed is an hour longer or shorter."""
        return (self.ends - self.begins).total_seconds()


def billing_month(label: str, zone: str, first_day: int) -> BillingMonth:
    """The billing month that begins on *first_day* (1 to 28) of the month *label* (`2026-10`) in *zone*."""
    year, month = int(label[:4]), int(label[5:])
    return BillingMonth(
        begins=midnight(date(year, month, first_day), zone),
        ends=midnight(_first(year, month + 1, first_day), zone),
        label=label,
    )


def billing_month_at(at: datetime, zone: str, first_day: int) -> BillingMonth:
    """The billing month that holds *at*."""
    day = local_day(at, zone)
    first = _first(day.year, day.month - (day.day < first_day), first_day)
    return billing_month(f"{first:%Y-%m}", zone, first_day)


def following(label: str, months: int) -> str:
    """The label of the month that is *months* after *label*; before it when negative."""
    return f"{_first(int(label[:4]), int(label[5:]) + months, 1):%Y-%m}"


def local_day(at: datetime, zone: str) -> date:
    """The day that *at* falls on in *zone*."""
    return at.astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """When *day* begins in *zone*, in UTC."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def end_of_day(day: date, zone: str, days_later: int = 0) -> datetime:
    """When the day *days_later* after *day* ends in *zone*, in UTC."""
    return midnight(day + timedelta(days=days_later + 1), zone)


def _first(year: int, month: int, day: int) -> date:
    """*day* of *month*, which may lie before 1 or after 12."""
    years, months = divmod(month - 1, 12)
    return date(year + years, months + 1, day)
