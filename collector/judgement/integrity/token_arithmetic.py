"""
Do they bill more tokens than they send? The slope of billed on counted, which is exactly 1 for an honest provider.

Least squares with intercept (a constant template or end token goes there), residual SD floored at 0.3 tokens, one-sided
t test; for the sample sizes asked for the normal tail is within 1 % of t's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from collector.judgement.facts import TokenArithmetic

REPLIES_MIN = 20
RESIDUAL_SD_MIN = 0.3


@dataclass(frozen=True, slots=True)
class Inflation:
    """slope: tokens billed per token counted. p: chance of such a slope if honest. smallest: what would be caught."""

    slope: float
    p: float
    smallest: float
    n: int


def inflation(sums: TokenArithmetic | None, *, alpha: float) -> Inflation | None:
    """The test; None below 20 replies or when their lengths hardly vary."""
    if sums is None or sums.n < REPLIES_MIN:
        return None
    spread_x = sums.sum_xx * sums.n - sums.sum_x**2  # whole numbers: the same rows give the same bits
    if spread_x <= 0 or spread_x < sums.n**2:  # a variance below one token squared says nothing about a slope
        return None
    covariance = sums.sum_xy * sums.n - sums.sum_x * sums.sum_y
    spread_y = sums.sum_yy * sums.n - sums.sum_y**2
    slope = covariance / spread_x
    residual_variance = max(spread_y - covariance * slope, 0.0) / sums.n / (sums.n - 2)
    sd = max(math.sqrt(residual_variance), RESIDUAL_SD_MIN)
    error = sd / math.sqrt(spread_x / sums.n)
    tail = NormalDist().cdf(-(slope - 1) / error)
    return Inflation(slope, tail, NormalDist().inv_cdf(1 - alpha) * error, sums.n)
