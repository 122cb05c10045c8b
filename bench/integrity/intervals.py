"""The interval of a share that was seen k times out of n: exact (Clopper and Pearson 1934)."""

from __future__ import annotations

import math
from collections.abc import Callable

STEPS = 60  # of bisection


def clopper_pearson(k: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided bounds of the share, each side with half of what *confidence* leaves; 0 and 1 for no trial."""
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else _root(lambda p: 1 - at_most(k - 1, n, p), tail)
    high = 1.0 if k == n else _root(lambda p: 1 - at_most(k, n, p), 1 - tail)
    return low, high


def at_most(k: int, n: int, p: float) -> float:
    """P(X <= k) of a binomial."""
    if p <= 0.0 or p >= 1.0:
        return 1.0 if p <= 0.0 or k >= n else 0.0
    logs = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    )
    return min(1.0, math.fsum(math.exp(log) for log in logs))


def _root(rising: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2
