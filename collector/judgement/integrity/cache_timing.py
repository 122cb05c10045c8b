"""
Are prompts' beginnings cached? Times to first token of prompts asked before (hit) against those never asked (miss).

A cache is no fraud. What may be worth saying: that its hits are billed in full, and that one account's prompts speed up
another's. The arms have to be interleaved: compared as a first block against a last, honest endpoints are called cached
in 7 to 13 of 100 audits. Each vantage is tested alone, because they differ in distance, and the least p is multiplied
by their number.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from types import MappingProxyType

from collector.judgement.integrity.kolmogorov_smirnov import Smirnov, smaller
from collector.judgement.integrity.rank_sequence import RankSequence, rank_sequence
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

CHECK = "cache_timing"
SERIES = "cache"
HIT, MISS = "hit", "miss"
ALPHA = 1e-6
ARM_MIN = 25
RUNS_MIN = 0.5  # of as many changes between the arms as a random order has
TOLD_MIN = 0.5  # of the hits
POWER = 0.9

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "shared_across_accounts": "a prompt that another account sent is answered sooner: it tells what others ask",
        "cached_prefix_billed_in_full": "prompts sent before are answered sooner, and the usage tells no cached tokens",
        "caches_prefixes": "prompts sent before are answered sooner, and the usage tells cached tokens",
        "no_cache_seen": "prompts sent before are answered no sooner than new ones",
        "too_few_samples": f"no vantage has {ARM_MIN} times of either arm",
        "not_interleaved": "the arms were not interleaved, so the hour may explain what differs",
    }
)
ASSUMPTIONS = (
    "the arms were interleaved at random, and differ in nothing but whether the beginning was sent before",
    "times of one arm are drawn alike; slow drift is the same for both",
)


@dataclass(frozen=True, slots=True)
class _Arms:
    """One vantage's times, in their order."""

    vantage: str
    values: tuple[float, ...]
    hit: tuple[bool, ...]

    def of(self, hit: bool) -> list[float]:
        return [value for value, one in zip(self.values, self.hit, strict=True) if one is hit]

    @property
    def enough(self) -> bool:
        return min(sum(self.hit), len(self.hit) - sum(self.hit)) >= ARM_MIN

    @property
    def interleaved(self) -> bool:
        n, hits = len(self.hit), sum(self.hit)
        runs = 1 + sum(a != b for a, b in zip(self.hit, self.hit[1:], strict=False))
        return runs >= RUNS_MIN * (1 + 2 * hits * (n - hits) / n)


def cache_timing(subject: str, samples: Sequence[KeptSample], *, other_account: bool = False) -> Evidence:
    """
    The evidence of the series `cache` about the target *subject*; times in ms, samples of other targets are left out.

    other_account: the hits' beginnings were sent by another account than the one that was timed.
    """
    mine = [one for one in samples if one.series == SERIES and one.target == subject and _is_time(one)]
    arms = _by_vantage(mine)
    usable = [one for one in arms if one.enough and one.interleaved]
    blank = Evidence(
        check=CHECK,
        family=Family.CACHE,
        grade=Grade.BADGE,
        subject=subject,
        claim="every prompt is computed anew, or the bill says what was not",
        standing=Standing.INSUFFICIENT,
        reason="too_few_samples",
        said=REASONS["too_few_samples"],
        threshold=ALPHA,
        unit="p",
        n=len(mine),
        assumptions=ASSUMPTIONS,
        arithmetic=tuple(f"{one.vantage}: {sum(one.hit)} hits, {len(one.hit) - sum(one.hit)} misses" for one in arms),
    )
    if not usable:
        reason = "not_interleaved" if any(one.enough for one in arms) else "too_few_samples"
        return replace(blank, reason=reason, said=REASONS[reason])
    return _of_usable(blank, mine, usable, other_account)


def _of_usable(blank: Evidence, mine: Sequence[KeptSample], usable: Sequence[_Arms], other_account: bool) -> Evidence:
    tests = [smaller(one.of(True), one.of(False)) for one in usable]
    sequences = [rank_sequence(one.values, one.hit, alpha=ALPHA) for one in usable]
    p = min(1.0, len(tests) * min(test.p for test in tests))
    told = _told(mine)
    if p >= ALPHA:
        standing, reason = Standing.NOT_REJECTED, "no_cache_seen"
    else:
        told_reason = "caches_prefixes" if told > TOLD_MIN else "cached_prefix_billed_in_full"
        standing, reason = Standing.NOTICED, "shared_across_accounts" if other_account else told_reason
    return replace(
        blank,
        standing=standing,
        reason=reason,
        said=f"{REASONS[reason]} (p = {p:.2g})",
        value=p,
        p=p,
        e=math.fsum(one.e for one in sequences) / len(sequences),
        days=len({one.tick.date() for one in mine}),
        vantages=sum(len(tests) * test.p < ALPHA for test in tests),
        smallest=_smallest(usable),
        arithmetic=(
            *blank.arithmetic,
            *(_line(*one) for one in zip(usable, tests, sequences, strict=True)),
            f"p = least of {len(tests)} times {len(tests)}; {told:.0%} of the hits tell cached tokens",
        ),
    )


def _is_time(sample: KeptSample) -> bool:
    return sample.item in {HIT, MISS} and math.isfinite(sample.value) and sample.value > 0


def _by_vantage(samples: Sequence[KeptSample]) -> list[_Arms]:
    found: defaultdict[str, list[KeptSample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda one: one.tick):  # stable: samples of one tick keep their order
        found[sample.vantage].append(sample)
    return [
        _Arms(vantage, tuple(one.value for one in kept), tuple(one.item == HIT for one in kept))
        for vantage, kept in sorted(found.items())
    ]


def _told(samples: Sequence[KeptSample]) -> float:
    """The share of hits whose usage tells cached tokens."""
    hits = [one.text for one in samples if one.item == HIT]
    return sum(text.strip("0 ").isdigit() for text in hits) / len(hits)


def _smallest(usable: Sequence[_Arms]) -> str:
    """The least gap of the distribution functions that would have shown: Smirnov's limit and the scatter at it."""
    least = 1.0
    for one in usable:
        hits = sum(one.hit)
        size = hits * (len(one.hit) - hits) / len(one.hit)
        needed = math.sqrt(math.log(len(usable) / ALPHA) / 2 / size)
        least = min(least, needed + NormalDist().inv_cdf(POWER) / 2 / math.sqrt(size))
    return f"{least:.0%} more of the hits than of the misses within some time, power {POWER:g}"


def _line(arms: _Arms, test: Smirnov, sequence: RankSequence) -> str:
    stopped = (
        f"could have stopped after {sequence.crossed} requests" if sequence.crossed else "could not have stopped early"
    )
    return f"{arms.vantage}: D+ = {test.d:.4f}, p = {test.p:.3g}; e = {sequence.e:.4g}, {stopped}"
