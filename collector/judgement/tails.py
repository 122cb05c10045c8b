"""
Exact tails of Student's t and of the binomial, both from the regularised incomplete beta function.

I_x(a, b) by its continued fraction (DLMF 8.17.22), which converges within a few times the square root of the larger
of a and b steps.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import count

from collector.judgement.numerics import continued_fraction, least


def beta_share(x: float, a: float, b: float) -> float:
    """I_x(a, b), the share of the beta distribution with *a*, *b* > 0 that lies below *x*."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    return _front(x, a, b) / _fraction(x, a, b)


def student_tail(t: float, freedom: int) -> float:
    """P(T > t) of Student's t with *freedom* >= 1 degrees of freedom."""
    half = beta_share(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
    return half if t >= 0 else 1 - half


@lru_cache(4096)
def student_point(tail: float, freedom: int) -> float:
    """The t > 0 with P(T > t) = *tail* (0 < tail < .5)."""
    return least(lambda t: student_tail(t, freedom) <= tail, 1.0)


def binomial_tail(k: int, n: int, share: float) -> float:
    """P(X >= k) of *n* independent events that each happen with probability *share*."""
    if k <= 0:
        return 1.0
    return 0.0 if k > n else beta_share(share, k, n - k + 1)


def binomial_point(n: int, share: float, *, alpha: float) -> int:
    """The least k with P(X >= k) <= *alpha*; n + 1 when there is none."""
    low, high = 0, n + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if binomial_tail(middle, n, share) <= alpha else (middle + 1, high)
    return low


def _front(x: float, a: float, b: float) -> float:
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logs) / a


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction 1 + d1/(1 + d2/(1 + ...))."""
    return continued_fraction(1.0, ((_term(step, x, a, b), 1.0) for step in count(1)))


def _term(step: int, x: float, a: float, b: float) -> float:
    m = step // 2
    if step % 2:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
