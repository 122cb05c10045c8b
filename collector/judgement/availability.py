"""
Availability with its intervals: what unknown time could change, and what chance could.

Outages come in bursts, so requests are not independent: the effective sample is n divided by the design effect, the
variance between blocks over the binomial variance (ratio estimator, Cochran 1977, ch. 6). An outage may hold one
cluster or all of a provider at once, so two partitions are counted, cluster x block of time and block of time alone,
and the larger effect is taken. Bounds are Wilson's on the effective sample; where the effect is above 1 it is an
estimate from few blocks of time, and Student's t takes the place of the normal quantile (Korn and Graubard 1998).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from collector.judgement.facts import Block
from collector.judgement.tails import student_point

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Availability:
    """
    point: good / (good + failed). all_unknown_bad, all_unknown_good: the point if unknown time were one or the other.

    lower and upper are one-sided bounds at the confidence asked for, lower with unknown bad, upper with unknown good.
    freedom: degrees of freedom of the design effect; None where it is 1.
    """

    point: float
    all_unknown_bad: float
    all_unknown_good: float
    lower: float
    upper: float
    n: int
    n_effective: float
    design_effect: float
    freedom: int | None


@dataclass(frozen=True, slots=True)
class Squares:
    """
    How failures lie in the parts of a partition; sums, so that parts can be added.

    parts: those with a good or failed observation. Of each, with f of k failed: *ff* sums f^2, *fk* f k, *kk* k^2.
    """

    parts: int = 0
    ff: int = 0
    fk: int = 0
    kk: int = 0

    def __add__(self, other: Squares) -> Squares:
        return Squares(self.parts + other.parts, self.ff + other.ff, self.fk + other.fk, self.kk + other.kk)


@dataclass(frozen=True, slots=True)
class Moments:
    """
    What availability needs to know of some blocks; sums, so that those of other times can be added.

    known: good and failed observations; unknown: neither, or not observed. *blocks*: by cluster and block of time;
    *times*: by block of time, all clusters together.
    """

    known: int = 0
    failed: int = 0
    unknown: int = 0
    blocks: Squares = Squares()
    times: Squares = Squares()

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.known + other.known, self.failed + other.failed, self.unknown + other.unknown,
            self.blocks + other.blocks, self.times + other.times,
        )  # fmt: skip


def moments(blocks: Iterable[Block]) -> Moments:
    """The moments of *blocks* together, of every time all that there are of it."""
    known = failed = unknown = 0
    counts: list[tuple[int, int]] = []
    by_time: dict[datetime, tuple[int, int]] = {}
    for block in blocks:
        f = block.n_failed
        k = block.n_ok + block.n_degraded + f
        unknown += block.n_unknown + block.n_not_observed
        if k:
            known += k
            failed += f
            counts.append((f, k))
            before = by_time.get(block.start, (0, 0))
            by_time[block.start] = (before[0] + f, before[1] + k)
    return Moments(known, failed, unknown, _squares(counts), _squares(by_time.values()))


def moments_of(known: Numbers, failed: Numbers, unknown: Numbers) -> Moments:
    """As `moments`, of counts as arrays, [cluster, block of time]: 0 where nothing is known."""
    parts = (known, failed), (known.sum(axis=0), failed.sum(axis=0))
    blocks, times = (
        Squares(*map(int, (np.count_nonzero(k), (f * f).sum(), (f * k).sum(), (k * k).sum()))) for k, f in parts
    )
    return Moments(int(known.sum()), int(failed.sum()), int(unknown.sum()), blocks, times)


def _squares(counts: Iterable[tuple[int, int]]) -> Squares:
    """In one loop, since every verdict counts thousands of blocks."""
    parts = ff = fk = kk = 0
    for f, k in counts:
        parts += 1
        ff += f * f
        fk += f * k
        kk += k * k
    return Squares(parts, ff, fk, kk)


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
    freedom = freedom_of(seen, effect)
    worst, best = good / everything, (good + seen.unknown) / everything
    return Availability(
        point=good / seen.known,
        all_unknown_bad=worst,
        all_unknown_good=best,
        lower=wilson(worst, effective, confidence=confidence, freedom=freedom)[0],
        upper=wilson(best, effective, confidence=confidence, freedom=freedom)[1],
        n=seen.known,
        n_effective=effective,
        design_effect=effect,
        freedom=freedom,
    )


def design_effect(seen: Moments) -> float:
    """How many times larger the variance is than independent requests give, by the partition that says more; >= 1."""
    share = seen.failed / seen.known if seen.known else 0.0
    if share in {0.0, 1.0}:
        return 1.0
    binomial = share * (1 - share) / seen.known
    return max(1.0, *(_variance(one, share, seen.known) / binomial for one in (seen.blocks, seen.times)))


def freedom_of(seen: Moments, effect: float) -> int | None:
    """Degrees of freedom of a design *effect*: blocks of time less one; None where nothing was estimated."""
    return max(1, seen.times.parts - 1) if effect > 1 else None


def bounded(share: float, seen: Moments, *, confidence: float) -> tuple[float, float]:
    """Wilson's bounds of a *share* of all that is known of what was *seen*, by its effective sample."""
    effect = design_effect(seen)
    return wilson(share, seen.known / effect, confidence=confidence, freedom=freedom_of(seen, effect))


def _variance(squares: Squares, share: float, known: int) -> float:
    """Of the *share* that failed of *known*, a ratio estimator over the parts of a partition; 0 for a single part."""
    if squares.parts < 2:
        return 0.0
    spread = squares.ff - 2 * share * squares.fk + share * share * squares.kk
    return spread * squares.parts / (squares.parts - 1) / known**2


def wilson(share: float, n: float, *, confidence: float, freedom: int | None = None) -> tuple[float, float]:
    """
    Wilson's score bounds of a share seen in *n* (> 0, not necessarily whole); each one-sided at *confidence* (> .5).

    *freedom*: degrees of freedom with which *n* was estimated; None where it is known.
    """
    z = NormalDist().inv_cdf(confidence) if freedom is None else student_point(1 - confidence, freedom)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def claimable(n: int, *, confidence: float = 0.95) -> float:
    """The availability that *n* clean, independent probes can claim: (1 - confidence)^(1/n); 0 for none."""
    return float((1 - confidence) ** (1 / n)) if n > 0 else 0.0


def probes_to_claim(availability_wanted: float, *, confidence: float = 0.95) -> int:
    """How many clean, independent probes it takes to claim *availability_wanted* (below 1)."""
    return math.ceil(math.log(1 - confidence) / math.log(availability_wanted))
