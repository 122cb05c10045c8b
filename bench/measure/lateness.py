"""How late probes were: requests that the load server had, against the grid on which they were due. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.spread import percentile
from probes.schedule import phase_ms

LATENESS_MS_MAX = 50.0
ASKED_SHARE_MIN = 0.99


@dataclass(frozen=True, slots=True)
class Trial:
    """So many targets at one probe a minute: how late they were asked, what share of them, and the cores it took."""

    targets: int
    p50_ms: float
    p99_ms: float
    asked_share: float
    cores: float

    @property
    def good(self) -> bool:
        """Whether a core holds so many."""
        return self.p99_ms < LATENESS_MS_MAX and self.asked_share >= ASKED_SHARE_MIN


@dataclass(frozen=True, slots=True)
class Window:
    """From the one instant up to the other, in ms of wall time since the epoch."""

    start_ms: float
    end_ms: float


def trial_of(targets: int, lateness_ms: Sequence[float], due: int, cores: float) -> Trial:
    """The trial in which *due* probes were due and these were asked; nothing asked is infinitely late."""
    if not lateness_ms:
        return Trial(targets, math.inf, math.inf, 0.0, cores)
    p50_ms, p99_ms = percentile(lateness_ms, 0.5), percentile(lateness_ms, 0.99)
    return Trial(targets, p50_ms, p99_ms, len(lateness_ms) / max(1, due), cores)


def due_in(window: Window, keys: Sequence[str], interval_ms: int) -> int:
    """How many ticks of the subjects *keys* lie in the window."""
    return sum(
        math.ceil((window.end_ms - phase) / interval_ms) - math.ceil((window.start_ms - phase) / interval_ms)
        for phase in (phase_ms(key, interval_ms) for key in keys)
    )


def lateness_on_grid_ms(
    seen: Sequence[tuple[str, float]], key_of: Mapping[str, str], window: Window, interval_ms: int
) -> list[float]:
    """
    The lateness of every request of *seen* (path, wall ms) whose tick lies in the window.

    A request belongs to the last tick before it, so a lateness of a whole interval cannot be told from none: the
    number of them is compared with what was due.
    """
    late = []
    for path, at_ms in seen:
        late_ms = (at_ms - phase_ms(key_of[path], interval_ms)) % interval_ms
        if window.start_ms <= at_ms - late_ms < window.end_ms:
            late.append(late_ms)
    return late
