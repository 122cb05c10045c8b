"""What a run measures: the whole, and the quick one."""

from __future__ import annotations

from dataclasses import dataclass

STEP_S = 10  # of the past's grid: 90 clusters x 90 days x 8,640 a day = 69,984,000 probes
PAGE_S_MAX, FILTER_S_MAX = 2.0, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    *rounds* of every page, each once with empty caches and *warm* times after it.

    *pairs* of *watch_s* seconds without viewers and as many with them.
    """

    quick: bool
    days: int
    rounds: int
    warm: int
    viewers: int
    pairs: int
    watch_s: int
    stay_s: float  # how long a viewer looks at a page


FULL = Plan(quick=False, days=90, rounds=5, warm=3, viewers=20, pairs=5, watch_s=60, stay_s=10.0)
QUICK = Plan(quick=True, days=2, rounds=1, warm=1, viewers=20, pairs=1, watch_s=12, stay_s=4.0)
