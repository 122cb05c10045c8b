"""
Evidence from events that were declared beforehand: each has at most a known probability while the claim holds.

The e-process of yes-or-no events, the mean over alternatives q of prod (q/p0)^x ((1-q)/(1-p0))^(1-x): one event of
probability p0 is worth at most 1/p0, and 1/p of a p-value that was seen is never used. Valid at every look (Ville),
while each event has probability at most p0 given those before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

ALTERNATIVES = 12
LOWEST = 2.0  # times p0
HIGHEST = 0.9
LOG_MAX = 690.0  # e to this is still a number


def declared(seen: int, n: int, *, p0: float) -> float:
    """The e-value of *seen* events out of *n* that each had probability at most *p0* (below 0.45); 1 for none."""
    logs = [
        seen * math.log(q / p0) + (n - seen) * (math.log1p(-q) - math.log1p(-p0))
        for q in (LOWEST * p0 * (HIGHEST / (LOWEST * p0)) ** (i / (ALTERNATIVES - 1)) for i in range(ALTERNATIVES))
    ]
    return mean_of_exponentials(logs)


def mean_of_exponentials(logs: Sequence[float]) -> float:
    """The mean of e to each, without overflow; at most e^690."""
    top = max(logs)
    return math.exp(min(top + math.log(math.fsum(math.exp(log - top) for log in logs) / len(logs)), LOG_MAX))
