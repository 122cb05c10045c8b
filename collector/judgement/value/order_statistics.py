"""
Quantiles with an interval that assumes nothing of the distribution: order statistics, by the binomial of their ranks.

Of n independent answers the number below the quantile is binomial, whatever the times are distributed like (Hahn and
Meeker, Statistical Intervals, 1991, section 5.2). Bounds are edges of log buckets, so bucketing is inside the interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.judgement.facts import HISTOGRAM_BASE, quantile_ms

SIGMAS = 12  # beyond so many of its standard deviations a binomial has nothing that a float could hold


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of *n* values with one-sided bounds; a bound is None where n is too small for one."""

    value: float
    low: float | None
    high: float | None
    n: int

    def inverse(self, of: float) -> Quantile:
        """*of* divided by it: of a rate, when this is a time."""
        return Quantile(
            value=of / self.value,
            low=None if self.high is None else of / self.high,
            high=None if self.low is None else of / self.low,
            n=self.n,
        )


def quantile(histogram: Mapping[int, int], share: float, *, confidence: float) -> Quantile | None:
    """The *share* quantile (0..1) of a log-bucket histogram, each bound one-sided at *confidence*; None when empty."""
    value = quantile_ms(histogram, share)
    if value is None:
        return None
    n = sum(histogram.values())
    lower, upper = ranks(n, share, confidence=confidence)
    return Quantile(
        value=value,
        low=None if lower is None else HISTOGRAM_BASE ** (_bucket(histogram, lower) - 1),
        high=None if upper is None else HISTOGRAM_BASE ** _bucket(histogram, upper),
        n=n,
    )


def ranks(n: int, share: float, *, confidence: float) -> tuple[int | None, int | None]:
    """
    The ranks (1..n) of the order statistics that bound the *share* quantile of n values, one-sided at *confidence*.

    The lower one is the highest that lies above the quantile with a chance of at most 1 - confidence; the upper one the
    lowest that lies below it so rarely. None where no rank does.
    """
    first, chances = _binomial(n, share)
    below = np.cumsum(chances)  # by k from *first* on: that at most k values lie below the quantile
    rare = first + int(np.searchsorted(below, 1 - confidence, side="right"))
    sure = first + int(np.searchsorted(below, confidence)) + 1
    return rare if rare > first else None, sure if sure <= n else None


def _binomial(n: int, share: float) -> tuple[int, npt.NDArray[np.float64]]:
    """A number of successes of *n* at 0 < *share* < 1, and how likely it and those after it are; not what never is."""
    mode = min(n, math.floor((n + 1) * share))
    reach = math.ceil(SIGMAS * math.sqrt(n * share * (1 - share))) + SIGMAS
    first, last, odds = max(0, mode - reach), min(n, mode + reach), share / (1 - share)
    down, up = np.arange(mode, first, -1.0), np.arange(mode, last, dtype=np.float64)
    falling, rising = np.cumprod(down / ((n - down + 1) * odds)), np.cumprod((n - up) * odds / (up + 1))
    weights = np.concatenate((falling[::-1], [1.0], rising))  # relative to the mode's
    return first, weights / weights.sum()


def _bucket(histogram: Mapping[int, int], rank: int) -> int:
    """The bucket that holds the value of *rank* (1..n)."""
    seen = 0
    for bucket, count in sorted(histogram.items()):
        seen += count
        if seen >= rank:
            return bucket
    raise AssertionError(f"no value has rank {rank} of {seen}")
