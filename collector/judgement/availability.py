"""
Availability with its intervals: what unknown time could change, and what chance could.

Outages come in bursts, so requests are not independent: the effective sample is n divided by the design effect, the
variance between blocks (cluster x block of time) over the binomial variance (ratio estimator, Cochran 1977, ch. 6).
Bounds are Wilson's on the effective sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
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


@dataclass(frozen=True, slots=True)
class Moments:
    """
    What availability needs to know of some blocks; sums, so that blocks can be added and taken away.

    blocks: those with a good or failed observation. known: good and failed ones; unknown: neither, or not observed.
    Of each block, with f of k known ones failed: *ff* sums f^2, *fk* f k, *kk* k^2.
    """

    blocks: int = 0
    known: int = 0
    failed: int = 0
    unknown: int = 0
    ff: int = 0
    fk: int = 0
    kk: int = 0

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.blocks + other.blocks, self.known + other.known, self.failed + other.failed,
            self.unknown + other.unknown, self.ff + other.ff, self.fk + other.fk, self.kk + other.kk,
        )  # fmt: skip


def moments(blocks: Iterable[Block]) -> Moments:
    """The moments of *blocks* together; in one loop, since every verdict counts thousands of them."""
    used = known = failed = unknown = ff = fk = kk = 0
    for block in blocks:
        f = block.n_failed
        k = block.n_ok + block.n_degraded + f
        used += k > 0
        known += k
        failed += f
        unknown += block.n_unknown + block.n_not_observed
        ff += f * f
        fk += f * k
        kk += k * k
    return Moments(used, known, failed, unknown, ff, fk, kk)


def availability(blocks: Iterable[Block], *, confidence: float) -> Availability | None:
    """The availability over *blocks*; None without a single good or failed observation."""
    return availability_of(moments(blocks), confidence=confidence)


def availability_of(seen: Moments, *, confidence: float) -> Availability | None:
    """The availability of what was *seen*; None without a single good or failed observation."""
    if seen.known == 0:
        return None
    good, everything = seen.known - seen.failed, seen.known + seen.unknown
    effect = design_effect(seen)
    effective = seen.known / effect
    worst, best = good / everything, (good + seen.unknown) / everything
    return Availability(
        point=good / seen.known,
        all_unknown_bad=worst,
        all_unknown_good=best,
        lower=wilson(worst, effective, confidence=confidence)[0],
        upper=wilson(best, effective, confidence=confidence)[1],
        n=seen.known,
        n_effective=effective,
        design_effect=effect,
    )


def design_effect(seen: Moments) -> float:
    """How many times larger the variance is than independent requests would give; at least 1."""
    share = seen.failed / seen.known if seen.known else 0.0
    if seen.blocks < 2 or share in {0.0, 1.0}:
        return 1.0
    squares = seen.ff - 2 * share * seen.fk + share * share * seen.kk
    variance = squares * seen.blocks / (seen.blocks - 1) / seen.known**2
    return max(1.0, variance * seen.known / (share * (1 - share)))


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
