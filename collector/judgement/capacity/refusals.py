"""The share of serving requests that were refused, with its interval: the judge's own of availability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.judgement.availability import availability
from collector.judgement.facts import Block


@dataclass(frozen=True, slots=True)
class Refused:
    """
    The *share* of *n* known requests that was refused; *unknown* ones beside them.

    low and high are one-sided bounds on the effective sample: low with all unknown served, high with all refused.
    """

    share: float
    low: float
    high: float
    n: int
    unknown: int


def refused(blocks: Sequence[Block], *, confidence: float) -> Refused | None:
    """Of *blocks*, whose failed ones were refused; None without one known request."""
    served = availability(blocks, confidence=confidence)
    if served is None:
        return None
    unknown = sum(block.n_unknown + block.n_not_observed for block in blocks)
    return Refused(1 - served.point, 1 - served.upper, 1 - served.lower, served.n, unknown)
