"""
How often may different questions get one and the same answer?

Null: an honest model gives no answer with a probability above 5 % (very short answers come near that). The commonest of
n is not known beforehand: over all answers the tails sum to at most 20 of those at 5 %, because they grow faster than
the probabilities, which sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from collector.judgement.tails import binomial_tail

ANSWERS_MIN = 25
HONEST_SHARE_MAX = 0.05


@dataclass(frozen=True, slots=True)
class Answers:
    """Digests of answers: how many, how many different, and how often the commonest came."""

    n: int
    distinct: int
    top_n: int


@dataclass(frozen=True, slots=True)
class Repetition:
    """share: of answers that are the commonest one. p: bound on its chance if honest."""

    share: float
    p: float
    n: int


def repetition(answers: Answers | None) -> Repetition | None:
    """The test; None below 25 answers."""
    if answers is None or answers.n < ANSWERS_MIN:
        return None
    return Repetition(answers.top_n / answers.n, chance_of_top(answers.top_n, answers.n), answers.n)


def chance_of_top(top: int, n: int) -> float:
    """A bound on the chance that the commonest of *n* answers came at least *top* times."""
    return min(1.0, binomial_tail(top, n, HONEST_SHARE_MAX) / HONEST_SHARE_MAX)


@lru_cache(4096)
def smallest_share(n: int, *, alpha: float, power: float) -> float:
    """The least share of one recorded answer among *n* that has a chance below *alpha*, with *power*; 1 if none has."""
    top = next((top for top in range(1, n + 1) if chance_of_top(top, n) < alpha), None)
    if top is None:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if binomial_tail(top, n, middle) >= power else (middle, high)
    return high
