"""
Exact tails of Student's t and of the binomial, both from the regularised incomplete beta function.

I_x(a, b) by its continued fraction (Lentz's method; DLMF 8.17.22), which converges within a few times the square root
of the larger of a and b steps.
"""

from __future__ import annotations

import math
from functools import lru_cache

STEPS_MAX = 100_000
_TINY = 1e-300
_NEAR = 1e-15
_HALVINGS = 200


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
    low, high = 0.0, 1.0
    while student_tail(high, freedom) > tail:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if student_tail(middle, freedom) > tail else (low, middle)
    return high


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
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, STEPS_MAX):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _off_zero(1 + term * d)
        c = _off_zero(1 + term / c)
        value *= c * d
        if abs(c * d - 1) < _NEAR:
            return value
    raise AssertionError(f"I_{x}({a}, {b}) has not converged within {STEPS_MAX} steps")


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
