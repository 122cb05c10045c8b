"""The search for the largest number that still does: doubling, then halving the gap. Pure but for what it is given."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.measure.lateness import Trial

TARGETS_MIN = 60  # one probe a second
TARGETS_MAX = 1_000_000


def search(try_at: Callable[[int], Trial], *, start: int, refinements: int) -> tuple[Trial, ...]:
    """Every trial made; the answer is the largest good one (`largest_good`)."""
    trials = [try_at(start)]
    factor = 2.0 if trials[0].good else 0.5
    while trials[-1].good == trials[0].good and TARGETS_MIN < trials[-1].targets * factor < TARGETS_MAX:
        trials.append(try_at(round(trials[-1].targets * factor)))
    for _ in range(refinements):
        good = max((one.targets for one in trials if one.good), default=None)
        bad = min((one.targets for one in trials if not one.good), default=None)
        if good is None or bad is None or bad <= good:
            break
        trials.append(try_at(round(math.sqrt(good * bad))))
    return tuple(trials)


def largest_good(trials: tuple[Trial, ...]) -> int:
    """How many targets a core holds: below the smallest number that failed, the largest that did not; 0 when none."""
    bad = min((one.targets for one in trials if not one.good), default=TARGETS_MAX)
    return max((one.targets for one in trials if one.good and one.targets < bad), default=0)
