"""
Ticks that nobody can foresee: one in each interval since the epoch, at an instant drawn from a secret.

A provider that knows when probes come can be good to them. Here the next tick may fall anywhere in its interval, and
still every tick has its number, its one observation and its natural key, on every machine that has the secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from probes.schedule import EPOCH, MS, Grid

LANES = 64  # grids of one kind on one target that never tick in the same millisecond
INTERVAL_MS_MIN = 1000


@dataclass(frozen=True, slots=True)
class ScatteredGrid(Grid):
    """One tick in each interval, at a millisecond that *key* draws; *phase_ms* is its remainder by LANES."""

    key: bytes = field(repr=False)

    def after(self, instant: datetime) -> datetime:
        """The first tick strictly after *instant* (aware), at millisecond resolution."""
        past = (instant - EPOCH) // MS
        number = past // self.interval_ms
        at = self._tick_ms(number)
        return EPOCH + MS * (at if at > past else self._tick_ms(number + 1))

    def before(self, instant: datetime) -> datetime:
        """The last tick strictly before *instant*."""
        number = (instant - EPOCH) // MS // self.interval_ms
        tick = EPOCH + MS * self._tick_ms(number)
        return tick if tick < instant else EPOCH + MS * self._tick_ms(number - 1)

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every tick of (start, end], ascending."""
        tick = self.after(start)
        while tick <= end:
            yield tick
            tick = self.after(tick)

    @property
    def beat(self) -> tuple[int, int]:
        """(step, phase) of the milliseconds among which all its ticks are."""
        return LANES, self.phase_ms

    @property
    def name(self) -> str:
        """What tells it from other grids, here; it does not tell the key."""
        return f"{self.interval_ms}~{hashlib.sha256(self.key).hexdigest()[:12]}"

    def _tick_ms(self, number: int) -> int:
        """The tick of the interval *number*, in milliseconds since the epoch."""
        drawn = int.from_bytes(hmac.digest(self.key, str(number).encode(), hashlib.sha256)[:8])
        at = number * self.interval_ms + LANES + drawn % (self.interval_ms - LANES)
        return at - (at - self.phase_ms) % LANES


def scattered_grid(secret: bytes, key: str, interval_s: float, shift: int = 0) -> ScatteredGrid:
    """The grid of a subject; each *shift* is another lane. Raises ValueError for an interval under a second."""
    interval_ms = round(interval_s * 1000)
    if interval_ms < INTERVAL_MS_MIN:
        raise ValueError(f"an interval of {interval_s:g} s is too short for ticks at random")
    drawn = hmac.digest(secret, f"touchstone ticks 1|{key}".encode(), hashlib.sha256)
    return ScatteredGrid(interval_ms, (drawn[0] + shift) % LANES, drawn)
