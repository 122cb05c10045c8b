"""Medians with their spread, and percentiles: the arithmetic that every bench shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of *n* runs, between the lowest and the highest of them."""

    median: float
    low: float
    high: float
    n: int


def spread(runs: Sequence[float]) -> Spread | None:
    """The spread of a figure over its runs; None when there was no run."""
    return Spread(median(runs), min(runs), max(runs), len(runs)) if runs else None


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that at least *share* (0..1] of *values* do not exceed."""
    assert values and 0 < share <= 1
    return sorted(values)[math.ceil(share * len(values)) - 1]
