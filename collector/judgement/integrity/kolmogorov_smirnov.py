"""
The one-sided two-sample Kolmogorov-Smirnov test: are the first sample's values stochastically smaller?

Exact where it can be said in a float, by counting lattice paths; else Hodges' approximation (1958, equation 5.3). The
statistic, the p-value and the choice between the two are scipy's in `ks_2samp(first, second, alternative="greater")`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

EXACT_MAX = 10_000  # of either sample
BINOMIAL_LOG_MAX = math.log(1.79e308)


@dataclass(frozen=True, slots=True)
class Smirnov:
    """d: the largest excess of the first sample's distribution function. p: its chance if both are of one kind."""

    d: float
    p: float
    exact: bool


def smaller(first: Sequence[float], second: Sequence[float]) -> Smirnov:
    """The test that *first* is stochastically smaller than *second*; both at least one value, none of them NaN."""
    n, m = len(first), len(second)
    if not n or not m:
        raise ValueError("each sample needs a value")
    excess = _excess(sorted(first), sorted(second))
    d = excess / (n * m)
    if excess == 0:
        return Smirnov(0.0, 1.0, exact=True)
    if max(n, m) > EXACT_MAX or (n != m and _binomial_log(n + m, n) > BINOMIAL_LOG_MAX):
        return Smirnov(d, _approximate(d, n, m), exact=False)
    p = _equal_sizes(excess // n, n) if n == m else _paths_outside(excess, n, m) / math.comb(n + m, n)
    return Smirnov(d, p, exact=True)


def _excess(first: Sequence[float], second: Sequence[float]) -> int:
    """n m times the largest excess of *first*'s distribution function over *second*'s; both ascending."""
    n, m = len(first), len(second)
    best = i = j = 0
    while i < n:
        value = first[i]
        while i < n and first[i] == value:
            i += 1
        while j < m and second[j] <= value:
            j += 1
        best = max(best, i * m - j * n)
    return best


def _equal_sizes(h: int, n: int) -> float:
    """binom(2n, n - h) / binom(2n, n), as a product."""
    return math.prod((n - j) / (n + j + 1) for j in range(h))


def _paths_outside(excess: int, n: int, m: int) -> int:
    """Orders of n first and m second values in which i m - j n reaches *excess* somewhere, by where they first do."""
    outside, row = 0, [1]  # row: paths to (i, j) that stayed below, for i = 0, 1, ...
    for j in range(m + 1):
        last = min((excess + j * n - 1) // m, n)  # the largest i that is still below
        row = list(accumulate([*row[: last + 1], *([0] * (last + 1 - len(row)))])) if j else [1] * (last + 1)
        if last < n:
            outside += row[last] * math.comb(n - last - 1 + m - j, m - j)
    return outside


def _approximate(d: float, n: int, m: int) -> float:
    larger, less = max(n, m), min(n, m)
    z = math.sqrt(n * m / (n + m)) * d
    return min(1.0, math.exp(-2 * z**2 - 2 * z * (larger + 2 * less) / math.sqrt(n * m * (n + m)) / 3))


def _binomial_log(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
