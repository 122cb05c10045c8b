"""
A rank test that may be looked at after every block, and stopped: an e-process for "labels say nothing of values".

Ten requests in the order of time are a block. If labels were drawn at random, every way to give them to the block's
values is equally likely, whatever drifts from block to block; a block's e-value is exp(bet x sum of the first label's
ranks, low ones counting for it) over its mean of all those ways. The mean over six bets of the products is ever at
least 1/alpha with probability at most alpha (Ville).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from collector.judgement.integrity.declared_events import mean_of_exponentials

BLOCK = 10
BETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True, slots=True)
class RankSequence:
    """e: after the last whole block. crossed: requests after which it had reached 1/alpha, None if it never did."""

    e: float
    crossed: int | None


def rank_sequence(values: Sequence[float], first: Sequence[bool], *, alpha: float) -> RankSequence:
    """The e-process of *values* in order of time; *first* says which are meant to be smaller. 1 without a block."""
    logs = [0.0] * len(BETS)
    crossed: int | None = None
    e = 1.0
    for start in range(0, len(values) - BLOCK + 1, BLOCK):
        scores, chosen = _scores(values[start : start + BLOCK]), first[start : start + BLOCK]
        logs = [log + _log_e(scores, chosen, bet) for log, bet in zip(logs, BETS, strict=True)]
        e = mean_of_exponentials(logs)
        if crossed is None and e >= 1 / alpha:
            crossed = start + BLOCK
    return RankSequence(e, crossed)


def _scores(values: Sequence[float]) -> list[float]:
    """How far below the middle each value's rank is, as a share of the block; equal values share a rank."""
    n = len(values)
    return [
        (sum(other > value for other in values) - sum(other < value for other in values)) / (2 * n) for value in values
    ]


def _log_e(scores: Sequence[float], chosen: Sequence[bool], bet: float) -> float:
    """The log of exp(bet x chosen scores) over its mean of all choices of as many."""
    k = sum(chosen)
    sums = [1.0] + [0.0] * k  # elementary symmetric polynomials of exp(bet x score)
    for score in scores:
        weight = math.exp(bet * score)
        for size in range(k, 0, -1):
            sums[size] += weight * sums[size - 1]
    own = math.fsum(score for score, one in zip(scores, chosen, strict=True) if one)
    return bet * own - math.log(sums[k] / math.comb(len(scores), k))
