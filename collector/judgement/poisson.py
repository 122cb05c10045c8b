"""
How often something happens, with bounds: rates of events that come by themselves, some of which weigh more than others.

M. P. Fay, E. J. Feuer, Statistics in Medicine 16 (1997) 791-801: a gamma interval of a weighted sum of Poisson counts.
Where all weigh the same it is Garwood's exact one (F. Garwood, Biometrika 28 (1936) 437-442).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import count

from collector.judgement.numerics import continued_fraction, least

STEPS_MAX = 10_000  # of the series: some tens, near its middle a few times the root of the shape
EXACT = 1e-15


def rate_bounds(weights: Sequence[float], greatest: float, *, confidence: float) -> tuple[float, float]:
    """
    One-sided bounds of the sum of the *weights* of events that came, each one over what it was looked out for.

    *greatest*: the weight that the next one can have at most; without any event the upper bound is of such.
    """
    total, squares = sum(weights), sum(weight * weight for weight in weights)
    low = _gamma_point(1 - confidence, total * total / squares) * squares / total if total else 0.0
    total, squares = total + greatest, squares + greatest * greatest
    return low, _gamma_point(confidence, total * total / squares) * squares / total


@lru_cache(4096)
def _gamma_point(share: float, shape: float) -> float:
    """The value below which a gamma variable of *shape* and scale one lies with the probability *share*."""
    return least(lambda x: gamma_share(x, shape) >= share, shape + 1.0)


def gamma_share(x: float, shape: float) -> float:
    """How probable it is that a gamma variable of *shape* and scale one is below *x*."""
    if x <= 0:
        return 0.0
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    return front * _series(x, shape) if x < shape + 1 else 1.0 - front * _fraction(x, shape)


def _series(x: float, shape: float) -> float:
    """1/a + x/(a(a + 1)) + ...; it converges fast below a + 1."""
    total = term = 1 / shape
    for step in range(1, STEPS_MAX):
        term *= x / (shape + step)
        total += term
        if term < total * EXACT:
            break
    return total


def _fraction(x: float, shape: float) -> float:
    """1/(x + 1 - a - 1(1 - a)/(x + 3 - a - ...)) ; it converges fast above a + 1."""
    first = x + 1 - shape
    return 1 / continued_fraction(first, ((step * (shape - step), first + 2 * step) for step in count(1)))
