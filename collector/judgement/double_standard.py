"""
Does a provider treat our probes better than our traffic? Two samples of the same hours, compared stratum by stratum.

A stratum is one target over one block of time, for the first token also one class of prompt length: only what both
sides saw of the same thing at the same time is compared, so an outage or a busy evening is not a double standard, and
a long prompt is not held against a short one. The effect is the mean over strata by Mantel-Haenszel's weights. Its
variance is the larger of that within strata and that between them, because requests within a stratum are not
independent. Both tests together are wrong at most once in 1000 honest comparisons.

What else can explain it: a longer way from the application than from our vantage, a client that queues before it
sends, prompts at the long end of their class. So it is a note beside the tier, and no gate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

REASON = "probes_treated_better"
WORDS = "real traffic fares worse than our probes of the same targets in the same hours"
ALPHA = 0.0005  # of each of the two tests
FAILURES_MIN = 0.005  # a difference below this is not worth an accusation
RATIO_MIN = 1.1
STRATA_MIN = 10
N_MIN = 100  # of each side


@dataclass(frozen=True, slots=True)
class FailureStratum:
    """Requests and provider's failures of one target over one block, of our probes and of real traffic."""

    active_n: int
    active_failed: int
    passive_n: int
    passive_failed: int


@dataclass(frozen=True, slots=True)
class Logs:
    """Sums over n natural logarithms of times in ms."""

    n: int
    total: float
    squares: float


@dataclass(frozen=True, slots=True)
class TtftStratum:
    """Times from the start of a request to its first token, of one target, block and class of prompt length."""

    active: Logs
    passive: Logs


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    How much worse real traffic fares: a difference of shares, or a ratio of times.

    low and high bound it, each one-sided. p: chance of such an effect if both are treated alike. smallest: the least
    effect that would have been significant. n and strata count what was compared.
    """

    effect: float
    low: float
    high: float
    p: float
    smallest: float
    n_active: int
    n_passive: int
    strata: int

    def proven(self, least: float) -> bool:
        """Whether it is more than chance allows, and at least *least*, below which it is not worth an accusation."""
        return self.p < ALPHA and self.effect >= least


@dataclass(frozen=True, slots=True)
class DoubleStandard:
    """Both comparisons; None where too little of the same thing was seen by both sides."""

    failures: Comparison | None
    first_token: Comparison | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reason code, when it is proven."""
        worse = self.failures is not None and self.failures.proven(FAILURES_MIN)
        later = self.first_token is not None and self.first_token.proven(RATIO_MIN)
        return (REASON,) if worse or later else ()


def double_standard(
    failures: Sequence[FailureStratum], first_tokens: Sequence[TtftStratum], *, confidence: float
) -> DoubleStandard:
    """Both tests on what both sides saw."""
    return DoubleStandard(
        compared_failures(failures, confidence=confidence), compared_first_tokens(first_tokens, confidence=confidence)
    )


def compared_failures(strata: Sequence[FailureStratum], *, confidence: float) -> Comparison | None:
    """The difference of the failure shares, real traffic's minus ours; None below the minimum."""
    used = [one for one in strata if one.active_n and one.passive_n]
    active, passive = sum(one.active_n for one in used), sum(one.passive_n for one in used)
    if len(used) < STRATA_MIN or min(active, passive) < N_MIN:
        return None
    failed = sum(one.active_failed + one.passive_failed for one in used)
    share = (failed + 0.5) / (active + passive + 1)  # never 0: no failure seen is not no failure possible
    effects = [one.passive_failed / one.passive_n - one.active_failed / one.active_n for one in used]
    weights = [_weight(one.active_n, one.passive_n) for one in used]
    mean, error = _weighted(effects, weights, within=share * (1 - share))
    z, bound = NormalDist().inv_cdf(1 - ALPHA), NormalDist().inv_cdf(confidence) * error
    p = NormalDist().cdf(-mean / error)
    return Comparison(mean, mean - bound, mean + bound, p, z * error, active, passive, len(used))


def compared_first_tokens(strata: Sequence[TtftStratum], *, confidence: float) -> Comparison | None:
    """The ratio of the times to first token, real traffic's over ours, of geometric means; None below the minimum."""
    used = [one for one in strata if one.active.n and one.passive.n]
    active, passive = sum(one.active.n for one in used), sum(one.passive.n for one in used)
    if len(used) < STRATA_MIN or min(active, passive) < N_MIN:
        return None
    spread = sum(_squared_deviations(logs) for one in used for logs in (one.active, one.passive))
    within = spread / max(active + passive - 2 * len(used), 1)
    effects = [one.passive.total / one.passive.n - one.active.total / one.active.n for one in used]
    weights = [_weight(one.active.n, one.passive.n) for one in used]
    mean, error = _weighted(effects, weights, within=within)
    if error == 0.0:
        return None  # every time is the same: nothing was measured
    z, bound = NormalDist().inv_cdf(1 - ALPHA), NormalDist().inv_cdf(confidence) * error
    p = NormalDist().cdf(-mean / error)
    low, high, smallest = (math.exp(value) for value in (mean - bound, mean + bound, z * error))
    return Comparison(math.exp(mean), low, high, p, smallest, active, passive, len(used))


def _weight(active: int, passive: int) -> float:
    """Mantel-Haenszel's: the variance of a difference of two means of these sizes is 1 over it."""
    return active * passive / (active + passive)


def _weighted(effects: Sequence[float], weights: Sequence[float], *, within: float) -> tuple[float, float]:
    """The weighted mean of *effects* and its standard error; *within* is the variance of one request in a stratum."""
    total = math.fsum(weights)
    mean = math.fsum(w * d for w, d in zip(weights, effects, strict=True)) / total
    between = math.fsum((w * (d - mean)) ** 2 for w, d in zip(weights, effects, strict=True)) / total**2
    between *= len(weights) / (len(weights) - 1)
    return mean, math.sqrt(max(between, within / total))


def _squared_deviations(logs: Logs) -> float:
    return max(logs.squares - logs.total**2 / logs.n, 0.0)
