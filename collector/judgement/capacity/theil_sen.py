"""
A line through points that outliers cannot bend: Theil-Sen's slope, with Sen's confidence limits by rank.

P. K. Sen, JASA 63 (1968) 1379-1389; the ranks, with their correction for ties, are scipy's in `stats.theilslopes`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist, median


@dataclass(frozen=True, slots=True)
class Line:
    """Through the medians (x, y) with *slope*; the true slope lies in [low, high] at the confidence asked for."""

    slope: float
    low: float
    high: float
    x: float
    y: float

    def at(self, x: float, slope: float | None = None) -> float:
        """Its height at *x*, or that of the line through the same middle with another *slope*."""
        return self.y + (self.slope if slope is None else slope) * (x - self.x)


def theil_sen(points: Sequence[tuple[float, float]], *, confidence: float) -> Line:
    """The line through *points*, at least two of them with different x; limits two-sided at *confidence*."""
    slopes = sorted((b - a) / (q - p) for (p, a), (q, b) in combinations(points, 2) if p != q)
    n = len(slopes)
    spread = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(_variance(points))
    high = min(round((n + spread) / 2), n - 1)
    low = max(round((n - spread) / 2) - 1, 0)
    return Line(median(slopes), slopes[low], slopes[high], median(x for x, _ in points), median(y for _, y in points))


def _variance(points: Sequence[tuple[float, float]]) -> float:
    """Of Kendall's score, when there is no trend."""
    ties = _term(Counter(x for x, _ in points).values()) + _term(Counter(y for _, y in points).values())
    return max(0.0, (_term([len(points)]) - ties) / 18)


def _term(counts: Iterable[int]) -> float:
    return sum(k * (k - 1) * (2 * k + 5) for k in counts)
