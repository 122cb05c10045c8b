"""Good and bad events of one target as a series, and what a burn rate says of it at any instant."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from collector.judgement.burn_rate import BurnReading, Counts, Tally, readings
from schemas.objectives import Objective

START = datetime(2026, 11, 1, tzinfo=UTC)
TARGET = "acme/east/chat"


@dataclass(frozen=True, slots=True)
class Series:
    """Events at *seconds* after START, ascending; *bad_before[n]* are bad among the first n."""

    seconds: Sequence[float]
    bad_before: Sequence[int]

    @classmethod
    def of(cls, seconds: Sequence[float], bad: Sequence[bool]) -> Series:
        """The series of these events."""
        return cls(seconds, [0, *accumulate(map(int, bad))])

    @classmethod
    def every(cls, step_s: float, bad: Sequence[bool]) -> Series:
        """One event each *step_s*, the first at 0."""
        return cls.of([number * step_s for number in range(len(bad))], bad)

    def counts(self, at_s: float, window_s: float) -> Counts:
        """What lies in [at - window, at)."""
        low, high = bisect_left(self.seconds, at_s - window_s), bisect_left(self.seconds, at_s)
        return Counts(self.bad_before[high] - self.bad_before[low], high - low)

    def tally(self, objective: Objective, at_s: float) -> Tally:
        """Every window of *objective* at an instant."""
        windows = {window for pair in objective.burn.pairs for window in (pair.long, pair.short)}
        until = bisect_left(self.seconds, at_s)
        return Tally(
            good_since=until - bisect_left(self.bad_before, self.bad_before[until]),
            provider="acme",
            cluster="acme/east",
            target=TARGET,
            objective=objective.name,
            windows={window: self.counts(at_s, window) for window in windows},
        )

    def readings(self, objective: Objective, at_s: float) -> tuple[BurnReading, ...]:
        """Pages, then tickets."""
        at = START + timedelta(seconds=at_s)
        return readings([self.tally(objective, at_s)], (objective,), at)
