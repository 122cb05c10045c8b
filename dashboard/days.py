"""What a day's bar says: one word for each day, from counts; the rule is printed on the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from collector.storage.day_bars import DayBar

SPANS = (30, 60, 90)
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


MEANING = {
    Mark.GOOD: f"below {MINOR:.1%} failed",
    Mark.SLOW: f"above {SLOW:.0%} slow or wrong",
    Mark.MINOR: f"{MINOR:.1%} or more",
    Mark.BAD: f"{BAD:.0%} or more",
    Mark.SEVERE: f"{SEVERE:.0%} or more failed",
    Mark.PARTIAL: "mostly not observed",
    Mark.UNKNOWN: "no data",
}


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


def span(bars: Iterable[DayBar], today: date) -> int:
    """How many days to show: 30, or 60 or 90 when there is anything that old."""
    oldest = min((bar.day for bar in bars), default=today)
    return next((days for days in SPANS if oldest > today - timedelta(days=days + 1)), SPANS[-1])


def row(bars: Iterable[DayBar], today: date, days: int) -> tuple[Day, ...]:
    """The last *days* days, oldest first, with every bar added to its day; days without one are unknown."""
    counts: dict[date, list[int]] = {}
    for bar in bars:
        sums = counts.setdefault(bar.day, [0] * 5)
        for index, n in enumerate((bar.ok, bar.degraded, bar.failed, bar.unknown, bar.not_observed)):
            sums[index] += n
    wanted = (today - timedelta(days=back) for back in range(days - 1, -1, -1))
    return tuple(Day(day, *counts.get(day, ())) for day in wanted)
