"""
Availability with its intervals: what unknown time could change, and what chance could.

Outages come in bursts, so requests are not independent: the effective sample is n divided by the design effect, the
variance between blocks (cluster x block of time) over the binomial variance (ratio estimator, Cochran 1977, ch. 6).
Bounds are Wilson's on the effective sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from collector.judgement.facts import Block


@dataclass(frozen=True, slots=True)
class Availability:
    """
    point: good / (good + failed). all_unknown_bad, all_unknown_good: the point if unknown time were one or the other.

    lower and upper are one-sided bounds at the confidence asked for, lower with unknown bad, upper with unknown good.
    """

    point: float
    all_unknown_bad: float
    all_unknown_good: float
    lower: float
    upper: float
    n: int
    n_effective: float
    design_effect: float


def availability(blocks: Sequence[Block], *, confidence: float) -> Availability | None:
    """The availability over *blocks*; None without a single good or failed observation."""
    known = sum(block.known for block in blocks)
    if known == 0:
        return None
    good = sum(block.good for block in blocks)
    unknown = sum(block.n_unknown + block.n_not_observed for block in blocks)
    effect = design_effect(blocks, good / known)
    effective = known / effect
    point = good / known
    worst, best = good / (known + unknown), (good + unknown) / (known + unknown)
    return Availability(
        point=point,
        all_unknown_bad=worst,
        all_unknown_good=best,
        lower=wilson(worst, effective, confidence=confidence)[0],
        upper=wilson(best, effective, confidence=confidence)[1],
        n=known,
        n_effective=effective,
        design_effect=effect,
    )


def design_effect(blocks: Sequence[Block], share: float) -> float:
    """How many times larger the variance is than independent requests would give; at least 1."""
    used = [block for block in blocks if block.known]
    n = sum(block.known for block in used)
    binomial = share * (1 - share) / n if n else 0.0
    if len(used) < 2 or binomial == 0.0:
        return 1.0
    squares = sum((block.good - share * block.known) ** 2 for block in used)
    variance = squares * len(used) / (len(used) - 1) / n**2
    return max(1.0, variance / binomial)


def wilson(share: float, n: float, *, confidence: float) -> tuple[float, float]:
    """Wilson's score bounds of a share seen in *n* (> 0, not necessarily whole); each one-sided at *confidence*."""
    z = NormalDist().inv_cdf(confidence)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def claimable(n: int, *, confidence: float = 0.95) -> float:
    """The availability that *n* clean, independent probes can claim: (1 - confidence)^(1/n); 0 for none."""
    return float((1 - confidence) ** (1 / n)) if n > 0 else 0.0


def probes_to_claim(availability_wanted: float, *, confidence: float = 0.95) -> int:
    """How many clean, independent probes it takes to claim *availability_wanted* (below 1)."""
    return math.ceil(math.log(1 - confidence) / math.log(availability_wanted))
