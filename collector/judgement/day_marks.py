"""What a day's bar says: one word for each day, from counts; the rule is printed where bars are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from collector.judgement.wording import percent

MINOR, BAD, SEVERE = 0.005, 0.02, 0.05  # shares of a day's answered or failed probes that failed
SLOW = 0.05
KNOWN_MIN_SHARE = 0.5


class Mark(StrEnum):
    """How a day is drawn; height and colour both tell."""

    GOOD = "good"
    SLOW = "slow"
    MINOR = "minor"
    BAD = "bad"
    SEVERE = "severe"
    PARTIAL = "partial"  # more than half of it unknown
    UNKNOWN = "unknown"


MEANING: Mapping[Mark, str] = MappingProxyType(
    {
        Mark.GOOD: f"below {MINOR:.1%} failed",
        Mark.SLOW: f"above {SLOW:.0%} slow or wrong",
        Mark.MINOR: f"{MINOR:.1%} or more",
        Mark.BAD: f"{BAD:.0%} or more",
        Mark.SEVERE: f"{SEVERE:.0%} or more failed",
        Mark.PARTIAL: "mostly not observed",
        Mark.UNKNOWN: "no data",
    }
)


class Counted(Protocol):
    """Counts of one UTC day."""

    @property
    def day(self) -> date:
        """The day."""
        ...

    @property
    def ok(self) -> int:
        """Answered as asked."""
        ...

    @property
    def degraded(self) -> int:
        """Answered, slow or wrong."""
        ...

    @property
    def failed(self) -> int:
        """By the provider's fault."""
        ...

    @property
    def unknown(self) -> int:
        """Failed, and not by the provider's fault as far as anybody knows."""
        ...

    @property
    def not_observed(self) -> int:
        """By our fault."""
        ...


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a provider or cluster."""

    day: date
    ok: int = 0
    degraded: int = 0
    failed: int = 0
    unknown: int = 0
    not_observed: int = 0

    @property
    def known(self) -> int:
        """Good or bad, not unknown."""
        return self.ok + self.degraded + self.failed

    @property
    def n(self) -> int:
        """Every tick."""
        return self.known + self.unknown + self.not_observed

    @property
    def availability(self) -> float | None:
        """The share of known probes that were answered; None without any."""
        return (self.ok + self.degraded) / self.known if self.known else None

    @property
    def mark(self) -> Mark:
        """The one word for the day."""
        if self.known == 0:
            return Mark.UNKNOWN
        failed = self.failed / self.known
        for mark, line in ((Mark.SEVERE, SEVERE), (Mark.BAD, BAD), (Mark.MINOR, MINOR)):
            if failed >= line:
                return mark
        if self.known < KNOWN_MIN_SHARE * self.n:
            return Mark.PARTIAL
        return Mark.SLOW if self.degraded > SLOW * self.known else Mark.GOOD


def row(bars: Iterable[Counted], today: date, days: int) -> tuple[Day, ...]:
    """The last *days* days, oldest first, with every bar added to its day; days without one are unknown."""
    counts: dict[date, list[int]] = {}
    for bar in bars:
        sums = counts.setdefault(bar.day, [0] * 5)
        for index, n in enumerate((bar.ok, bar.degraded, bar.failed, bar.unknown, bar.not_observed)):
            sums[index] += n
    wanted = (today - timedelta(days=back) for back in range(days - 1, -1, -1))
    return tuple(Day(day, *counts.get(day, ())) for day in wanted)


def day_title(day: Day) -> str:
    """The numbers of one day."""
    if day.n == 0:
        return f"{day.day:%a %d %b %Y}: no data"
    parts = [f"{percent(day.availability)} of {day.known} probes answered"]
    for count, words in (
        (day.failed, "failed"),
        (day.degraded, "slow or wrong"),
        (day.unknown, "failed, fault unknown"),
        (day.not_observed, "not observed"),
    ):
        if count:
            parts.append(f"{count} {words}")
    return f"{day.day:%a %d %b %Y}: " + ", ".join(parts)


def summary(days: Iterable[Day]) -> str:
    """A row of days in words, for who cannot see it."""
    marks = [day.mark for day in days]
    good = sum(mark in {Mark.GOOD, Mark.SLOW} for mark in marks)
    failing = sum(mark in {Mark.MINOR, Mark.BAD, Mark.SEVERE} for mark in marks)
    return (
        f"{len(marks)} days: {good} good, {failing} with failures, {len(marks) - good - failing} with too little data"
    )
