"""Ticks: a grid anchored at the epoch, with a phase hashed from the subject, so that nothing drifts or bunches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import gcd

PHASES_MAX = 1_000  # candidates for a phase that meets nobody
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Grid:
    """The ticks of one subject: every *interval_ms* since the epoch, *phase_ms* (0..interval) into each interval."""

    interval_ms: int
    phase_ms: int

    @property
    def interval(self) -> timedelta:
        """From one tick to the next."""
        return timedelta(milliseconds=self.interval_ms)

    def after(self, instant: datetime) -> datetime:
        """The first tick strictly after *instant* (aware), at millisecond resolution."""
        past = (instant - EPOCH) // MS
        return EPOCH + MS * (((past - self.phase_ms) // self.interval_ms + 1) * self.interval_ms + self.phase_ms)

    def before(self, instant: datetime) -> datetime:
        """The last tick strictly before *instant*."""
        tick = self.after(instant) - self.interval
        return tick if tick < instant else tick - self.interval

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every tick of (start, end], ascending."""
        tick, interval = self.after(start), self.interval
        while tick <= end:
            yield tick
            tick += interval

    def meets(self, other: Grid) -> bool:
        """Whether the two can ever tick in the same millisecond."""
        (step, phase), (others, other_phase) = self.beat, other.beat
        return (phase - other_phase) % gcd(step, others) == 0

    @property
    def beat(self) -> tuple[int, int]:
        """(step, phase) of the milliseconds among which all its ticks are."""
        return self.interval_ms, self.phase_ms

    @property
    def name(self) -> str:
        """What tells it from other grids, here."""
        return f"{self.interval_ms}+{self.phase_ms}"


def phase_ms(key: str, interval_ms: int) -> int:
    """Where in its interval a subject ticks: 0..interval, from the hash of its key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % interval_ms


def grid_of(key: str, interval_s: float, shift: int = 0) -> Grid:
    """The grid of a subject; each *shift* is another phase, and 0 is the one it has unless that meets another's."""
    interval_ms = round(interval_s * 1000)
    return Grid(interval_ms, phase_ms(f"{key}|{shift}" if shift else key, interval_ms))


def shift_apart(grid: Callable[[int], Grid], others: Sequence[Grid]) -> int | None:
    """The smallest shift whose *grid* never meets *others*; None when there is none, as intervals 1 ms apart have."""
    for shift in range(PHASES_MAX):
        if not any(grid(shift).meets(other) for other in others):
            return shift
    return None


def tick_number(tick: datetime, interval_s: float) -> int:
    """Which interval since the epoch *tick* falls in."""
    return (tick - EPOCH) // timedelta(milliseconds=1) // round(interval_s * 1000)


def confirm_gap_s(key: str, tick: datetime, attempt: int, low_s: float, high_s: float) -> float:
    """How long to wait before a re-probe: between *low_s* and *high_s*, hashed, so that re-probes do not bunch."""
    share = phase_ms(f"{key}|{tick.isoformat()}|{attempt}", 1_000_000) / 1_000_000
    return low_s + (high_s - low_s) * share
