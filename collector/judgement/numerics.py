"""Continued fractions, and where a function of one number crosses a value: what tails of distributions are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator

STEPS_MAX = 100_000
_TINY = 1e-300
_NEAR = 1e-15
_HALVINGS = 200


def continued_fraction(first: float, terms: Iterator[tuple[float, float]]) -> float:
    """
    first + a1/(b1 + a2/(b2 + ...)) of the *terms* (a, b), as far as a float can tell; *first* is not 0.

    By Lentz's method (Lentz 1976, as modified by Thompson and Barnett 1986). What has not converged within STEPS_MAX
    steps is a mistake of ours.
    """
    value = c = first
    d = 0.0
    for _, (a, b) in zip(range(STEPS_MAX), terms, strict=False):
        d = 1 / _off_zero(b + a * d)
        c = _off_zero(b + a / c)
        value *= c * d
        if abs(c * d - 1) < _NEAR:
            return value
    raise AssertionError(f"a continued fraction from {first} has not converged within {STEPS_MAX} steps")


def least(holds: Callable[[float], bool], high: float) -> float:
    """The least number > 0 of which *holds* is true, as it is of all above, as far as a float can tell; *high* > 0."""
    while not holds(high):
        high *= 2
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
