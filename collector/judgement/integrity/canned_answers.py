"""
Does a model answer, or a recording? Every prompt is unique, so its answer should be; a recording repeats itself.

Null: an honest answer equals the commonest other one with probability at most 5 % (very short answers do that).
The bound on the tail is Chernoff's, exp(-n KL(top/n || 0.05)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from collector.judgement.facts import Answers

ANSWERS_MIN = 25
HONEST_SHARE_MAX = 0.05


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
    share = answers.top_n / answers.n
    return Repetition(share, tail_bound(share, answers.n, HONEST_SHARE_MAX), answers.n)


def tail_bound(share: float, n: int, null: float) -> float:
    """An upper bound on P(X >= share n), X binomial(n, null)."""
    if share <= null:
        return 1.0
    divergence = share * math.log(share / null)
    if share < 1:
        divergence += (1 - share) * math.log((1 - share) / (1 - null))
    return math.exp(-min(n * divergence, 700.0))
