"""
Evidence that may be looked at every day: e-values of what comes in one after the other.

An e-value has a mean of at most 1 while the claim holds, so a claim is given up wrongly with probability at most alpha
when that is done at 1 / alpha; of a process of them also when it is looked at after every step (Ville's inequality).
A p-value that is looked at daily has no such bound, and 1/p of a p-value that was seen is no e-value.

Source: Waudby-Smith and Ramdas 2024 (betting).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from collector.judgement.integrity.e_value import E_MAX

ALTERNATIVES = 24
ALTERNATIVE_LOW, ALTERNATIVE_HIGH = 1.1, 30.0  # times p0
SHARE_MAX = 0.999
LAMBDAS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)  # bets; each below 1/p0, so that nothing falls below 0
DAYS_MAX = 60  # the horizon of from_any_day, fixed beforehand


@dataclass(frozen=True, slots=True)
class Fold:
    """An e-value with the name of the part of the reference that it was made from."""

    reference: str
    e: float


def bernoulli_mixture(hits: int, n: int, *, p0: float) -> float:
    """
    The e-process after *n* yes-or-no events of which *hits* were bad, for "bad with probability at most *p0*".

    Mean over 24 alternatives between 1.1 and 30 times p0. Only for events that are independent; outages are not.
    """
    alternatives = np.geomspace(ALTERNATIVE_LOW * p0, min(ALTERNATIVE_HIGH * p0, SHARE_MAX), ALTERNATIVES)
    logs = hits * np.log(alternatives / p0) + (n - hits) * (np.log1p(-alternatives) - math.log1p(-p0))
    return _mean_of_exponentials(logs)


def block_betting(means: Sequence[float], *, p0: float) -> float:
    """
    The e-process after blocks of time (6 hours) with these mean shares of bad events, each in 0..1.

    For "the mean of a block, given those before, is at most *p0*", however bursty it is within the block. Mean over
    eight bets.
    """
    bets = np.array([bet for bet in LAMBDAS if bet < 1 / p0])
    logs = np.log1p(np.outer(np.asarray(means, dtype=float) - p0, bets)).sum(axis=0)
    return _mean_of_exponentials(logs)


def product(folds: Sequence[Fold]) -> float:
    """The e-process over *folds* in order, each of which has a part of the reference to itself."""
    _assert_fresh(folds)
    return _exponential(sum(_log(fold.e) for fold in folds))


def from_any_day(folds: Sequence[Fold]) -> float:
    """
    The product over fresh *folds* (days, at most 60), begun on a day that nobody knows: a mean over the beginnings.

    Half of the weight is on the first day, the rest spread evenly on days 2 to 60; a product that has not begun is 1.
    After honest weeks it has lost a factor of 118 at most, where the plain product loses one of e^0.5 a day.
    """
    _assert_fresh(folds)
    if len(folds) > DAYS_MAX:
        raise ValueError(f"the horizon is {DAYS_MAX} days, not {len(folds)}")
    if not folds:
        return 1.0
    ends = np.cumsum([_log(fold.e) for fold in reversed(folds)])[::-1]  # the product from each day to the last
    weights = np.full(len(folds), 0.5 / (DAYS_MAX - 1))
    weights[0] = 0.5
    begun = float(np.exp(np.minimum(ends, math.log(E_MAX))) @ weights)
    return min(begun + 1 - float(weights.sum()), E_MAX)


def _assert_fresh(folds: Iterable[Fold]) -> None:
    names = [fold.reference for fold in folds]
    if len(set(names)) != len(names):
        raise ValueError("a product needs a fresh part of the reference for every factor; take mean_of instead")


def _log(e: float) -> float:
    return math.log(e) if e > 0 else -math.inf


def _exponential(log: float) -> float:
    return math.exp(min(log, math.log(E_MAX)))


def _mean_of_exponentials(logs: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    top = float(logs.max())
    return _exponential(top + math.log(float(np.exp(logs - top).mean())))
